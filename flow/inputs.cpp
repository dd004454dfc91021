// flow/inputs.cpp - what users ask, and what was there before a restart.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dag/job_text.hpp"
#include "flow/conductor.hpp"
#include "flow/live.hpp"
#include "flow/replay.hpp"

namespace drover::flow {
namespace {

std::string name_of(JobId id) { return "workflow " + std::to_string(raw(id)); }

}  // namespace

Result<sched::Done> Conductor::apply(Input input, Now now) {
  if (auto* in = std::get_if<SubmitWorkflow>(&input)) return start(std::move(*in), now);
  if (auto* in = std::get_if<CommandWorkflow>(&input)) return command(*in, now);
  if (auto* in = std::get_if<SetValues>(&input)) return set_values(*in, now);
  if (auto* in = std::get_if<AddSteps>(&input)) return add_steps(*in, now);
  return reopen(std::get<ReopenWorkflow>(input), now);
}

Result<sched::Done> Conductor::start(SubmitWorkflow in, Now now) {
  if (open_.size() >= limits_.open_max)
    return fail(Errc::Limit,
                "the limit of " + std::to_string(limits_.open_max) + " open workflows is reached",
                "try again when some have ended");
  const auto mine = open_of_.find(in.owner.uid);
  if (mine != open_of_.end() && mine->second >= limits_.open_per_user_max)
    return fail(Errc::Limit, "you have " + std::to_string(mine->second) + " open workflows",
                "try again when some have ended");
  WorkflowRecord record;
  record.id = controller_.draw_id();
  record.owner = in.owner;
  record.user = in.user;
  record.name = in.run->workflow().name;
  record.submitted = in.source->submitted;
  record.resumes = in.resumes;
  changes_.sources.push_back({record.id, in.source});
  controller_.announce(sched::EventKind::WorkflowSubmitted, record.id, in.owner.uid, record.name,
                       "running", now);
  const JobId id = record.id;
  in.run->set_id(id);
  const std::size_t parts = in.run->plan().parts.size();
  Live& live = insert(std::move(record), std::move(*in.run));
  touch(live);
  reuse(live, in, now);
  drive(live, now);
  return sched::Done{id, parts};
}

// What an earlier workflow has done already is taken over, in the plan's order, as far as the steps
// before it are too.
void Conductor::reuse(Live& live, const SubmitWorkflow& in, Now now) {
  std::map<std::string_view, const SubmitWorkflow::Reused*> by_name;
  for (const SubmitWorkflow::Reused& one : in.reused) by_name[one.step] = &one;
  if (by_name.empty()) return;
  const dag::WorkflowPlan& plan = live.run.plan();
  for (const dag::PlanNode node : plan.physical->exec_nodes()) {
    const std::uint32_t part = plan.physical->step(node);
    const auto found = by_name.find(live.run.workflow().steps[plan.parts[part].step].name);
    const bool runs = plan.parts[part].role == dag::PartRole::Run;
    if (!runs || found == by_name.end() || live.run.mark(part) != dag::Mark::Ready) continue;
    const SubmitWorkflow::Reused& old = *found->second;
    dag::Fact fact;
    fact.part = part;
    if (!old.items.empty()) {
      fact.kind = dag::FactKind::Expanded;
      fact.text = old.items;
      note(live, fact, now);
    }
    if (!take_values(live, part, old.values, now)) continue;
    const bool was_alone = old.element == dag::kNoElement;
    end_part(live, part, dag::Mark::Succeeded, "reused",
             "job " + std::to_string(raw(old.job)) +
                 (was_alone ? "" : "." + std::to_string(old.element)) + " of " +
                 name_of(in.resumes),
             now, was_alone ? old.job : JobId{});
  }
}

Result<Conductor::Live*> Conductor::owned(JobId id, const sched::Actor& actor) {
  const auto found = open_.find(id);
  if (found == open_.end())
    return fail(Errc::NotFound, "there is no open " + name_of(id), "drover dag ls shows them");
  if (!actor.is_operator && found->second->record.owner.uid != actor.uid)
    return fail(Errc::Denied, name_of(id) + " belongs to somebody else");
  return found->second.get();
}

// What runs as somebody comes from nobody else, operators included.
Result<Conductor::Live*> Conductor::fed_by(JobId id, const sched::Actor& actor) {
  auto live = owned(id, actor);
  if (live && actor.uid != (*live)->record.owner.uid)
    return fail(Errc::Denied, name_of(id) + " belongs to somebody else",
                "operators cancel and pause; what runs as its owner, the owner says");
  return live;
}

Result<sched::Done> Conductor::command(const CommandWorkflow& in, Now now) {
  auto live = owned(in.workflow, in.actor);
  if (!live) return fail(live.error());
  if (in.verb == WorkflowVerb::Cancel && !in.step.empty()) return cancel_step(**live, in.step, now);
  const dag::Run& run = (*live)->run;
  dag::Fact fact;
  fact.name = "by_user";
  fact.text = std::to_string(in.actor.uid);
  switch (in.verb) {
    case WorkflowVerb::Cancel: fact.kind = dag::FactKind::Cancelled; break;
    case WorkflowVerb::Pause:
      if (run.is_paused()) return sched::Done{in.workflow, 0};
      fact.kind = dag::FactKind::Paused;
      break;
    case WorkflowVerb::Resume:
      if (!run.is_paused()) return sched::Done{in.workflow, 0};
      fact.kind = dag::FactKind::Resumed;
      break;
  }
  note(**live, std::move(fact), now);
  drive(**live, now);
  return sched::Done{in.workflow, 1};
}

// The step, or all that is in a group of that name.
Result<sched::Done> Conductor::cancel_step(Live& live, const std::string& name, Now now) {
  const dag::Run& run = live.run;
  const JobId id = live.record.id;
  const auto step = run.workflow().find(name);
  if (!step)
    return fail(Errc::NotFound, name_of(id) + " has no step '" + name + "'",
                "drover dag show lists its steps", "step");
  std::vector<std::uint32_t> parts;
  for (std::uint32_t s = 0; s < run.workflow().steps.size(); ++s) {
    const dag::Step& other = run.workflow().steps[s];
    if (s != *step && other.parent != *step && !other.name.starts_with(name + ".")) continue;
    for (const std::uint32_t part : run.parts_of(s)) {
      const dag::PartRole role = run.plan().parts[part].role;
      if (role == dag::PartRole::Gather || dag::has_ended(run.mark(part))) continue;
      if (run.head_of(part) != part)
        return fail(Errc::Conflict, "step '" + name + "' shares the job of another",
                    "cancel " + dag::part_name(run.workflow(), run.plan().parts[run.head_of(part)]),
                    "step");
      parts.push_back(part);
      break;  // the fact is of the step
    }
  }
  if (parts.empty()) return fail(Errc::Conflict, "step '" + name + "' has ended", {}, "step");
  for (const std::uint32_t part : parts) {
    if (dag::has_ended(run.mark(part))) continue;  // skipped by one before
    dag::Fact fact;
    fact.kind = dag::FactKind::Cancelled;
    fact.name = "by_user";
    fact.part = part;
    note(live, std::move(fact), now);
  }
  const std::uint64_t count = parts.size();
  drive(live, now);
  return sched::Done{id, count};
}

Result<sched::Done> Conductor::set_values(const SetValues& in, Now now) {
  auto live = fed_by(in.workflow, in.actor);
  if (!live) return fail(live.error());
  const dag::Run& run = (*live)->run;
  // "align@2" is a part of the step "align"; a step in a fused chain speaks for its head.
  const auto step = run.workflow().find(in.part.substr(0, in.part.find_first_of("@~")));
  std::optional<std::uint32_t> part;
  if (step)
    for (const std::uint32_t one : run.parts_of(*step))
      if (dag::part_name(run.workflow(), run.plan().parts[one]) == in.part) part = run.head_of(one);
  if (!part)
    return fail(Errc::NotFound, name_of(in.workflow) + " has no step '" + in.part + "'",
                "DROVER_STEP holds the name of the one that runs", "step");
  if (!run.part(*part).is_open || dag::has_ended(run.mark(*part)))
    return fail(Errc::Conflict, "step '" + in.part + "' does not run",
                "values are set from within a step", "step");
  if (auto fits = run.can_hold(*part, in.values); !fits) return fail(fits.error());
  take_values(**live, *part, in.values, now);
  return sched::Done{in.workflow, in.values.size()};
}

// The workflow with further steps, whose jobs pass the entrance as those of the document did.
Result<std::unique_ptr<dag::Run>> Conductor::longer_run(const Live& live, dag::Workflow longer,
                                                        Now now) const {
  auto plan = dag::plan_workflow(longer, live.run.plan().rules);
  if (!plan) return fail(plan.error());
  const auto& before = live.run.plan().parts;
  for (std::size_t i = 0; i < plan->parts.size(); ++i) {
    const dag::Part& part = plan->parts[i];
    const bool changed =
        i < before.size() && (part.is_fused != before[i].is_fused || part.fused != before[i].fused);
    if (changed || (i >= before.size() && (part.is_fused || !part.fused.empty())))
      return fail(Errc::Conflict,
                  "step " + longer.steps[part.step].name +
                      " shares a job with others, which the new "
                      "steps would change",
                  "need the last step of the chain, and only that it succeeds", "needs");
  }
  auto run = std::make_unique<dag::Run>(live.record.id, std::move(longer), *std::move(plan),
                                        live.run.names());
  for (auto i = std::uint32_t(before.size()); i < run->plan().parts.size(); ++i) {
    const dag::Part& part = run->plan().parts[i];
    if (part.role == dag::PartRole::Gather) continue;
    const auto text = dag::draft_job_text(*run, i);
    const std::string step = "step " + run->workflow().steps[part.step].name;
    if (!text) return fail(text.error(), step);
    auto submit = ports_.prepare(live.record.owner, live.record.user, text->json, now.wall);
    if (!submit) return fail(submit.error(), step);
    if (auto ok = controller_.check_possible(*submit->spec); !ok) return fail(ok.error(), step);
  }
  return run;
}

Result<sched::Done> Conductor::add_steps(const AddSteps& in, Now now) {
  auto live = fed_by(in.workflow, in.actor);
  if (!live) return fail(live.error());
  const dag::Run& run = (*live)->run;
  if (run.is_cancelled()) return fail(Errc::Conflict, name_of(in.workflow) + " is being cancelled");
  dag::Workflow longer = run.workflow();
  const std::size_t before = longer.steps.size();
  dag::Bundle fragment;
  fragment.origin = "added steps";
  fragment.text = in.document;
  if (auto ok = dag::add_steps(longer, fragment); !ok) return fail(ok.error());
  const std::size_t added = longer.steps.size() - before;
  auto foreseen = longer_run(**live, std::move(longer), now);
  if (!foreseen) return fail(foreseen.error());
  (*live)->run.foresee_added(in.document, *std::move(foreseen));
  dag::Fact fact;
  fact.kind = dag::FactKind::Added;
  fact.name = "by_user";
  fact.text = in.document;
  note(**live, std::move(fact), now);
  drive(**live, now);
  return sched::Done{in.workflow, added};
}

Result<void> Conductor::restore(const WorkflowRecord& record, const WorkflowSource& source,
                                const std::vector<dag::Fact>& facts, Now now) {
  auto replayed = replay(record.id, source, facts);
  if (!replayed) return fail(replayed.error());
  replayed->settle_clock(steady(now));
  const dag::Run& run = insert(record, *std::move(replayed)).run;
  for (std::uint32_t i = 0; i < run.plan().parts.size(); ++i) {
    const dag::PartState& part = run.part(i);
    const dag::Step& step = run.workflow().steps[run.plan().parts[i].step];
    if (step.rate.starts > 0 && part.started.is_set())
      rates_.note(record.owner.uid, rate_key_of(record, step), step.rate,
                  std::min(part.started, steady(now)));
    if (!part.is_open) continue;
    if (part.element == dag::kNoElement) {
      parts_[part.job] = {record.id, i, {}, 0};
    } else {
      Place& place = parts_[part.job];
      place.workflow = record.id;
      if (place.elements.size() <= part.element)
        place.elements.resize(part.element + 1, dag::kNoPart);
      place.elements[part.element] = i;
      arrays_ += place.left++ == 0 ? 1 : 0;
    }
    if (step.strategy == dag::Strategy::MultiRead && part.items) races_.insert(part.job);
  }
  behind_.insert(record.id);
  return {};
}

std::vector<JobId> Conductor::lost_sight_of() const {
  std::vector<JobId> jobs;
  for (const auto& [job, place] : parts_)
    if (!controller_.job(job)) jobs.push_back(job);
  std::ranges::sort(jobs);
  return jobs;
}

Result<sched::Done> Conductor::reopen(const ReopenWorkflow& in, Now now) {
  const WorkflowRecord& old = in.record;
  if (!in.actor.is_operator && old.owner.uid != in.actor.uid)
    return fail(Errc::Denied, name_of(old.id) + " belongs to somebody else");
  if (open_.contains(old.id))
    return fail(Errc::Conflict, name_of(old.id) + " has not ended",
                "retry it when it has: drover dag wait " + std::to_string(raw(old.id)));
  const auto lately = closed_.find(old.id);
  if (lately != closed_.end() && lately->second != in.facts->size())
    return fail(Errc::Conflict, name_of(old.id) + " was retried meanwhile", "look at it again");
  if (old.state == WorkflowState::Succeeded)
    return fail(Errc::Conflict, name_of(old.id) + " has succeeded", "nothing is left to retry");
  auto replayed = replay(old.id, *in.source, *in.facts);
  if (!replayed) return fail(replayed.error());
  changes_.reopened.push_back({old.id, in.source, in.facts});
  Live& live = insert(old, *std::move(replayed));
  live.record.ended = {};
  live.record.first_failed = {};
  live.record.first_failed_step.clear();
  std::vector<std::pair<std::uint32_t, std::string>> subsets;
  for (std::uint32_t i = 0; i < live.run.plan().parts.size(); ++i) {
    const dag::PartState& part = live.run.part(i);
    if (live.run.mark(i) == dag::Mark::Succeeded || !part.items || raw(part.job) == 0) continue;
    if (auto left = ports_.unsuccessful(part.job); !left.empty())
      subsets.emplace_back(i, std::move(left));
  }
  dag::Fact fact;
  fact.kind = dag::FactKind::Reopened;
  fact.name = "by_user";
  note(live, fact, now);
  for (auto& [part, elements] : subsets) {
    fact.kind = dag::FactKind::Subset;
    fact.part = part;
    fact.text = std::move(elements);
    note(live, fact, now);
  }
  drive(live, now);
  return sched::Done{old.id, 1};
}

}  // namespace drover::flow
