// rm/node_expression.hpp - which nodes a request may use, as people write it.
//
//   gpu & !(rack=3 | rack=4)      labels: there, with this value, not
//   cpus >= 64 & mem >= 256G      numbers: labels that are whole numbers, and what every node has:
//                                 cpus cores sockets numa threads mem gpus gpu:MODEL
//   [rack=1 | rack=2]             all nodes of a gang from one of these
//   ssd*2 & hdd*4                 at least so many nodes of a gang with each
//
// `&` and `,` bind closer than `|`; `k!=v` is `!(k=v)`. Brackets and counts stand alone or joined
// by `&`, once each kind per text. A parsed expression is a short list of steps in postfix order,
// so that it is evaluated alike over the labels of one node and over bitmaps of all nodes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "rm/request.hpp"

namespace drover::rm {

inline constexpr std::size_t kExpressionMaxBytes = 1'024;
inline constexpr std::size_t kExpressionMaxSteps = 256;
inline constexpr std::size_t kExpressionMaxDepth = 32;

struct ExpressionStep {
  enum class Op : std::uint8_t { Has, Equal, Below, AtMost, Above, AtLeast, Not, And, Or };
  Op op{};
  std::string key, value;
  std::int64_t number = 0;  // of Below to AtLeast
  bool is_test() const { return op < Op::Not; }
  // Of a label that is there: does its value pass?
  bool accepts(const std::string& label) const;
  friend bool operator==(const ExpressionStep&, const ExpressionStep&) = default;
};

// Postfix; empty = every node.
using NodeExpression = std::vector<ExpressionStep>;

bool matches(const NodeExpression& expression, const Labels& facts);
std::string to_text(const NodeExpression& expression);

struct NodeConstraint {
  struct Counted {
    NodeExpression what;
    std::uint32_t nodes = 0;
  };
  NodeExpression all;                        // every node of the gang
  std::vector<NodeExpression> alternatives;  // [a|b]: the same one for every node
  std::vector<Counted> counted;              // a*2: at least so many

  std::uint64_t counted_nodes() const;
};

// Errors name the place: the text with a caret before what is wrong.
Result<NodeConstraint> parse_constraint(std::string_view text);
std::string to_text(const NodeConstraint& constraint);  // parses to the same; equal for equal ones

// What a node's expressions are about: its labels, and what its topology says where no label has
// that name.
struct Topology;
Labels node_facts(const Labels& labels, const Topology& topology);
std::string gpu_fact(const std::string& model);  // how many of a model there are: "gpu:h100"
std::string resource_fact(const std::string& name);

}  // namespace drover::rm
