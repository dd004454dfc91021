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

// Owned by one job. A plan with one ExecTask, which is nearly every job, needs no memory beyond
// this object.
class Execution {
 public:
  struct Completed {
    PlanNode node{};
    bool ok = false;
  };

  explicit Execution(std::shared_ptr<const PhysicalPlan> plan);
  // After a restart: the ExecTasks that had ended, in any order. Corrupt when they cannot belong to
  // `plan`.
  static Result<Execution> restore(std::shared_ptr<const PhysicalPlan> plan,
                                   std::span<const Completed> completed);
  ~Execution();
  Execution(Execution&&) noexcept;
  Execution& operator=(Execution&&) noexcept;

  // ExecTasks that may run and have not ended, oldest first, then in the plan's order. Valid until
  // the next complete().
  std::span<const PlanNode> ready() const;

  // An ExecTask ended; the answer is those that it made ready. What waits for a failed one is
  // skipped. Conflict, and nothing changes, when `node` was not ready.
  Result<std::vector<PlanNode>> complete(PlanNode node, bool ok);

  bool is_done() const { return outcome_ != Verdict::Open; }  // every ExecTask ended or was skipped
  bool is_ok() const { return outcome_ == Verdict::Succeeded; }
  const PhysicalPlan& plan() const { return *plan_; }

 private:
  struct Progress;  // only for plans with several ExecTasks
  std::shared_ptr<const PhysicalPlan> plan_;
  std::unique_ptr<Progress> progress_;
  Verdict outcome_ = Verdict::Open;
};

}  // namespace drover::dag
