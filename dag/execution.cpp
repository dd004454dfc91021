// dag/execution.cpp - dependency counting over a plan.
// SPDX-License-Identifier: Apache-2.0
#include "dag/execution.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace drover::dag {
namespace {

std::size_t index(PlanNode node) { return std::size_t(node); }

bool is_as_asked(When when, Mark mark) {
  switch (when) {
    case When::Ok: return mark == Mark::Succeeded;
    case When::Failed:
    case When::Undo: return mark == Mark::Failed;
    case When::Ended:
    case When::Gather: return true;
  }
  return false;
}

bool answers_for(When when) { return when == When::Failed || when == When::Gather; }

// What `progress` of those before it means for a node that only waits for them. It is skipped when
// they all have ended and not before: who waits for its end then knows that they have, too.
Mark weigh(Join join, const StageProgress& progress) {
  const bool any = join == Join::Any && progress.open + progress.succeeded + progress.failed > 0;
  if (any && progress.succeeded > 0) return Mark::Ready;
  if (progress.open > 0) return Mark::Waiting;
  return any || progress.failed > 0 ? Mark::Skipped : Mark::Ready;
}

}  // namespace

std::string_view to_string(Mark mark) {
  switch (mark) {
    case Mark::Waiting: return "waiting";
    case Mark::Ready: return "ready";
    case Mark::Succeeded: return "succeeded";
    case Mark::Failed: return "failed";
    case Mark::Skipped: return "skipped";
    case Mark::Cancelled: return "cancelled";
  }
  return "unknown";
}

struct Execution::Progress {
  std::vector<Mark> mark;
  // Of those each node waits for: as asked, or not. A stage's end counts what became of its
  // members.
  std::vector<StageProgress> before;
  std::uint32_t open = 0;
  bool has_failed = false;
  std::vector<bool> stopped;                       // a strategy has no more use for it
  std::vector<std::pair<PlanNode, Mark>> decided;  // and not yet told to those who wait
  std::vector<PlanNode> newly, unwanted, dropped;

  explicit Progress(const PhysicalPlan& plan)
      : mark(plan.size(), Mark::Waiting),
        before(plan.size()),
        open(plan.size() - 1),
        stopped(plan.size()) {
    for (std::uint32_t v = 0; v < plan.size(); ++v) before[v].open = plan.predecessors(PlanNode{v});
    for (const PlanNode node : plan.order())
      if (plan.predecessors(node) == 0) look_at(plan, node);
    settle(plan);
  }

  // A node whose predecessors have come on: it may run, or is decided by that.
  void look_at(const PhysicalPlan& plan, PlanNode node) {
    if (mark[index(node)] != Mark::Waiting) return;
    const StageProgress& progress = before[index(node)];
    switch (plan.kind(node)) {
      case NodeKind::JobTask: return;  // it waits for everything
      case NodeKind::StageEnd: return look_at_stage(plan, node);
      case NodeKind::ExecTask:
      case NodeKind::StageStart: break;
    }
    const Mark now = weigh(plan.join(node), progress);
    if (now == Mark::Waiting) return;
    if (now == Mark::Skipped)
      decided.emplace_back(node, Mark::Skipped);
    else if (plan.kind(node) == NodeKind::StageStart)
      decided.emplace_back(node, Mark::Succeeded);
    else
      mark[index(node)] = Mark::Ready, newly.push_back(node);
  }

  void look_at_stage(const PhysicalPlan& plan, PlanNode stage) {
    if (mark[index(PlanNode{plan.step(stage)})] == Mark::Skipped) {
      if (before[index(stage)].open == 0) decided.emplace_back(stage, Mark::Skipped);
      return;
    }
    const Decision decision = decide(plan.strategy(stage), before[index(stage)]);
    if (decision.verdict != Verdict::Open)
      decided.emplace_back(stage,
                           decision.verdict == Verdict::Succeeded ? Mark::Succeeded : Mark::Failed);
    if (!decision.stop_others) return;
    for (const PlanNode member : plan.successors(PlanNode{plan.step(stage)})) {
      if (stopped[index(member)] || has_ended(mark[index(member)])) continue;
      stopped[index(member)] = true;
      const bool may_run =
          mark[index(member)] == Mark::Ready && std::ranges::find(newly, member) == newly.end();
      if (may_run)
        unwanted.push_back(member);
      else
        decided.emplace_back(member, Mark::Cancelled);
    }
  }

  // Everything that follows from what is decided is decided too.
  void settle(const PhysicalPlan& plan) {
    while (!decided.empty()) {
      const auto [at, end] = decided.back();
      decided.pop_back();
      if (has_ended(mark[index(at)])) continue;  // two reasons
      const bool ran = mark[index(at)] == Mark::Ready;
      if (!ran && plan.kind(at) == NodeKind::ExecTask) dropped.push_back(at);
      mark[index(at)] = end;
      --open;
      const auto successors = plan.successors(at);
      const auto asks = plan.asks(at);
      bool handled = end != Mark::Failed;
      for (std::size_t i = 0; i < successors.size(); ++i) {
        const PlanNode next = successors[i];
        const bool met =
            is_member_edge(plan, next) ? end == Mark::Succeeded : is_as_asked(asks[i], end);
        StageProgress& progress = before[index(next)];
        --progress.open;
        ++(met ? progress.succeeded : progress.failed);
        handled = handled || answers_for(asks[i]) || is_member_edge(plan, next);
        look_at(plan, next);
      }
      has_failed = has_failed || !handled;
    }
    // What was made ready and unwanted by one and the same end never starts.
    std::erase_if(newly, [&](PlanNode node) {
      const bool gone = has_ended(mark[index(node)]);
      if (gone) dropped.push_back(node);
      return gone;
    });
    std::ranges::sort(newly, {}, [&](PlanNode node) { return plan.position(node); });
  }

  // A stage answers for its members.
  static bool is_member_edge(const PhysicalPlan& plan, PlanNode next) {
    return plan.kind(next) == NodeKind::StageEnd;
  }

  Verdict outcome() const {
    if (open > 0) return Verdict::Open;
    return has_failed ? Verdict::Failed : Verdict::Succeeded;
  }
};

Execution::Execution(std::shared_ptr<const PhysicalPlan> plan) : plan_(std::move(plan)) {
  if (plan_->exec_nodes().size() == 1 && plan_->size() == 2) return;
  progress_ = std::make_unique<Progress>(*plan_);
  outcome_ = progress_->outcome();
}

Execution::~Execution() = default;
Execution::Execution(Execution&&) noexcept = default;
Execution& Execution::operator=(Execution&&) noexcept = default;

Result<Execution> Execution::restore(std::shared_ptr<const PhysicalPlan> plan,
                                     std::span<const Completed> completed) {
  Execution execution(std::move(plan));
  for (const Completed& one : completed) {
    auto step = execution.complete(one.node, one.mark);
    if (!step)
      return fail(Errc::Corrupt,
                  "the stored progress does not fit the plan: " + step.error().message);
  }
  return execution;
}

Mark Execution::mark(PlanNode node) const {
  if (progress_) return progress_->mark[index(node)];
  if (plan_->kind(node) == NodeKind::ExecTask) return only_;
  if (!is_done()) return Mark::Waiting;
  return is_ok() ? Mark::Succeeded : Mark::Failed;
}

std::uint32_t Execution::open() const {
  return progress_ ? progress_->open : std::uint32_t(!is_done());
}

std::vector<PlanNode> Execution::ready() const {
  std::vector<PlanNode> found;
  for (const PlanNode node : plan_->exec_nodes())
    if (mark(node) == Mark::Ready) found.push_back(node);
  return found;
}

Result<Execution::Step> Execution::start_now(PlanNode node) {
  if (index(node) >= plan_->size() || plan_->kind(node) != NodeKind::ExecTask ||
      mark(node) != Mark::Waiting)
    return fail(Errc::Conflict,
                "node " + std::to_string(index(node)) + " of the plan does not wait");
  progress_->mark[index(node)] = Mark::Ready;
  progress_->newly.assign(1, node);
  progress_->unwanted.clear();
  progress_->dropped.clear();
  return Step{progress_->newly, progress_->unwanted, {}};
}

Result<Execution::Step> Execution::complete(PlanNode node, Mark end) {
  if (index(node) >= plan_->size() || plan_->kind(node) != NodeKind::ExecTask ||
      mark(node) != Mark::Ready)
    return fail(Errc::Conflict,
                "node " + std::to_string(index(node)) + " of the plan is not running");
  if (end != Mark::Succeeded && end != Mark::Failed && end != Mark::Cancelled)
    return fail(Errc::BadInput, "a node does not end as '" + std::string(to_string(end)) + "'");
  if (!progress_) {
    only_ = end;
    outcome_ = end == Mark::Failed ? Verdict::Failed : Verdict::Succeeded;
    return Step{};
  }
  progress_->newly.clear();
  progress_->unwanted.clear();
  progress_->dropped.clear();
  progress_->decided.emplace_back(node, end);
  progress_->settle(*plan_);
  outcome_ = progress_->outcome();
  return Step{progress_->newly, progress_->unwanted, progress_->dropped};
}

bool Execution::has_failed() const {
  return progress_ ? progress_->has_failed : outcome_ == Verdict::Failed;
}

}  // namespace drover::dag
