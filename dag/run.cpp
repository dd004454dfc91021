// dag/run.cpp - what facts change.
// SPDX-License-Identifier: Apache-2.0
#include "dag/run.hpp"

#include <algorithm>
#include <array>

#include "base/units.hpp"
#include "dag/doc_json.hpp"
#include "dag/read_workflow.hpp"

namespace drover::dag {
namespace {

tl::unexpected<Error> conflict(const Fact& fact, const std::string& what) {
  return fail(Errc::Conflict, "fact " + std::to_string(fact.number) + " (" +
                                  std::string(to_string(fact.kind)) + "): " + what);
}

// What may be noted before the steps that were added are planned.
bool needs_plan(FactKind kind) {
  constexpr std::array kKinds{FactKind::Late, FactKind::Cancelled, FactKind::Stopped,
                              FactKind::Reopened, FactKind::Closed};
  return std::ranges::find(kKinds, kind) != kKinds.end();
}

bool names_part(FactKind kind) {
  constexpr std::array kKinds{FactKind::Started,  FactKind::Ended, FactKind::ValueSet,
                              FactKind::Expanded, FactKind::Late,  FactKind::Subset};
  return std::ranges::find(kKinds, kind) != kKinds.end();
}

std::uint32_t element_in(const std::string& text) {
  const auto number = parse_integer(text, 0, kNoElement - 1, "element");
  return number ? std::uint32_t(*number) : kNoElement;
}

}  // namespace

std::string_view to_string(FactKind kind) {
  switch (kind) {
    case FactKind::Started: return "started";
    case FactKind::Ended: return "ended";
    case FactKind::ValueSet: return "value_set";
    case FactKind::Expanded: return "expanded";
    case FactKind::Late: return "late";
    case FactKind::Added: return "added";
    case FactKind::Paused: return "paused";
    case FactKind::Resumed: return "resumed";
    case FactKind::Cancelled: return "cancelled";
    case FactKind::Stopped: return "stopped";
    case FactKind::Reopened: return "reopened";
    case FactKind::Subset: return "subset";
    case FactKind::Closed: return "closed";
  }
  return "unknown";
}

Run::Run(JobId id, Workflow workflow, WorkflowPlan plan, Variables names)
    : id_(id),
      workflow_(std::move(workflow)),
      plan_(std::move(plan)),
      names_(std::move(names)),
      execution_(plan_.physical) {
  note_parts();
  count_left_out();
  for (const PlanNode node : execution_.ready()) queue(plan_.physical->step(node));
}
Run::~Run() = default;
Run::Run(Run&&) noexcept = default;

// The indexes that follow from the plan. Parts only grow in number.
void Run::note_parts() {
  parts_.resize(plan_.parts.size());
  parts_of_step_.assign(workflow_.steps.size(), {});
  head_of_.assign(plan_.parts.size(), kNoPart);
  counts_.total = 0;
  counts_.weight = 0;
  for (std::uint32_t i = 0; i < plan_.parts.size(); ++i) {
    const Part& part = plan_.parts[i];
    parts_of_step_[part.step].push_back(i);
    for (const std::uint32_t behind : part.fused) head_of_[behind] = i;
    if (part.is_fused || part.role == PartRole::Gather) continue;
    ++counts_.total;
    counts_.weight += step_of(i).weight;
  }
}

void Run::count_left_out() {
  for (std::uint32_t i = 0; i < plan_.parts.size(); ++i)
    if (plan_.parts[i].is_left_out) count_end(i, Mark::Skipped);
}

Mark Run::mark(std::uint32_t part) const {
  const std::uint32_t head = head_of_.at(part);
  if (plan_.parts[part].is_left_out) return Mark::Skipped;
  return execution_.mark(plan_.parts[head == kNoPart ? part : head].node);
}

Mark Run::mark_of_step(std::uint32_t step) const {
  const PlanNode end = plan_.step_ends.at(step);
  return end == kNoNode ? Mark::Skipped : execution_.mark(end);
}

// One that was delayed, or waited for another to start, may have ended meanwhile.
void Run::queue(std::uint32_t part) {
  if (mark(part) != Mark::Ready || parts_[part].is_open) return;
  ready_.insert({plan_.physical->position(plan_.parts[part].node), part});
}

Result<void> Run::apply(const Fact& fact, Time steady) {
  if (fact.number != facts_ + 1)
    return conflict(fact, "fact " + std::to_string(facts_ + 1) + " comes next");
  const bool has_node = fact.part < parts_.size() && !plan_.parts[fact.part].is_fused &&
                        !plan_.parts[fact.part].is_left_out;
  if (names_part(fact.kind) && !has_node)
    return conflict(fact, "the workflow has no part " + std::to_string(fact.part));
  if (closed_ && fact.kind != FactKind::Reopened) return conflict(fact, "the workflow has ended");
  if (is_stale_ && needs_plan(fact.kind))
    if (auto planned = plan_again(); !planned) return planned;
  if (auto ok = change(fact, steady); !ok) return ok;
  ++facts_;
  return {};
}

Result<void> Run::change(const Fact& fact, Time steady) {
  switch (fact.kind) {
    case FactKind::Started: return started(fact, steady);
    case FactKind::Ended: return ended(fact);
    case FactKind::ValueSet: return value_set(fact);
    case FactKind::Expanded: return expanded(fact);
    case FactKind::Late: return late(fact);
    case FactKind::Added: return added(fact);
    case FactKind::Paused: paused_ = true; return {};
    case FactKind::Resumed: paused_ = false; return {};
    case FactKind::Cancelled: return cancelled(fact);
    case FactKind::Stopped:
      stopped_ = true;
      stop_all(false);
      return {};
    case FactKind::Reopened: reopened(); return {};
    case FactKind::Subset: parts_[fact.part].subset = fact.text; return {};
    case FactKind::Closed:
      if (!execution_.is_done()) return conflict(fact, "steps are open");
      closed_ = true;
      outcome_ = fact.mark;
      return {};
  }
  return conflict(fact, "of an unknown kind");
}

Result<void> Run::started(const Fact& fact, Time steady) {
  PartState& part = parts_[fact.part];
  if (part.is_open || (!is_stale_ && mark(fact.part) != Mark::Ready))
    return conflict(fact, part_name(workflow_, plan_.parts[fact.part]) + " cannot start");
  if (!is_stale_) ready_.erase({plan_.physical->position(plan_.parts[fact.part].node), fact.part});
  part.job = fact.job;
  part.element = element_in(fact.text);
  part.is_open = true;
  part.stop_sent = false;
  part.started = fact.at;
  part.began = steady;
  take_items(fact.part);
  ++part.starts;
  ++open_;
  if (is_stale_) return {};  // the rest follows from the plan
  wake_followers(fact.part);
  watch_standby(fact.part, steady);
  return {};
}

// Items that are known without a fact: of the document, or of the part that it follows.
void Run::take_items(std::uint32_t part) {
  const Step& step = step_of(part);
  PartState& state = parts_[part];
  const PartRole role = plan_.parts[part].role;
  if (state.items || (role != PartRole::Run && role != PartRole::Target)) return;
  if (step.foreach.source == Foreach::Source::Items)
    state.items = std::make_shared<const std::vector<std::string>>(step.foreach.items);
  if (step.foreach.source != Foreach::Source::Needed) return;
  for (const Need& need : step.needs)
    if (need.element_wise && !state.items) state.items = parts_[voice_of(need.step)].items;
}

// Those whose elements wait for the elements of this part are submitted behind it.
void Run::wake_followers(std::uint32_t part) {
  const auto found = followers_.find(part);
  if (found == followers_.end()) return;
  for (const std::uint32_t follower : found->second) queue(follower);
  followers_.erase(found);
}

void Run::watch_standby(std::uint32_t part, Time at) {
  const Step& step = step_of(part);
  const Part& what = plan_.parts[part];
  if (step.strategy != Strategy::ActiveStandby || step.late_after.us <= 0) return;
  for (const std::uint32_t other : parts_of_step_[what.step])
    if (plan_.parts[other].role == PartRole::Target && plan_.parts[other].target == what.target + 1)
      standbys_.insert({at + step.late_after, other});
}

Result<void> Run::late(const Fact& fact) {
  auto step = execution_.start_now(plan_.parts[fact.part].node);
  if (!step) return fail(step.error());
  std::erase_if(standbys_, [&](const auto& due) { return due.second == fact.part; });
  parts_[fact.part].why = "late";
  follow(*step);
  return {};
}

Result<void> Run::ended(const Fact& fact) {
  if (!is_stale_ && mark(fact.part) != Mark::Ready)
    return conflict(fact, part_name(workflow_, plan_.parts[fact.part]) + " is not open");
  PartState& part = parts_[fact.part];
  if (part.is_open) --open_;
  part.is_open = false;
  take_items(fact.part);
  if (raw(fact.job) != 0 && fact.job != part.job) {
    part.job = fact.job;
    part.element = kNoElement;
  }
  part.exit_code = fact.exit_code;
  part.ended = fact.at;
  part.why = fact.name;
  part.detail = fact.text;
  if (fact.mark == Mark::Cancelled && fact.name.starts_with("cancelled_by"))
    somebody_cancelled_ = true;
  if (is_stale_) {
    completed_.emplace_back(fact.part, fact.mark);
    return {};
  }
  ready_.erase({plan_.physical->position(plan_.parts[fact.part].node), fact.part});
  std::erase_if(delayed_, [&](const auto& due) { return due.second == fact.part; });
  complete(fact.part, fact.mark);
  wake_followers(fact.part);
  return {};
}

void Run::complete(std::uint32_t part, Mark mark) {
  completed_.emplace_back(part, mark);
  count_end(part, mark);
  const auto step = execution_.complete(plan_.parts[part].node, mark);
  if (step) follow(*step);
}

void Run::count_end(std::uint32_t part, Mark mark) {
  if (plan_.parts[part].role == PartRole::Gather) return;
  counts_.weight_done += step_of(part).weight;
  std::uint32_t& count = mark == Mark::Succeeded ? counts_.succeeded
                         : mark == Mark::Failed  ? counts_.failed
                         : mark == Mark::Skipped ? counts_.skipped
                                                 : counts_.cancelled;
  ++count;
}

void Run::follow(const Execution::Step& step) {
  const PhysicalPlan& plan = *plan_.physical;
  for (const PlanNode node : step.ready) queue(plan.step(node));
  for (const PlanNode node : step.unwanted) unwanted_.push_back(plan.step(node));
  for (const PlanNode node : step.dropped) {
    const std::uint32_t part = plan.step(node);
    ready_.erase({plan.position(node), part});
    count_end(part, execution_.mark(node));
    wake_followers(part);
  }
}

Result<void> Run::can_hold(std::uint32_t index, const Values& values) const {
  const PartState& part = parts_.at(index);
  const std::size_t items = part.items ? part.items->size() : step_of(index).foreach.items.size();
  std::size_t count = part.values.size();
  std::size_t bytes = value_bytes_;
  bool fits = true;
  for (const auto& [name, value] : values) {
    count += part.values.contains(name) ? 0 : 1;
    bytes += value.size();  // what it replaces is not taken off: a little strict
    fits = fits && value.size() <= kValueBytesMax;
  }
  if (fits && count <= kValuesMax * std::max<std::size_t>(items, 1) && bytes <= kAllValuesBytesMax)
    return {};
  return fail(Errc::Limit,
              "a step sets up to 1,000 values of up to 64 KiB, a workflow 64 MiB of them",
              "write it to a file and set the file's name");
}

Result<void> Run::value_set(const Fact& fact) {
  if (auto fits = can_hold(fact.part, {{fact.name, fact.text}}); !fits) return fits;
  std::string& value = parts_[fact.part].values[fact.name];
  value_bytes_ += fact.text.size() - value.size();
  value = fact.text;
  return {};
}

Result<void> Run::expanded(const Fact& fact) {
  const Json list = parse_json(fact.text);
  if (!list.is_array()) return conflict(fact, "its items are no list");
  auto items = std::make_shared<std::vector<std::string>>();
  for (const auto& item : list)
    items->push_back(item.is_string() ? item.get<std::string>() : to_text(item));
  parts_[fact.part].items = std::move(items);
  return {};
}

// What waits is ended at once by next(), what runs is told to stop.
void Run::stop_all(bool final_too) {
  for (std::uint32_t i = 0; i < parts_.size(); ++i)
    if (!plan_.parts[i].is_fused && mark(i) == Mark::Ready && (final_too || !step_of(i).is_final) &&
        plan_.parts[i].role != PartRole::Undo)
      unwanted_.push_back(i);
}

Result<void> Run::cancelled(const Fact& fact) {
  if (fact.part == kNoPart) {
    ++cancels_;
    stop_all(cancels_ > 1);
    return {};
  }
  if (fact.part >= parts_.size()) return conflict(fact, "the workflow has no such step");
  somebody_cancelled_ = true;
  for (const std::uint32_t part : parts_of_step_[plan_.parts[fact.part].step]) {
    if (plan_.parts[part].is_fused || plan_.parts[part].role == PartRole::Undo) continue;
    if (mark(part) == Mark::Waiting) {
      if (auto step = execution_.start_now(plan_.parts[part].node); !step)
        return fail(step.error());
      complete(part, Mark::Cancelled);
    } else if (mark(part) == Mark::Ready) {
      unwanted_.push_back(part);
    }
  }
  return {};
}

}  // namespace drover::dag
