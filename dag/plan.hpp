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
inline constexpr PlanNode kNoNode{UINT32_MAX};  // of what the optimizer left out

// What a node asks of one that it waits for.
enum class When : std::uint8_t {
  Ok,      // that it has succeeded
  Failed,  // that it has failed; skipped and cancelled are neither
  Ended,   // that it is over, whatever became of it
  Undo,    // that it has failed, without making up for that: what follows is a compensation
  Gather,  // that it is over; who waits answers for it, should it have failed
};
// How many of those it waits for have to be as asked.
enum class Join : std::uint8_t { All, Any };

// Immutable, shared between all jobs of the same shape (an array's million elements are one
// ExecTask). There is one JobTask: it waits for everything else, and its end is the end of the job.
// A node costs about 40 bytes and its label, an edge 5.
class PhysicalPlan {
 public:
  ~PhysicalPlan();
  PhysicalPlan(PhysicalPlan&&) noexcept;

  std::uint32_t size() const;
  std::uint32_t edges() const;
  NodeKind kind(PlanNode node) const;
  std::string_view label(PlanNode node) const;
  Strategy strategy(PlanNode node) const;  // of a StageEnd
  Join join(PlanNode node) const;          // of an ExecTask or StageStart
  // ExecTask: position in the request's steps. StageEnd: the number of its StageStart, whose
  // successors are the stage's members.
  std::uint32_t step(PlanNode node) const;
  std::span<const PlanNode> successors(PlanNode node) const;  // who waits for this node
  std::span<const When> asks(PlanNode node) const;            // and what each of them asks of it
  std::uint32_t predecessors(PlanNode node) const;            // how many it waits for
  std::span<const PlanNode> order()
      const;  // every node after all that it waits for; longest path first
  std::uint32_t position(PlanNode node) const;   // in order()
  std::span<const PlanNode> exec_nodes() const;  // the ExecTasks, in that order
  std::size_t bytes() const;                     // of memory
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
std::string_view to_string(When when);      // "ok", "fail", "done", "undo", "gather"
std::string_view to_string(Join join);      // "all", "any"

}  // namespace drover::dag
