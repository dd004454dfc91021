// dag/plan_builder.hpp - makes a physical plan node by node.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dag/plan.hpp"

namespace drover::dag {

inline constexpr std::size_t kPlanNodesMax = 4'000'000;
inline constexpr std::size_t kPlanEdgesMax = 32'000'000;
// Up to here edges that others imply are dropped: looking for them costs nodes times edges.
inline constexpr std::size_t kReducedNodesMax = 2048;

class PlanBuilder {
 public:
  struct Node {
    NodeKind kind{};
    std::string_view label;  // copied
    Strategy strategy = Strategy::Single;
    Join join = Join::All;
    std::uint32_t step = 0;
    std::uint32_t weight = 1;  // how long it takes, in any unit: for the longest path
  };

  PlanBuilder();
  ~PlanBuilder();
  PlanBuilder(PlanBuilder&&) noexcept;

  PlanNode add(const Node& node);
  void add_edge(PlanNode first, PlanNode then, When when = When::Ok);  // `then` waits for `first`

  struct Rules {
    bool drop_implied = true;  // edges that others imply
    bool by_path = true;       // longest path first; else lower numbers
  };
  // Adds the JobTask that waits for every node nobody else waits for, drops edges that others
  // imply, and orders. BadInput for a cycle, an empty plan, or an edge to nowhere; Limit when it is
  // too large. O(n log n + edges), and nodes times edges for plans of up to kReducedNodesMax nodes.
  Result<std::shared_ptr<const PhysicalPlan>> build(const Rules& rules) &&;
  Result<std::shared_ptr<const PhysicalPlan>> build() && { return std::move(*this).build(Rules{}); }

 private:
  std::unique_ptr<PhysicalPlan::Graph> graph_;
  struct Edge {
    PlanNode first{}, then{};
    When when{};
    friend auto operator<=>(const Edge&, const Edge&) = default;
  };
  void drop_implied_mixed();
  std::vector<Edge> edges_;
  std::vector<std::uint32_t> weights_;  // empty: all 1
};

}  // namespace drover::dag
