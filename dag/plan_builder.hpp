// dag/plan_builder.hpp - makes a physical plan node by node.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dag/plan.hpp"

namespace drover::dag {

inline constexpr std::size_t kPlanNodesMax = 2048;
inline constexpr std::size_t kPlanEdgesMax = 32'768;

class PlanBuilder {
 public:
  struct Node {
    NodeKind kind{};
    std::string label;
    Strategy strategy = Strategy::Single;
    std::uint32_t step = 0;
  };

  PlanNode add(Node node);
  void add_edge(PlanNode first, PlanNode then);  // `then` waits for `first`

  // Adds the JobTask that waits for every node nobody else waits for, drops edges that others
  // imply, and orders. BadInput for a cycle, an empty plan, or an edge to nowhere; Limit when it is
  // too large.
  Result<std::shared_ptr<const PhysicalPlan>> build() &&;

 private:
  std::vector<Node> nodes_;
  std::vector<std::pair<PlanNode, PlanNode>> edges_;
};

}  // namespace drover::dag
