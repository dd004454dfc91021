// rm/node_expression.cpp - steps over the labels of one node, and back to text.
// SPDX-License-Identifier: Apache-2.0
#include "rm/node_expression.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/check.hpp"
#include "rm/topology.hpp"

namespace drover::rm {
namespace {

using Op = ExpressionStep::Op;

std::string_view sign(Op op) {
  switch (op) {
    case Op::Equal: return "=";
    case Op::Below: return "<";
    case Op::AtMost: return "<=";
    case Op::Above: return ">";
    case Op::AtLeast: return ">=";
    case Op::Has:
    case Op::Not:
    case Op::And:
    case Op::Or: break;
  }
  return "";
}

std::string test_text(const ExpressionStep& step) {
  std::string text = step.key;
  return text.append(sign(step.op)).append(step.value);
}

// Text with the kind of its outermost step, to know where parentheses are needed.
struct Piece {
  std::string text;
  Op op{};
  std::string inside(Op outer) && {
    if (op <= outer) return std::move(text);  // Has ... < Not < And < Or: binds closer
    return "(" + std::move(text) + ")";
  }
};

Piece pop(std::vector<Piece>& stack) {
  DROVER_CHECK(!stack.empty(), "an expression was not parsed by its parser");
  Piece top = std::move(stack.back());
  stack.pop_back();
  return top;
}

}  // namespace

bool ExpressionStep::accepts(const std::string& label) const {
  if (op == Op::Has) return true;
  if (op == Op::Equal) return label == value;
  std::int64_t has = 0;
  const char* end = label.data() + label.size();
  const auto read = std::from_chars(label.data(), end, has);
  if (read.ec != std::errc() || read.ptr != end) return false;  // no number is no comparison
  switch (op) {
    case Op::Below: return has < number;
    case Op::AtMost: return has <= number;
    case Op::Above: return has > number;
    case Op::AtLeast: return has >= number;
    case Op::Has:
    case Op::Equal:
    case Op::Not:
    case Op::And:
    case Op::Or: break;
  }
  return false;
}

bool matches(const NodeExpression& expression, const Labels& facts) {
  if (expression.empty()) return true;
  std::vector<bool> stack;
  for (const ExpressionStep& step : expression) {
    if (step.is_test()) {
      const auto label = facts.find(step.key);
      stack.push_back(label != facts.end() && step.accepts(label->second));
      continue;
    }
    DROVER_CHECK(!stack.empty(), "an expression was not parsed by its parser");
    const bool last = stack.back();
    if (step.op == Op::Not) {
      stack.back() = !last;
      continue;
    }
    stack.pop_back();
    DROVER_CHECK(!stack.empty(), "an expression was not parsed by its parser");
    stack.back() = step.op == Op::And ? stack.back() && last : stack.back() || last;
  }
  return stack.back();
}

std::string to_text(const NodeExpression& expression) {
  if (expression.empty()) return {};
  std::vector<Piece> stack;
  for (const ExpressionStep& step : expression) {
    if (step.is_test()) {
      stack.push_back({test_text(step), Op::Has});
    } else if (step.op == Op::Not) {
      stack.push_back({"!" + pop(stack).inside(Op::Not), Op::Not});
    } else {
      Piece right = pop(stack), left = pop(stack);
      // The same kind on the right keeps its parentheses: the text parses to the same steps.
      const bool nested = right.op == step.op;
      std::string text = std::move(left).inside(step.op);
      text += step.op == Op::And ? "&" : "|";
      text += nested ? "(" + right.text + ")" : std::move(right).inside(step.op);
      stack.push_back({std::move(text), step.op});
    }
  }
  return pop(stack).text;
}

std::uint64_t NodeConstraint::counted_nodes() const {
  std::uint64_t sum = 0;
  for (const Counted& part : counted) sum += part.nodes;
  return sum;
}

std::string to_text(const NodeConstraint& constraint) {
  const bool alone = constraint.alternatives.empty() && constraint.counted.empty();
  if (alone) return to_text(constraint.all);
  std::string text;
  const auto join = [&](const std::string& part) { text.append(text.empty() ? "" : "&") += part; };
  if (!constraint.all.empty()) {
    const bool is_or = constraint.all.back().op == Op::Or;
    join(is_or ? "(" + to_text(constraint.all) + ")" : to_text(constraint.all));
  }
  if (!constraint.alternatives.empty()) {
    std::string inside;
    for (const NodeExpression& one : constraint.alternatives) {
      const bool is_or = one.back().op == Op::Or;
      inside += inside.empty() ? "" : "|";
      inside += is_or ? "(" + to_text(one) + ")" : to_text(one);
    }
    join("[" + inside + "]");
  }
  for (const NodeConstraint::Counted& part : constraint.counted) {
    const bool simple = part.what.size() == 1;
    join((simple ? to_text(part.what) : "(" + to_text(part.what) + ")") + "*" +
         std::to_string(part.nodes));
  }
  return text;
}

Labels node_facts(const Labels& labels, const Topology& topology) {
  Labels facts = labels;
  const auto add = [&](const char* key, std::int64_t number) {
    facts.emplace(key, std::to_string(number));
  };
  std::set<std::uint16_t> sockets;
  std::size_t threads = 0;
  for (const Core& core : topology.cores) {
    sockets.insert(core.package);
    threads = std::max(threads, core.pus.size());
  }
  add("cpus", topology.pu_count());
  add("cores", std::int64_t(topology.cores.size()));
  add("sockets", std::int64_t(sockets.size()));
  add("numa", std::int64_t(topology.numa_mem_mib.size()));
  add("threads", std::int64_t(threads));
  add("mem", topology.mem_mib());
  add("gpus", std::int64_t(topology.gpus.size()));
  std::map<std::string, std::int64_t> models;
  for (const Gpu& gpu : topology.gpus) ++models[gpu_fact(gpu.model)];
  for (const auto& [model, count] : models) facts.insert_or_assign(model, std::to_string(count));
  for (const auto& [name, count] : topology.resources)
    facts.insert_or_assign(resource_fact(name), std::to_string(count));
  return facts;
}

std::string resource_fact(const std::string& name) { return "resource:" + name; }

std::string gpu_fact(const std::string& model) { return "gpu:" + model; }

}  // namespace drover::rm
