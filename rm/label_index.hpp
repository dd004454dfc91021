// rm/label_index.hpp - which nodes have which label: a bitmap per value, and expressions over them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>

#include "rm/node_bits.hpp"
#include "rm/node_expression.hpp"

namespace drover::rm {

class LabelIndex {
 public:
  // The node's facts (node_facts) are now these instead of `before`; O(facts).
  void change(NodeId id, const Labels& before, const Labels& now);

  // The nodes of `all` for which the expression holds: O(steps * nodes/64), and for a test of a
  // number O(values of its key * nodes/64).
  NodeBits find(const NodeExpression& expression, const NodeBits& all) const;

  // Every value that a key has on some node; null when none has it.
  const std::map<std::string, NodeBits>* values_of(const std::string& key) const;

 private:
  NodeBits test(const ExpressionStep& step) const;
  std::map<std::string, std::map<std::string, NodeBits>> nodes_;  // by key, then value
};

}  // namespace drover::rm
