// rm/label_index.cpp - keeps the bitmaps in step, and joins them.
// SPDX-License-Identifier: Apache-2.0
#include "rm/label_index.hpp"

#include <vector>

#include "base/check.hpp"

namespace drover::rm {

void LabelIndex::change(NodeId id, const Labels& before, const Labels& now) {
  for (const auto& [key, value] : before) {
    const auto same = now.find(key);
    if (same != now.end() && same->second == value) continue;
    const auto values = nodes_.find(key);
    DROVER_CHECK(values != nodes_.end(), "a label was indexed under another key");
    const auto bits = values->second.find(value);
    DROVER_CHECK(bits != values->second.end(), "a label was indexed under another value");
    bits->second.erase(id);
    if (bits->second.empty()) values->second.erase(bits);
    if (values->second.empty()) nodes_.erase(values);
  }
  for (const auto& [key, value] : now) nodes_[key][value].insert(id);
}

const std::map<std::string, NodeBits>* LabelIndex::values_of(const std::string& key) const {
  const auto values = nodes_.find(key);
  return values == nodes_.end() ? nullptr : &values->second;
}

NodeBits LabelIndex::test(const ExpressionStep& step) const {
  NodeBits found;
  const auto* values = values_of(step.key);
  if (values == nullptr) return found;
  if (step.op == ExpressionStep::Op::Equal) {
    const auto exact = values->find(step.value);
    return exact == values->end() ? found : exact->second;
  }
  for (const auto& [value, nodes] : *values)
    if (step.accepts(value)) found.unite(nodes);
  return found;
}

NodeBits LabelIndex::find(const NodeExpression& expression, const NodeBits& all) const {
  if (expression.empty()) return all;
  std::vector<NodeBits> stack;
  for (const ExpressionStep& step : expression) {
    if (step.is_test()) {
      stack.push_back(test(step));
      continue;
    }
    DROVER_CHECK(!stack.empty(), "an expression was not parsed by its parser");
    if (step.op == ExpressionStep::Op::Not) {
      stack.back().complement(all);
      continue;
    }
    const NodeBits last = std::move(stack.back());
    stack.pop_back();
    DROVER_CHECK(!stack.empty(), "an expression was not parsed by its parser");
    if (step.op == ExpressionStep::Op::And) {
      stack.back().intersect(last);
    } else {
      stack.back().unite(last);
    }
  }
  stack.back().intersect(all);
  return std::move(stack.back());
}

}  // namespace drover::rm
