// flow/inputs.cpp - what users ask, and what was there before a restart.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

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
  auto names = names_of(*in.workflow, *in.source);
  if (!names) return fail(names.error());
  WorkflowRecord record;
  record.id = controller_.draw_id();
  record.owner = in.owner;
  record.user = in.user;
  record.name = in.workflow->name;
  record.submitted = in.source->submitted;
  record.resumes = in.resumes;
  changes_.sources.push_back({record.id, in.source});
  controller_.announce(sched::EventKind::WorkflowSubmitted, record.id, in.owner.uid, record.name,
                       "running", now);
  Live& live =
      insert(std::move(record), dag::Run(record.id, *in.workflow, *in.plan, std::move(*names)));
  touch(live);
  const JobId id = live.record.id;
  reuse(live, in, now);
  drive(live, now);
  return sched::Done{id, in.plan->parts.size()};
}

// What an earlier workflow has done already is taken over, in the plan's order, as far as the steps
// before it are too.
void Conductor::reuse(Live& live, const SubmitWorkflow& in, Now now) {
  std::map<std::string_view, const SubmitWorkflow::Reused*> by_name;
  for (const SubmitWorkflow::Reused& one : in.reused) by_name[one.step] = &one;
  if (by_name.empty()) return;
  for (const dag::PlanNode node : in.plan->physical->exec_nodes()) {
    const std::uint32_t part = in.plan->physical->step(node);
    const auto found = by_name.find(in.workflow->steps[in.plan->parts[part].step].name);
    const bool runs = in.plan->parts[part].role == dag::PartRole::Run;
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
    end_part(live, part, dag::Mark::Succeeded, "reused",
             "job " + std::to_string(raw(old.job)) + " of " + name_of(in.resumes), now);
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

Result<sched::Done> Conductor::command(const CommandWorkflow& in, Now now) {
  auto live = owned(in.workflow, in.actor);
  if (!live) return fail(live.error());
  dag::Run& run = (*live)->run;
  dag::Fact fact;
  fact.name = "by_user";
  fact.text = std::to_string(in.actor.uid);
  switch (in.verb) {
    case WorkflowVerb::Cancel: {
      fact.kind = dag::FactKind::Cancelled;
      if (in.step.empty()) break;
      const auto step = run.workflow().find(in.step);
      if (!step)
        return fail(Errc::NotFound, name_of(in.workflow) + " has no step '" + in.step + "'",
                    "drover dag show lists its steps", "step");
      const auto parts = run.parts_of(*step);
      if (parts.empty())
        return fail(Errc::BadInput, "'" + in.step + "' is a group", "cancel its members", "step");
      fact.part = parts.front();
      break;
    }
    case WorkflowVerb::Pause:
      if (run.is_paused()) return sched::Done{in.workflow, 0};
      fact.kind = dag::FactKind::Paused;
      break;
    case WorkflowVerb::Resume:
      if (!run.is_paused()) return sched::Done{in.workflow, 0};
      fact.kind = dag::FactKind::Resumed;
      break;
    case WorkflowVerb::Retry: fact.kind = dag::FactKind::Reopened; break;
  }
  note(**live, std::move(fact), now);
  drive(**live, now);
  return sched::Done{in.workflow, 1};
}

Result<sched::Done> Conductor::set_values(const SetValues& in, Now now) {
  auto live = owned(in.workflow, in.actor);
  if (!live) return fail(live.error());
  const dag::Run& run = (*live)->run;
  const auto& parts = run.plan().parts;
  const auto named = std::ranges::find_if(parts, [&](const dag::Part& part) {
    return dag::part_name(run.workflow(), part) == in.part;
  });
  if (named == parts.end())
    return fail(Errc::NotFound, name_of(in.workflow) + " has no step '" + in.part + "'",
                "DROVER_STEP holds the name of the one that runs", "step");
  const auto part = std::uint32_t(named - parts.begin());
  if (!run.part(part).is_open)
    return fail(Errc::Conflict, "step '" + in.part + "' does not run",
                "values are set from within a step", "step");
  for (const auto& [name, value] : in.values) {
    dag::Fact fact;
    fact.kind = dag::FactKind::ValueSet;
    fact.part = part;
    fact.name = name;
    fact.text = value;
    if (auto fits = run.can_hold(part, name, value); !fits) return fail(fits.error());
    note(**live, std::move(fact), now);
  }
  return sched::Done{in.workflow, in.values.size()};
}

Result<sched::Done> Conductor::add_steps(const AddSteps& in, Now now) {
  auto live = owned(in.workflow, in.actor);
  if (!live) return fail(live.error());
  dag::Run& run = (*live)->run;
  if (run.is_cancelled()) return fail(Errc::Conflict, name_of(in.workflow) + " is being cancelled");
  dag::Workflow longer = run.workflow();
  const std::size_t before = longer.steps.size();
  dag::Bundle fragment;
  fragment.origin = "added steps";
  fragment.text = in.document;
  if (auto ok = dag::add_steps(longer, fragment); !ok) return fail(ok.error());
  if (auto ok = dag::plan_workflow(longer, run.plan().rules); !ok) return fail(ok.error());
  dag::Fact fact;
  fact.kind = dag::FactKind::Added;
  fact.name = "by_user";
  fact.text = in.document;
  note(**live, std::move(fact), now);
  drive(**live, now);
  return sched::Done{in.workflow, longer.steps.size() - before};
}

Result<void> Conductor::restore(const WorkflowRecord& record, const WorkflowSource& source,
                                const std::vector<dag::Fact>& facts) {
  auto replayed = replay(record.id, source, facts);
  if (!replayed) return fail(replayed.error());
  const dag::Run& run = insert(record, *std::move(replayed)).run;
  for (std::uint32_t i = 0; i < run.plan().parts.size(); ++i) {
    const dag::PartState& part = run.part(i);
    if (!part.is_open) continue;
    parts_[part.job] = {record.id, i};
    const dag::Step& step = run.workflow().steps[run.plan().parts[i].step];
    if (step.strategy == dag::Strategy::MultiRead && part.items) races_.insert(part.job);
    if (step.rate.starts > 0)
      rates_.note(record.owner.uid,
                  step.rate.key.empty() ? record.name + "." + step.name : step.rate.key, step.rate,
                  part.started);
  }
  restored_.insert(record.id);
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
  if (open_.contains(old.id)) return fail(Errc::Conflict, name_of(old.id) + " is open");
  const auto lately = closed_.find(old.id);
  if (lately != closed_.end() && lately->second != in.facts.size())
    return fail(Errc::Conflict, name_of(old.id) + " was retried meanwhile", "look at it again");
  if (old.state == WorkflowState::Succeeded)
    return fail(Errc::Conflict, name_of(old.id) + " has succeeded", "nothing is left to retry");
  auto replayed = replay(old.id, *in.source, in.facts);
  if (!replayed) return fail(replayed.error());
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
