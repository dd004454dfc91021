// rm/constraint_index.hpp - the constraints of requests as bitmaps of nodes, each made once.
//
// Everything that a request wants of a node apart from amounts is one expression: its exact labels,
// its --constraint, the model of its GPUs, custom resources. What it wants of cores goes with it.
// Interning costs O(steps * nodes/64), with a rule for cores O(nodes); a change of a node
// O(constraints seen * steps); a search only reads bitmaps.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "rm/label_index.hpp"
#include "rm/node_bits.hpp"
#include "rm/node_expression.hpp"
#include "rm/place_cores.hpp"
#include "rm/request.hpp"
#include "rm/topology.hpp"

namespace drover::rm {

struct NodeChoice {
  NodeConstraint what;
  CoreRule cores;  // which the node's cores and sockets suit, for so many CPUs
  std::int64_t cpus = 0;
  NodeBits nodes;                      // that may take part at all
  std::vector<NodeBits> alternatives;  // of what.alternatives: the whole gang within one of them
  std::vector<NodeBits> counted;       // of what.counted
};

class ConstraintIndex {
 public:
  std::uint32_t intern(const Request& request);  // 0 = any node
  const NodeChoice& at(std::uint32_t id) const { return choices_[id]; }
  // The same without remembering it.
  NodeChoice evaluate(const Request& request) const;

  void change(NodeId id, const Labels& labels, const Topology& topology);
  const LabelIndex& labels() const { return labels_; }

 private:
  using Key =
      std::tuple<Labels, std::string, std::string, std::int64_t, Counts, CoreRule, std::int64_t>;
  static Key key_of(const Request& request);
  NodeChoice choose(NodeConstraint what, const CoreRule& cores, std::int64_t cpus) const;

  LabelIndex labels_;
  NodeBits all_;
  std::vector<Labels> facts_;       // by node
  std::vector<NodeThreads> built_;  // by node, when it is empty
  std::map<Key, std::uint32_t> index_;
  std::deque<NodeChoice> choices_{NodeChoice{}};  // stay put; [0] is "any node", without bitmaps
};

}  // namespace drover::rm
