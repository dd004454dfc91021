// rm/request.hpp - what one task asks for. Equal requests form one equivalence class.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <compare>
#include <cstdint>
#include <map>
#include <string>

#include "rm/amounts.hpp"

namespace drover::rm {

using Labels = std::map<std::string, std::string>;  // ordered: iteration feeds decisions

struct Request {             // amounts are per node
  std::int64_t cpus = 1;     // logical CPUs: tasks on the node * cpus_per_task
  std::int64_t mem_mib = 0;  // 0 = not limited, not counted
  std::int64_t gpus = 0;
  std::string gpu_model;   // empty = any
  bool exclusive = false;  // the node alone
  Labels node_labels;      // every one must be on the node with the same value
  std::int64_t nodes = 1;  // a gang: all of them at once, or none
  std::string constraint;  // expression over labels, see rm/node_expression.hpp; empty = any
  friend auto operator<=>(const Request&, const Request&) = default;
};

}  // namespace drover::rm
