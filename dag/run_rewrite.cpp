// dag/run_rewrite.cpp - a run whose plan changes under way: further steps, and what runs again.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "dag/read_workflow.hpp"
#include "dag/run.hpp"

namespace drover::dag {

// A part that has ended and stays so when the rest runs again: it has succeeded and nothing has
// made up for that, or it belongs to a stage that has succeeded without it.
bool Run::keeps_its_end(std::uint32_t part) const {
  const Step& step = step_of(part);
  const Part& what = plan_.parts[part];
  if (what.role == PartRole::Target) {
    const auto& siblings = parts_of_step_[what.step];
    return std::ranges::any_of(siblings,
                               [&](std::uint32_t s) { return mark(s) == Mark::Succeeded; });
  }
  if (what.role == PartRole::Undo || what.role == PartRole::Gather || step.is_final) return false;
  if (step.parent != kNoStep && workflow_.steps[step.parent].strategy == Strategy::Transaction)
    return mark_of_step(step.parent) == Mark::Succeeded;
  return mark(part) == Mark::Succeeded;
}

// The execution anew, with the ends that are still true in the order in which they came.
void Run::rebuild(const std::vector<std::pair<std::uint32_t, Mark>>& completed) {
  execution_ = Execution(plan_.physical);
  completed_.clear();
  ready_.clear();
  followers_.clear();
  delayed_.clear();
  unwanted_.clear();
  standbys_.clear();
  counts_.succeeded = counts_.failed = counts_.skipped = counts_.cancelled = 0;
  counts_.weight_done = 0;
  count_left_out();
  // What runs goes on, also where the new plan would have it wait; and before what has ended is
  // told, which may decide about it.
  for (std::uint32_t i = 0; i < parts_.size(); ++i) {
    if (!parts_[i].is_open || plan_.parts[i].is_fused) continue;
    if (mark(i) == Mark::Waiting) (void)execution_.start_now(plan_.parts[i].node);
    watch_standby(i, parts_[i].began);
  }
  for (const auto& [part, end] : completed) {
    if (plan_.parts[part].is_left_out) continue;  // somebody had cancelled it while it waited
    const PlanNode node = plan_.parts[part].node;
    if (execution_.mark(node) == Mark::Waiting && !execution_.start_now(node)) continue;
    if (execution_.mark(node) == Mark::Ready) complete(part, end);
  }
  ready_.clear();
  for (const PlanNode node : execution_.ready()) queue(plan_.physical->step(node));
}

void Run::reopened() {
  std::vector<std::pair<std::uint32_t, Mark>> kept;
  for (const auto& end : completed_)
    if (keeps_its_end(end.first)) kept.push_back(end);
  for (std::uint32_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i].is_open || mark(i) == Mark::Succeeded) continue;
    PartState fresh;
    fresh.starts = parts_[i].starts;
    if (parts_[i].items) fresh.values.swap(parts_[i].values);  // elements that succeeded set some
    for (const auto& [name, value] : parts_[i].values) value_bytes_ -= value.size();
    parts_[i] = std::move(fresh);
  }
  cancels_ = 0;
  paused_ = stopped_ = somebody_cancelled_ = closed_ = false;
  outcome_ = {};
  rebuild(kept);
}

void Run::foresee_added(std::string text, std::unique_ptr<Run> longer) {
  foreseen_text_ = std::move(text);
  foreseen_ = std::move(longer);
}

Result<void> Run::added(const Fact& fact) {
  if (const auto foreseen = std::exchange(foreseen_, nullptr);
      foreseen != nullptr && foreseen_text_ == fact.text) {
    workflow_ = std::move(foreseen->workflow_);
    plan_ = std::move(foreseen->plan_);
    ++plans_made_;
    note_parts();
    rebuild(std::exchange(completed_, {}));
    return {};
  }
  const auto first = std::uint32_t(workflow_.steps.size());
  Bundle fragment;
  fragment.origin = "added steps";
  fragment.text = fact.text;
  if (auto ok = add_steps(workflow_, fragment); !ok) return ok;
  for (Part& part : parts_from(workflow_, first)) {
    parts_of_step_.resize(part.step + 1);
    parts_of_step_[part.step].push_back(std::uint32_t(plan_.parts.size()));
    plan_.parts.push_back(std::move(part));
  }
  parts_of_step_.resize(workflow_.steps.size());
  parts_.resize(plan_.parts.size());
  head_of_.resize(plan_.parts.size(), kNoPart);
  is_stale_ = true;
  return in_history_ ? Result<void>() : plan_again();
}

Result<void> Run::plan_again() {
  auto plan = plan_workflow(workflow_, plan_.rules);
  if (!plan) return fail(plan.error());
  ++plans_made_;
  plan_ = std::move(*plan);
  is_stale_ = false;
  note_parts();
  rebuild(std::exchange(completed_, {}));
  return {};
}

Result<void> Run::end_history() {
  in_history_ = false;
  return is_stale_ ? plan_again() : Result<void>();
}

}  // namespace drover::dag
