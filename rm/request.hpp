// rm/request.hpp - what one task asks for. Equal requests form one equivalence class.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "rm/amounts.hpp"
#include "rm/core_rule.hpp"

namespace drover::rm {

using Labels = std::map<std::string, std::string>;   // ordered: iteration feeds decisions
using Counts = std::map<std::string, std::int64_t>;  // name -> how many, at least 1

struct Request;
// What further components of a job ask for. A type of its own, since a type cannot compare a list
// of itself before it is complete.
class Components {
 public:
  void add(Request component);
  void clear();
  std::size_t size() const;
  bool empty() const { return size() == 0; }
  Request& operator[](std::size_t at);
  const Request& operator[](std::size_t at) const;
  const Request* begin() const;
  const Request* end() const;
  friend std::strong_ordering operator<=>(const Components& a, const Components& b);
  friend bool operator==(const Components& a, const Components& b);

 private:
  std::vector<Request> all_;
};

struct Request {  // amounts are per node
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
  // Of a job with several components, all but the first, which is the request itself: each on
  // nodes of its own, all at once or none. They have none of their own.
  Components more;
  friend std::strong_ordering operator<=>(const Request&, const Request&) = default;
  friend bool operator==(const Request&, const Request&) = default;
};

inline void Components::add(Request component) { all_.push_back(std::move(component)); }
inline void Components::clear() { all_.clear(); }
inline std::size_t Components::size() const { return all_.size(); }
inline Request& Components::operator[](std::size_t at) { return all_[at]; }
inline const Request& Components::operator[](std::size_t at) const { return all_[at]; }
inline const Request* Components::begin() const { return all_.data(); }
inline const Request* Components::end() const { return all_.data() + all_.size(); }
inline std::strong_ordering operator<=>(const Components& a, const Components& b) {
  return a.all_ <=> b.all_;
}
inline bool operator==(const Components& a, const Components& b) { return a.all_ == b.all_; }

inline bool is_statement(const Request& request) { return request.cpus == 0; }

// Of all components together.
inline std::int64_t nodes_of(const Request& request) {
  std::int64_t sum = request.nodes;
  for (const Request& one : request.more) sum += one.nodes;
  return sum;
}
// Thousandths of GPUs, shares too, on all nodes.
inline std::int64_t gpu_milli_of(const Request& request) {
  std::int64_t sum = (request.gpus * 1000 + request.gpu_share) * request.nodes;
  for (const Request& one : request.more) sum += gpu_milli_of(one);
  return sum;
}
inline Counts licences_of(const Request& request) {
  Counts sum = request.licences;
  for (const Request& one : request.more)
    for (const auto& [name, count] : one.licences) sum[name] += count;
  return sum;
}

}  // namespace drover::rm
