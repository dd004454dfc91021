// rm/request.hpp - what one task asks for. Equal requests form one equivalence class.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <compare>
#include <cstdint>
#include <map>
#include <string>

#include "rm/amounts.hpp"
#include "rm/core_rule.hpp"

namespace drover::rm {

using Labels = std::map<std::string, std::string>;   // ordered: iteration feeds decisions
using Counts = std::map<std::string, std::int64_t>;  // name -> how many, at least 1

struct Request {             // amounts are per node
  // Logical CPUs: tasks on the node * cpus_per_task. 0 = a statement: a seat of an engine (a node
  // that is no machine, NodeSpec::seats) with these labels, and nothing else.
  std::int64_t cpus = 1;
  std::int64_t mem_mib = 0;  // 0 = not limited, not counted
  std::int64_t gpus = 0;
  std::string gpu_model;       // empty = any
  bool exclusive = false;      // the node alone
  Labels node_labels;          // every one must be on the node with the same value
  std::int64_t nodes = 1;      // a gang: all of them at once, or none
  std::string constraint;      // expression over labels, see rm/node_expression.hpp; empty = any
  Counts licences;             // of the whole task, on no node
  Counts resources;            // custom ones of the node, such as fpga
  std::int64_t gpu_share = 0;  // thousandths of one GPU, below 1000; `gpus` is then 0
  CoreRule cores;
  std::int64_t nodes_max = 0;  // as many up to this as fit at the start; 0 = `nodes` exactly
  // With nodes_max: so many tasks on all nodes together, of `cores.cpus_per_task` CPUs each, so
  // that more nodes mean less on each. 0 = `cpus` on each, however many nodes.
  std::int64_t tasks = 0;
  bool contiguous = false;  // the nodes are neighbours in the order of their names
  // A user's id and 1: shares its nodes only with requests that say the same. 0 = with anybody's.
  std::int64_t sole_user = 0;
  std::int64_t engines = 0;  // 1: what runs is an engine, which quotas may count
  friend auto operator<=>(const Request&, const Request&) = default;
};

inline bool is_statement(const Request& request) { return request.cpus == 0; }

}  // namespace drover::rm
