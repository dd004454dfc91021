// dag/execution.hpp - how far one job is through its plan: dependency counting, leaves first.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "dag/plan.hpp"

namespace drover::dag {

// What has become of a node.
enum class Mark : std::uint8_t {
  Waiting,  // for others
  Ready,    // it may run, or runs
  Succeeded,
  Failed,
  Skipped,    // what it waits for can no longer be as it asks
  Cancelled,  // somebody wanted that, or a strategy did: not a failure
};
constexpr bool has_ended(Mark mark) { return mark > Mark::Ready; }
std::string_view to_string(Mark mark);  // "waiting", "ready", ...

// Owned by one job. A plan with one ExecTask, which is nearly every job, needs no memory beyond
// this object; another one 14 bytes per node.
class Execution {
 public:
  struct Completed {
    PlanNode node{};
    Mark mark{};  // Succeeded, Failed or Cancelled
  };

  explicit Execution(std::shared_ptr<const PhysicalPlan> plan);
  // After a restart: the ExecTasks that had ended, in the order in which they did. Corrupt when
  // they cannot belong to `plan`.
  static Result<Execution> restore(std::shared_ptr<const PhysicalPlan> plan,
                                   std::span<const Completed> completed);
  ~Execution();
  Execution(Execution&&) noexcept;
  Execution& operator=(Execution&&) noexcept;

  Mark mark(PlanNode node) const;
  // ExecTasks that may run and have not ended, in the plan's order. O(nodes)
  std::vector<PlanNode> ready() const;
  std::uint32_t open() const;  // nodes that have not ended, without the job itself

  // What follows from one end; valid until the next call.
  struct Step {
    std::span<const PlanNode> ready;     // ExecTasks that may run now, in the plan's order
    std::span<const PlanNode> unwanted;  // that may run or run, and that a strategy has cancelled
    std::span<const PlanNode> dropped;   // ExecTasks that are skipped or cancelled without running
  };
  // An ExecTask ended as `mark` (Succeeded, Failed or Cancelled). What asked for another end is
  // skipped. Conflict, and nothing changes, when `node` was not ready. O(1) per edge that is
  // decided by this.
  Result<Step> complete(PlanNode node, Mark mark);

  // A waiting ExecTask is started all the same: the standby of one that is late. Conflict when it
  // does not wait.
  Result<Step> start_now(PlanNode node);

  bool is_done() const { return outcome_ != Verdict::Open; }  // every node has ended
  // No ExecTask failed but those whose failure somebody asked for, by an edge or a stage.
  bool is_ok() const { return outcome_ == Verdict::Succeeded; }
  bool has_failed() const;  // it will not be ok, whatever the rest does
  const PhysicalPlan& plan() const { return *plan_; }

 private:
  struct Progress;  // only for plans with several ExecTasks
  std::shared_ptr<const PhysicalPlan> plan_;
  std::unique_ptr<Progress> progress_;
  Verdict outcome_ = Verdict::Open;
  Mark only_ = Mark::Ready;  // of the one ExecTask, where there is one
};

}  // namespace drover::dag
