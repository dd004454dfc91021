// dag/run_orders.cpp - what is to be done next, from what has happened.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "dag/doc_json.hpp"
#include "dag/run.hpp"

namespace drover::dag {
namespace {

// A JSON list, or one item per line. What nests deeper than a document may is no list: somebody's
// value must not decide how deep we recurse.
std::vector<std::string> items_in(const std::string& text) {
  std::vector<std::string> items;
  const Json list = json_depth(text) <= kDocumentDepthMax ? parse_json(text) : Json();
  if (list.is_array()) {
    for (const Json& item : list)
      items.push_back(item.is_string() ? item.get<std::string>() : to_text(item));
    return items;
  }
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t to = std::min(text.find('\n', from), text.size());
    if (to > from) items.push_back(text.substr(from, to - from));
    from = to + 1;
  }
  return items;
}

std::optional<std::string> value_of(const PartState& state, const std::string& name) {
  const auto value = state.values.find(name);
  if (value != state.values.end()) return value->second;
  if (!state.items) return std::nullopt;
  Json list = Json::array();
  bool is_set = false;
  for (std::size_t i = 0; i < state.items->size(); ++i) {
    const auto of_element = state.values.find(name + "[" + std::to_string(i) + "]");
    list.push_back(of_element == state.values.end() ? Json() : Json(of_element->second));
    is_set = is_set || of_element != state.values.end();
  }
  if (!is_set) return std::nullopt;
  return to_text(list);
}

}  // namespace

Fact Run::fact_of(FactKind kind, std::uint32_t part, Time now) const {
  Fact fact;
  fact.number = facts_ + 1;
  fact.at = now;
  fact.kind = kind;
  fact.part = part;
  return fact;
}

Run::Order Run::end_of(std::uint32_t part, Mark mark, Time now, std::string why,
                       std::string detail) const {
  Fact fact = fact_of(FactKind::Ended, part, now);
  fact.mark = mark;
  fact.name = std::move(why);
  fact.text = std::move(detail);
  return Conclude{std::move(fact)};
}

std::optional<Run::Order> Run::next(Time now) {
  if (closed_) return std::nullopt;
  if (auto order = next_unwanted(now)) return order;
  if (execution_.is_done()) {
    Fact fact = fact_of(FactKind::Closed, kNoPart, now);
    const bool cancelled = cancels_ > 0 || (somebody_cancelled_ && execution_.is_ok());
    fact.mark = cancelled ? Mark::Cancelled : execution_.is_ok() ? Mark::Succeeded : Mark::Failed;
    return Conclude{std::move(fact)};
  }
  const bool stops = workflow_.on_failure == OnFailure::Stop && execution_.has_failed();
  if (stops && !stopped_ && cancels_ == 0) {
    Fact fact = fact_of(FactKind::Stopped, kNoPart, now);
    fact.name = "on_failure";
    return Conclude{std::move(fact)};
  }
  if (auto order = next_late(now)) return order;
  return next_start(now);
}

std::optional<Run::Order> Run::next_unwanted(Time now) {
  while (!unwanted_.empty()) {
    const std::uint32_t part = unwanted_.front();
    unwanted_.pop_front();
    PartState& state = parts_[part];
    if (has_ended(mark(part))) continue;
    if (!state.is_open)
      return end_of(part, Mark::Cancelled, now, cancels_ > 0 ? "cancelled" : "not_needed", {});
    if (std::exchange(state.stop_sent, true)) continue;
    return Stop{part};
  }
  return std::nullopt;
}

std::optional<Run::Order> Run::next_late(Time now) {
  while (!standbys_.empty() && standbys_.begin()->first <= now) {
    const std::uint32_t part = standbys_.begin()->second;
    standbys_.erase(standbys_.begin());
    if (mark(part) != Mark::Waiting) continue;
    Fact fact = fact_of(FactKind::Late, part, now);
    fact.name = "late";
    return Conclude{std::move(fact)};
  }
  return std::nullopt;
}

std::optional<Run::Order> Run::next_start(Time now) {
  while (!delayed_.empty() && delayed_.begin()->first <= now) {
    queue(delayed_.begin()->second);
    delayed_.erase(delayed_.begin());
  }
  const bool ends = cancels_ > 0 || stopped_;
  if (paused_ && !ends) return std::nullopt;
  while (!ready_.empty()) {
    const std::uint32_t part = ready_.begin()->second;
    const bool runs_anyway = step_of(part).is_final && cancels_ < 2;
    const bool makes_up = plan_.parts[part].role == PartRole::Undo;
    if (ends && !runs_anyway && !makes_up)
      return end_of(part, Mark::Cancelled, now, cancels_ > 0 ? "cancelled" : "on_failure", {});
    const bool full = workflow_.max_parallel > 0 && open_ >= workflow_.max_parallel;
    if (full && plan_.parts[part].role != PartRole::Gather) return std::nullopt;
    ready_.erase(ready_.begin());
    if (auto order = prepare(part, now)) return order;
  }
  return std::nullopt;
}

// Nothing when the part has to wait for something else first.
std::optional<Run::Order> Run::prepare(std::uint32_t part, Time now) {
  const Part& what = plan_.parts[part];
  if (what.role == PartRole::Gather) return gather(part, now);
  if (what.role == PartRole::Run)
    for (const Need& need : step_of(part).needs) {
      if (!need.element_wise) continue;
      const std::uint32_t before = voice_of(need.step);
      if (parts_[before].is_open || mark(before) == Mark::Succeeded) continue;
      if (has_ended(mark(before)))
        return end_of(part, Mark::Cancelled, now, "dependency_never",
                      workflow_.steps[need.step].name + " did not succeed");
      followers_[before].push_back(part);
      return std::nullopt;
    }
  if (what.role == PartRole::Run || what.role == PartRole::Target)
    if (auto order = items_for(part, now)) return order;
  return Begin{part};
}

// What keeps the part from beginning until its items are known; nothing when they are.
std::optional<Run::Order> Run::items_for(std::uint32_t part, Time now) {
  const Step& step = step_of(part);
  PartState& state = parts_[part];
  if (step.foreach.source == Foreach::Source::None) return std::nullopt;
  take_items(part);
  if (!state.items) {
    const auto text = lookup(step.foreach.result);
    if (!text)
      return end_of(part, Mark::Failed, now, "no_items",
                    step.foreach.result + " was not set: drover dag set NAME=VALUE sets it");
    const std::vector<std::string> items = items_in(*text);
    if (items.size() > step.foreach.limit)
      return end_of(part, Mark::Failed, now, "too_many_items",
                    step.foreach.result + " has " + std::to_string(items.size()) +
                        " items, the limit is " + std::to_string(step.foreach.limit));
    Fact fact = fact_of(FactKind::Expanded, part, now);
    fact.name = step.foreach.result;
    fact.text = to_text(Json(items));
    queue(part);
    return Conclude{std::move(fact)};
  }
  if (state.items->empty()) return end_of(part, Mark::Succeeded, now, "no_items", {});
  return std::nullopt;
}

std::optional<Run::Order> Run::gather(std::uint32_t part, Time now) const {
  return end_of(part, gathered(workflow_, plan_, execution_, part), now, {}, {});
}

void Run::settle_clock(Time now) {
  standbys_.clear();
  for (std::uint32_t i = 0; i < parts_.size(); ++i) {
    if (!parts_[i].is_open) continue;
    parts_[i].began = std::min(parts_[i].began, now);
    if (!plan_.parts[i].is_fused) watch_standby(i, parts_[i].began);
  }
}

bool Run::waits_for_elements(std::uint32_t part) const {
  if (plan_.parts.at(part).role != PartRole::Run) return false;
  return std::ranges::any_of(step_of(part).needs, [&](const Need& need) {
    return need.element_wise && parts_[voice_of(need.step)].is_open;
  });
}

std::vector<std::uint32_t> Run::mates_of(std::uint32_t part, std::size_t most) const {
  std::vector<std::uint32_t> mates;
  const std::uint32_t group = plan_.parts.at(part).group;
  if (group == 0) return mates;
  if (workflow_.max_parallel > 0)
    most = std::min<std::size_t>(
        most, workflow_.max_parallel - std::min(workflow_.max_parallel, open_ + 1));
  for (const auto& [position, other] : ready_) {
    if (mates.size() >= most || plan_.parts[other].group != group) break;
    mates.push_back(other);
  }
  return mates;
}

void Run::delay(std::uint32_t part, Time at) { delayed_.insert({at, part}); }

std::optional<Time> Run::next_timer() const {
  std::optional<Time> first;
  for (const auto* due : {&delayed_, &standbys_})
    if (!due->empty() && (!first || due->begin()->first < *first)) first = due->begin()->first;
  return first;
}

std::uint32_t Run::voice_of(std::uint32_t step) const {
  std::uint32_t voice = kNoPart;
  for (const std::uint32_t part : parts_of_step_.at(step)) {
    const PartRole role = plan_.parts[part].role;
    if (role == PartRole::Undo) continue;
    if (role == PartRole::Summary) return part;
    if (voice == kNoPart || mark(part) == Mark::Succeeded) voice = part;
  }
  return voice;
}

std::optional<std::string> Run::lookup(std::string_view name) const {
  if (name == "workflow.id") return std::to_string(raw(id_));
  if (name == "workflow.name") return workflow_.name;
  if (!name.starts_with("steps.")) return std::nullopt;
  name.remove_prefix(6);
  // Names of steps may have dots in them: the longest one that fits.
  for (std::size_t dot = name.rfind('.'); dot != std::string_view::npos && dot > 0;
       dot = name.rfind('.', dot - 1)) {
    const auto step = workflow_.find(name.substr(0, dot));
    if (!step) continue;
    const std::string_view what = name.substr(dot + 1);
    if (what == "state") return std::string(to_string(mark_of_step(*step)));
    const std::uint32_t voice = voice_of(*step);
    if (voice == kNoPart) return std::nullopt;
    const PartState& state = parts_[head_of(voice)];
    if (what == "job")
      return std::to_string(raw(state.job)) +
             (state.element == kNoElement ? "" : "." + std::to_string(state.element));
    if (what == "exit_code") return std::to_string(state.exit_code);
    if (!what.starts_with("values.")) return std::nullopt;
    return value_of(state, std::string(what.substr(7)));
  }
  return std::nullopt;
}

std::vector<std::uint32_t> Run::parts_of(std::uint32_t step) const {
  return parts_of_step_.at(step);
}

PartCounts Run::counts() const {
  PartCounts counts = counts_;
  counts.running = open_;
  counts.ready = std::uint32_t(ready_.size() + delayed_.size());
  const std::uint32_t known = counts.running + counts.ready + counts.succeeded + counts.failed +
                              counts.skipped + counts.cancelled;
  counts.waiting = counts.total > known ? counts.total - known : 0;
  return counts;
}

}  // namespace drover::dag
