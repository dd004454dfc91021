// tests/unit/dag/workflow_reference.hpp - the obviously right way to run a workflow, step by step.
// SPDX-License-Identifier: Apache-2.0
//
// Judges every step again and again from what has ended, straight from the workflow: no plan, no
// nodes, no counting. Slow.
#pragma once
#include <algorithm>
#include <vector>

#include "dag/execution.hpp"
#include "dag/workflow.hpp"
#include "dag/workflow_plan.hpp"

namespace drover::dag {

class WorkflowReference {
 public:
  struct Unit {  // what a part of the plan stands for, in the same order
    std::uint32_t step = 0;
    PartRole role{};
    std::uint32_t target = 0;
    Mark mark = Mark::Waiting;
    bool is_unwanted = false;
    bool is_fresh = false;  // made ready by the end that is being judged: it has not started yet
  };
  std::vector<Unit> units;

  explicit WorkflowReference(const Workflow& flow)
      : flow_(flow), start_(flow.steps.size(), Mark::Waiting) {
    for (std::uint32_t s = 0; s < flow.steps.size(); ++s) {
      const Step& step = flow.steps[s];
      if (is_nested(s)) units.push_back({.step = s, .role = PartRole::Gather});
      if (is_stage(s) && !step.job.empty()) units.push_back({.step = s, .role = PartRole::Summary});
      if (step.kind == StepKind::Group) continue;
      for (std::uint32_t t = 0; t < step.targets.size(); ++t)
        units.push_back({.step = s, .role = PartRole::Target, .target = t});
      if (step.targets.empty()) units.push_back({.step = s, .role = PartRole::Run});
      if (!step.undo.empty()) units.push_back({.step = s, .role = PartRole::Undo});
    }
    judge();
  }

  void end(std::uint32_t unit, Mark mark) {
    units[unit].mark = mark;
    judge();
  }
  void start_late(std::uint32_t unit) { units[unit].mark = Mark::Ready; }

  // Whether anything is still open.
  bool is_done() const {
    return std::ranges::all_of(units, [](const Unit& unit) { return has_ended(unit.mark); });
  }
  bool is_ok() const {
    for (std::uint32_t s = 0; s < flow_.steps.size(); ++s)
      if (flow_.steps[s].parent == kNoStep && has_bad_end(s)) return false;
    return true;
  }
  Mark gathered(std::uint32_t group) const {
    bool is_cancelled = false;
    for (std::uint32_t s = 0; s < flow_.steps.size(); ++s) {
      if (flow_.steps[s].parent != group) continue;
      if (has_bad_end(s)) return Mark::Failed;
      is_cancelled = is_cancelled || outcome(s) == Mark::Cancelled;
    }
    return is_cancelled ? Mark::Cancelled : Mark::Succeeded;
  }
  // A standby that may be started although the one before it still runs.
  bool may_start_late(std::uint32_t unit) const {
    const Unit& one = units[unit];
    return one.role == PartRole::Target && one.mark == Mark::Waiting && one.target > 0 &&
           flow_.steps[one.step].strategy == Strategy::ActiveStandby &&
           start_[one.step] == Mark::Ready && units[unit - 1].mark == Mark::Ready;
  }

 private:
  enum class Answer : std::uint8_t { Open, Met, Unmet };

  bool is_stage(std::uint32_t s) const {
    const Step& step = flow_.steps[s];
    return step.kind == StepKind::Group &&
           (step.strategy == Strategy::Transaction || !step.job.empty());
  }
  bool is_nested(std::uint32_t s) const {
    return flow_.steps[s].kind == StepKind::Group && !is_stage(s);
  }
  bool is_member(std::uint32_t s) const {
    return flow_.steps[s].parent != kNoStep && is_stage(flow_.steps[s].parent);
  }
  template <class Do>
  void each_unit(std::uint32_t s, const Do& then) {
    for (Unit& unit : units)
      if (unit.step == s) then(unit);
  }
  // All units of a step, its members and their compensations have the property.
  template <class Is>
  bool all_units(std::uint32_t s, const Is& is) const {
    return std::ranges::all_of(units, [&](const Unit& unit) {
      const bool belongs = unit.step == s || (is_stage(s) && flow_.steps[unit.step].parent == s);
      return !belongs || is(unit);
    });
  }
  static bool ended(const Unit& unit) { return has_ended(unit.mark); }

  // Waiting while it is open.
  Mark outcome(std::uint32_t s) const {
    if (is_member(s)) {
      for (const Unit& unit : units)
        if (unit.step == s && unit.role == PartRole::Run) return unit.mark;
    }
    if (start_[s] == Mark::Skipped) return Mark::Skipped;
    const auto counts = [&](const Unit& unit) {
      const bool belongs = unit.step == s || (is_stage(s) && flow_.steps[unit.step].parent == s);
      return belongs && unit.role != PartRole::Undo;
    };
    std::vector<Mark> marks;
    for (const Unit& unit : units)
      if (counts(unit)) marks.push_back(unit.mark);
    const bool all_ended = std::ranges::all_of(marks, has_ended);
    if (!flow_.steps[s].targets.empty()) {
      if (std::ranges::count(marks, Mark::Succeeded) > 0) return Mark::Succeeded;
      return all_ended ? Mark::Failed : Mark::Waiting;
    }
    if (!all_ended) return Mark::Waiting;
    if (!is_stage(s)) return marks.front();
    const bool good = std::ranges::count(marks, Mark::Succeeded) == std::ptrdiff_t(marks.size());
    return good ? Mark::Succeeded : Mark::Failed;
  }

  bool is_undone(std::uint32_t s) const {  // nothing is left to make up for
    return all_units(s,
                     [](const Unit& unit) { return unit.role != PartRole::Undo || ended(unit); });
  }
  bool has_bad_end(std::uint32_t s) const {
    const bool undo_failed = !all_units(s, [](const Unit& unit) {
      return unit.role != PartRole::Undo || unit.mark != Mark::Failed;
    });
    if (undo_failed) return true;
    if (outcome(s) != Mark::Failed) return false;
    for (std::uint32_t t = 0; t < flow_.steps.size(); ++t)
      for (const Need& need : effective_needs(t))
        if (need.step == s && need.when == When::Failed) return false;
    return true;
  }

  // Element by element means: it starts with the other, so it has that one's needs.
  std::vector<Need> effective_needs(std::uint32_t s) const {
    std::vector<Need> needs;
    for (const Need& need : flow_.steps[s].needs) {
      if (!need.element_wise) {
        needs.push_back(need);
        continue;
      }
      for (const Need& inner : effective_needs(need.step)) needs.push_back(inner);
    }
    return needs;
  }
  Answer answer(const Need& need, bool any) const {
    const Mark mark = outcome(need.step);
    if (!has_ended(mark)) return Answer::Open;
    if (need.when == When::Ok) return mark == Mark::Succeeded ? Answer::Met : Answer::Unmet;
    if (!any && is_stage(need.step) && !is_undone(need.step)) return Answer::Open;
    if (need.when == When::Ended) return Answer::Met;
    return mark == Mark::Failed ? Answer::Met : Answer::Unmet;
  }

  Answer answers(std::uint32_t s) const {
    const std::vector<Need> needs = effective_needs(s);
    const bool any = flow_.steps[s].join == Join::Any && needs.size() > 1;
    std::size_t met = 0, open = 0;
    for (const Need& need : needs) {
      const Answer one = answer(need, flow_.steps[s].join == Join::Any);
      met += one == Answer::Met ? 1 : 0;
      open += one == Answer::Open ? 1 : 0;
    }
    if (any && met > 0) return Answer::Met;
    if (open > 0) return Answer::Open;
    return any || met < needs.size() ? Answer::Unmet : Answer::Met;
  }

  // Whether a step starts (Ready) or never will (Skipped).
  Mark start_of(std::uint32_t s) const {
    const Step& step = flow_.steps[s];
    if (step.parent != kNoStep && !is_member(s) && start_[step.parent] != Mark::Ready)
      return start_[step.parent];
    const Answer needs = answers(s);
    bool open = needs == Answer::Open;
    if (step.is_final)
      for (std::uint32_t t = 0; t < flow_.steps.size(); ++t)
        if (flow_.steps[t].parent == step.parent && !flow_.steps[t].is_final)
          open = open || !all_units(t, ended) || !has_ended(outcome(t));
    if (open) return Mark::Waiting;
    return needs == Answer::Met ? Mark::Ready : Mark::Skipped;
  }

  bool set(Unit& unit, Mark mark) {
    if (unit.mark != Mark::Waiting || mark == Mark::Waiting) return false;
    unit.mark = mark;
    unit.is_fresh = mark == Mark::Ready;
    return true;
  }
  // Nobody has use for it any more: what has not started never will, what runs is told.
  bool let_go(Unit& unit) {
    if (unit.is_fresh) {
      unit.is_fresh = false;
      unit.mark = Mark::Cancelled;
      return true;
    }
    unit.is_unwanted = unit.is_unwanted || unit.mark == Mark::Ready;
    return set(unit, Mark::Cancelled);
  }

  // One look at one step; whether anything has changed.
  bool look_at(std::uint32_t s) {
    bool changed = false;
    if (start_[s] == Mark::Waiting && !is_member(s)) {
      start_[s] = start_of(s);
      changed = start_[s] != Mark::Waiting;
      const bool plain = !is_stage(s) && !is_nested(s) && flow_.steps[s].targets.empty();
      each_unit(s, [&](Unit& unit) {
        if (plain || start_[s] == Mark::Skipped) changed |= set(unit, start_[s]);
      });
    }
    if (is_stage(s) && start_[s] != Mark::Waiting) changed |= look_at_members(s);
    if (start_[s] != Mark::Ready) return changed;
    if (!flow_.steps[s].targets.empty()) changed |= look_at_targets(s);
    if (is_nested(s)) {
      bool open = false;
      for (std::uint32_t t = 0; t < flow_.steps.size(); ++t)
        if (flow_.steps[t].parent == s)
          open = open || !all_units(t, ended) || !has_ended(outcome(t));
      each_unit(s, [&](Unit& unit) { changed |= !open && set(unit, Mark::Ready); });
    }
    return changed;
  }

  bool look_at_targets(std::uint32_t s) {
    bool changed = false;
    const bool has_won = outcome(s) == Mark::Succeeded;
    const bool at_once = flow_.steps[s].strategy == Strategy::MultiRead;
    Mark before = Mark::Failed;
    each_unit(s, [&](Unit& unit) {
      if (has_won) {
        changed |= let_go(unit);
      } else if (at_once || before == Mark::Failed) {
        changed |= set(unit, Mark::Ready);
      } else if (has_ended(before)) {
        changed |= set(unit, Mark::Skipped);
      }
      before = unit.mark;
    });
    return changed;
  }

  bool look_at_members(std::uint32_t s) {
    bool changed = false;
    bool stop = false;
    std::vector<std::uint32_t> members;
    for (std::uint32_t m = 0; m < flow_.steps.size(); ++m)
      if (flow_.steps[m].parent == s) members.push_back(m);
    const bool is_transaction = flow_.steps[s].strategy == Strategy::Transaction;
    for (const std::uint32_t m : members) {
      const Mark mark = outcome(m);
      stop = stop || (is_transaction && has_ended(mark) && mark != Mark::Succeeded);
    }
    for (const std::uint32_t m : members)
      each_unit(m, [&](Unit& unit) {
        if (unit.role != PartRole::Run) return;
        if (start_[s] == Mark::Skipped) changed |= set(unit, Mark::Skipped);
        const Answer needs = answers(m);
        if (stop)
          changed |= let_go(unit);
        else if (needs != Answer::Open)
          changed |= set(unit, needs == Answer::Met ? Mark::Ready : Mark::Skipped);
      });
    each_unit(s, [&](Unit& unit) {  // the summary
      bool open = false, good = true;
      for (const std::uint32_t m : members) {
        open = open || !has_ended(outcome(m));
        good = good && outcome(m) == Mark::Succeeded;
      }
      if (!open) changed |= set(unit, good ? Mark::Ready : Mark::Skipped);
    });
    return changed || make_up(s, members);
  }

  // What has succeeded is made up for, one at a time, the last first.
  bool make_up(std::uint32_t s, std::vector<std::uint32_t> members) {
    const Mark end = outcome(s);
    if (!has_ended(end)) return false;
    std::vector<std::uint32_t> order;  // the first that needs nobody that is not in it yet
    while (order.size() < members.size())
      order.push_back(*std::ranges::find_if(members, [&](std::uint32_t m) {
        const std::vector<Need> needs = effective_needs(m);
        return std::ranges::count(order, m) == 0 && std::ranges::all_of(needs, [&](const Need& n) {
                 return std::ranges::count(order, n.step) > 0;
               });
      }));
    for (auto m = order.rbegin(); m != order.rend(); ++m)
      for (Unit& unit : units) {
        if (unit.step != *m || unit.role != PartRole::Undo) continue;
        const bool wanted = end == Mark::Failed && outcome(*m) == Mark::Succeeded;
        if (set(unit, wanted ? Mark::Ready : Mark::Skipped)) return true;
        if (!has_ended(unit.mark)) return false;
      }
    return false;
  }

  void judge() {
    for (bool changed = true; changed;) {
      changed = false;
      for (std::uint32_t s = 0; s < flow_.steps.size(); ++s) changed |= look_at(s);
    }
    for (Unit& unit : units) unit.is_fresh = false;
  }

  const Workflow& flow_;
  std::vector<Mark> start_;  // Waiting, Ready: it was started, or Skipped
};

}  // namespace drover::dag
