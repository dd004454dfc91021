// dag/plan.hpp - the physical plan: what runs, in which order; hides Boost.Graph.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/index_set.hpp"
#include "base/result.hpp"
#include "dag/strategy.hpp"

namespace drover::dag {

// JobTask and StageTask are bookkeeping; ExecTask is the only kind that runs code.
enum class NodeKind : std::uint8_t { JobTask, StageStart, StageEnd, ExecTask };
enum class PlanNode : std::uint32_t {};

// Immutable, shared between all jobs of the same shape (an array's million elements are one
// ExecTask). There is one JobTask: it waits for everything else, and its end is the end of the job.
class PhysicalPlan {
 public:
  ~PhysicalPlan();
  PhysicalPlan(PhysicalPlan&&) noexcept;

  std::uint32_t size() const;
  NodeKind kind(PlanNode node) const;
  std::string_view label(PlanNode node) const;
  Strategy strategy(PlanNode node) const;   // of a StageEnd or the JobTask
  std::uint32_t step(PlanNode node) const;  // ExecTask: position in the request's steps
  std::span<const PlanNode> successors(PlanNode node) const;  // who waits for this node
  std::uint32_t predecessors(PlanNode node) const;            // how many it waits for
  std::span<const PlanNode> order()
      const;  // every node after all that it waits for; longest path first
  std::span<const PlanNode> exec_nodes() const;  // the ExecTasks, in that order
  std::string to_text() const;  // an indented tree, leaves first in execution order
  std::string to_dot() const;
  std::string to_json() const;

 private:
  friend class PlanBuilder;
  struct Graph;
  explicit PhysicalPlan(std::unique_ptr<Graph> graph);
  std::unique_ptr<Graph> graph_;
};

std::string_view to_string(NodeKind kind);  // "job", "stage_start", "stage_end", "exec"

}  // namespace drover::dag
