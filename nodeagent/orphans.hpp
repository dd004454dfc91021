// nodeagent/orphans.hpp - what a job left behind where no cgroup tells: children handed to supd.
// SPDX-License-Identifier: Apache-2.0
//
// supd is a child subreaper, so every process whose parent died becomes its child. A child that
// supd did not launch is an orphan of some job; its environment's epoch and its session say whose.
// Killing it hands its own children to supd in turn, so repeating this empties the tree. Weaker
// than a cgroup: a process that changed its session and wiped its environment is known only by its
// user.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "nodeagent/reports.hpp"

namespace drover::nodeagent {

struct Orphan {
  pid_t pid = 0, session = 0;
  std::uint32_t uid = 0;
  std::uint64_t epoch = 0;  // DROVER_EPOCH of its environment; 0 when it cannot be read
};

// Children of this process that are not in `known` (sorted). Costs one small read when there are
// none.
std::vector<Orphan> find_orphans(const std::vector<pid_t>& known);

// All processes of the machine with this session or epoch, for attempts that an earlier supd
// launched and that are not our children. Costs a walk over /proc.
std::vector<Orphan> find_by_mark(pid_t session, std::uint64_t epoch);

}  // namespace drover::nodeagent
