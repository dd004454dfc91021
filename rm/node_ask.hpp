// rm/node_ask.hpp - a request in the inventory's terms: names looked up, numbers checked.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "rm/amounts.hpp"
#include "rm/core_rule.hpp"
#include "rm/request.hpp"

namespace drover::rm {

inline constexpr std::uint32_t kNodesMax = 1 << 20;

// Whether its numbers can be counted with; what the entrance lets in can be.
bool is_countable(const Request& request);

struct NamedAmount {
  Kind kind{};
  std::int64_t amount = 0;
};

// A Request in the inventory's terms.
struct NodeAsk {
  std::uint32_t cpus = 0, gpus = 0;
  std::int64_t mem_mib = 0;
  std::string gpu_model;
  bool exclusive = false;
  std::uint32_t constraint = 0;  // 0 = any node
  std::uint32_t nodes = 1;
  std::uint32_t gpu_share = 0;         // thousandths of one GPU; `gpus` is then 0
  std::vector<NamedAmount> licences;   // of the head's part
  std::vector<NamedAmount> resources;  // custom ones, of each node
  bool is_gang = false;  // needs best_nodes: several nodes, or a constraint that counts them
  CoreRule cores;
  bool contiguous = false;
  std::int64_t sole_user = 0;  // as in the request
  std::uint32_t engines = 0;   // likewise
  bool is_statement() const { return cpus == 0; }
};

}  // namespace drover::rm
