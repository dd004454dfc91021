// rm/no_fit.hpp - why nothing fits, for how long it should, and what may have changed that.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.hpp"
#include "rm/amounts.hpp"
#include "rm/node_timeline.hpp"
#include "rm/reserved_room.hpp"

namespace drover::rm {

// Too few nodes fit, counted by cause when the request was last tried in earnest: again after
// something was freed.
struct NoFit {
  std::uint32_t nodes_total = 0, not_up = 0;
  std::uint32_t label_mismatch = 0;  // up, but without a label or the GPU model that is asked for
  std::uint32_t too_small = 0;       // even when empty
  std::uint32_t busy = 0;            // would fit when empty
  std::uint32_t of_one_user = 0;     // of the busy nodes looked at: with jobs of one user alone
  std::uint32_t fit_now = 0;         // of a gang that needs more of them
  std::uint32_t nodes_needed = 1;
  // Of several components the first that is short, counted from 1, and of which all this is said;
  // 0: all of them together, where each alone would find its nodes.
  std::uint32_t component = 0;
  bool held = false;  // a node has room now that is held for others; only acquire() says so
  std::optional<Kind> mostly_short_of;  // judged by up to 64 of the busy nodes; Nodes = held alone
};

// The time during which a task may run. Without plans for the future it does not matter.
struct Window {
  Time from, until = kEver;
  ReservedId by = kUnreserved;  // the reservation that it runs in: nowhere else
  std::optional<HoldId> own{};  // what is kept of quotas for the asker himself
};

// What may let a waiting task start since this was asked last.
struct Freed {
  std::vector<std::uint32_t> quotas;  // by index; a release frees those of its path, an edit all
  std::vector<NodeId> nodes;          // on which a lease ended
  bool everything = false;            // nodes came, went or changed
};

}  // namespace drover::rm
