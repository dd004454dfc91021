// dag/execution.cpp - dependency counting over a plan.
// SPDX-License-Identifier: Apache-2.0
#include "dag/execution.hpp"

#include <algorithm>
#include <utility>

namespace drover::dag {
namespace {

std::size_t index(PlanNode node) { return std::size_t(node); }

}  // namespace

struct Execution::Progress {
  enum class Mark : std::uint8_t { Waiting, Ready, Succeeded, Failed };
  std::vector<Mark> mark;
  std::vector<StageProgress> before;    // what each node waits for
  std::vector<std::uint32_t> position;  // in the plan's order
  std::vector<PlanNode> ready;

  // `node` is decided. Everything that follows from it alone is decided too; ExecTasks that may run
  // now are appended to `newly`. The verdict is the JobTask's.
  Verdict settle(const PhysicalPlan& plan, PlanNode node, bool ok, std::vector<PlanNode>& newly) {
    std::vector<std::pair<PlanNode, bool>> decided{{node, ok}};
    Verdict job = Verdict::Open;
    while (!decided.empty()) {
      const auto [at, at_ok] = decided.back();
      decided.pop_back();
      mark[index(at)] = at_ok ? Mark::Succeeded : Mark::Failed;
      if (plan.kind(at) == NodeKind::JobTask) job = at_ok ? Verdict::Succeeded : Verdict::Failed;
      for (PlanNode next : plan.successors(at)) {
        StageProgress& progress = before[index(next)];
        --progress.open;
        ++(at_ok ? progress.succeeded : progress.failed);
        if (mark[index(next)] != Mark::Waiting) continue;
        const Verdict verdict = decide(plan.strategy(next), progress);
        if (verdict == Verdict::Open) continue;
        if (verdict == Verdict::Succeeded && plan.kind(next) == NodeKind::ExecTask) {
          mark[index(next)] = Mark::Ready;
          newly.push_back(next);
        } else {
          decided.emplace_back(
              next, verdict == Verdict::Succeeded);  // a skipped ExecTask is a failed one
        }
      }
    }
    std::ranges::sort(newly, {}, [&](PlanNode n) { return position[index(n)]; });
    return job;
  }
};

Execution::Execution(std::shared_ptr<const PhysicalPlan> plan) : plan_(std::move(plan)) {
  if (plan_->exec_nodes().size() == 1) return;
  progress_ = std::make_unique<Progress>();
  progress_->mark.resize(plan_->size(), Progress::Mark::Waiting);
  progress_->before.resize(plan_->size());
  progress_->position.resize(plan_->size());
  std::uint32_t position = 0;
  for (PlanNode node : plan_->order()) {
    progress_->position[index(node)] = position++;
    progress_->before[index(node)].open = plan_->predecessors(node);
  }
  for (PlanNode node : plan_->order()) {
    if (plan_->predecessors(node) > 0) continue;
    if (plan_->kind(node) == NodeKind::ExecTask) {
      progress_->mark[index(node)] = Progress::Mark::Ready;
      progress_->ready.push_back(node);
    } else {
      progress_->settle(*plan_, node, true, progress_->ready);
    }
  }
}

Execution::~Execution() = default;
Execution::Execution(Execution&&) noexcept = default;
Execution& Execution::operator=(Execution&&) noexcept = default;

Result<Execution> Execution::restore(std::shared_ptr<const PhysicalPlan> plan,
                                     std::span<const Completed> completed) {
  Execution execution(std::move(plan));
  std::vector<std::int8_t> known(execution.plan_->size(), -1);
  for (const Completed& one : completed) {
    if (index(one.node) >= known.size() || known[index(one.node)] != -1)
      return fail(Errc::Corrupt, "the stored progress names node " +
                                     std::to_string(index(one.node)) +
                                     " twice or the plan has no such node");
    known[index(one.node)] = one.ok ? 1 : 0;
  }
  for (PlanNode node : execution.plan_->order()) {  // an order in which they can have ended
    if (known[index(node)] == -1) continue;
    auto newly = execution.complete(node, known[index(node)] == 1);
    if (!newly)
      return fail(Errc::Corrupt,
                  "the stored progress does not fit the plan: " + newly.error().message);
  }
  return execution;
}

std::span<const PlanNode> Execution::ready() const {
  if (progress_) return progress_->ready;
  return is_done() ? std::span<const PlanNode>{} : plan_->exec_nodes();
}

Result<std::vector<PlanNode>> Execution::complete(PlanNode node, bool ok) {
  const std::span<const PlanNode> now = ready();
  if (std::ranges::find(now, node) == now.end())
    return fail(Errc::Conflict,
                "node " + std::to_string(index(node)) + " of the plan is not running");
  std::vector<PlanNode> newly;
  if (!progress_) {
    outcome_ =
        decide(Strategy::Single, {.open = 0, .succeeded = ok ? 1u : 0u, .failed = ok ? 0u : 1u});
    return newly;
  }
  std::erase(progress_->ready, node);
  outcome_ = progress_->settle(*plan_, node, ok, newly);
  progress_->ready.insert(progress_->ready.end(), newly.begin(), newly.end());
  return newly;
}

}  // namespace drover::dag
