// dag/check_workflow.cpp - circles, elements, and values of other steps.
// SPDX-License-Identifier: Apache-2.0
#include "dag/check_workflow.hpp"

#include <algorithm>

#include "base/units.hpp"

namespace drover::dag {
namespace {

class Checker {
 public:
  Checker(Workflow& flow, const std::vector<StepOrigin>& origins, std::uint32_t first)
      : flow_(flow), origins_(origins), first_(first) {}

  Result<void> check() {
    if (auto order = sort(); !order) return order;
    source_.assign(flow_.steps.size() - first_, kNoStep);
    for (const std::uint32_t s : order_) {
      if (auto right = check_elements(s); !right) return right;
      if (auto right = check_finals(s); !right) return right;
      if (auto right = check_uses(s); !right) return right;
    }
    return {};
  }

 private:
  Step& step(std::uint32_t s) { return flow_.steps[s]; }
  const StepOrigin& origin(std::uint32_t s) const { return origins_[s - first_]; }
  tl::unexpected<Error> wrong(std::uint32_t s, std::string message, std::string hint) const {
    return wrong_at(origin(s).document, flow_.steps[s].line, std::move(message), std::move(hint));
  }

  // Every step after those that it needs; else the steps of a circle. Those before the first need
  // none of them.
  Result<void> sort() {
    const auto count = std::uint32_t(flow_.steps.size() - first_);
    std::vector<std::uint32_t> waits(count);
    std::vector<std::vector<std::uint32_t>> next(count);
    for (std::uint32_t s = 0; s < count; ++s) {
      for (const Need& need : step(first_ + s).needs) {
        if (need.step < first_) continue;
        ++waits[s];
        next[need.step - first_].push_back(s);
      }
      if (waits[s] == 0) order_.push_back(first_ + s);
    }
    for (std::size_t i = 0; i < order_.size(); ++i)
      for (const std::uint32_t s : next[order_[i] - first_])
        if (--waits[s] == 0) order_.push_back(first_ + s);
    if (order_.size() == count) return {};
    return circle(waits);
  }

  tl::unexpected<Error> circle(const std::vector<std::uint32_t>& waits) {
    std::uint32_t at = 0;
    while (waits[at] == 0) ++at;
    std::vector<std::uint32_t> path;  // each that is left needs another that is left
    std::vector<bool> seen(waits.size());
    while (!seen[at]) {
      seen[at] = true;
      path.push_back(at);
      at = std::ranges::find_if(step(first_ + at).needs,
                                [&](const Need& need) {
                                  return need.step >= first_ && waits[need.step - first_] > 0;
                                })
               ->step -
           first_;
    }
    path.erase(path.begin(), std::ranges::find(path, at));
    std::string names;
    for (std::size_t i = 0; i < std::min<std::size_t>(path.size(), 10); ++i)
      names += step(first_ + path[i]).name + " -> ";
    names += path.size() > 10 ? "..." : step(first_ + at).name;
    return wrong(first_ + at, "steps need each other: " + names, "drop one of these needs");
  }

  // The step whose own foreach says how often `s` runs.
  std::uint32_t source_of(std::uint32_t s) const {
    while (s < first_ && flow_.steps[s].foreach.source == Foreach::Source::Needed)
      s = std::ranges::find_if(flow_.steps[s].needs, &Need::element_wise)->step;
    if (s >= first_) return source_[s - first_];
    return flow_.steps[s].foreach.source == Foreach::Source::None ? kNoStep : s;
  }

  static std::string count_of(const Step& step) {
    return step.foreach.source == Foreach::Source::Items
               ? std::to_string(step.foreach.items.size())
               : "what '" + step.foreach.result + "' says";
  }

  Result<void> check_elements(std::uint32_t s) {
    Step& mine = step(s);
    std::uint32_t& source = source_[s - first_];
    if (mine.foreach.source != Foreach::Source::None) source = s;
    const bool inherits = mine.foreach.source == Foreach::Source::None ||
                          mine.foreach.source == Foreach::Source::Needed;
    if (inherits) source = kNoStep;
    for (const Need& need : mine.needs) {
      if (!need.element_wise) continue;
      const Step& other = step(need.step);
      const std::string pair =
          "step '" + mine.name + "' needs '" + other.name + "' element by element";
      if (source_of(need.step) == kNoStep)
        return wrong(s, pair + ", which has no foreach", "drop each = true, or give it a foreach");
      if (!other.targets.empty() || other.strategy != Strategy::Single)
        return wrong(s, pair + ", which has a strategy", "need it as a whole");
      const bool any = (mine.join == Join::Any && mine.needs.size() > 1) ||
                       (other.join == Join::Any && other.needs.size() > 1);
      if (any) return wrong(s, pair + ", and any of their needs is enough", "leave any out");
      if (source == kNoStep) source = source_of(need.step);
      const Step& a = step(source);
      const Step& b = step(source_of(need.step));
      const bool counted =
          a.foreach.source == Foreach::Source::Items && b.foreach.source == Foreach::Source::Items;
      if (&a != &b && (!counted || a.foreach.items.size() != b.foreach.items.size()))
        return wrong(s, pair + ", but the counts differ: " + count_of(a) + " and " + count_of(b),
                     "let both run for the same");
    }
    if (source != kNoStep && !mine.engine.empty())
      return wrong(s, "step '" + mine.name + "' runs code on an engine, which takes no items",
                   "loop in the code, write a step for each, or let drover dag add make them");
    if (!inherits) return {};
    if (source == kNoStep && mine.foreach.source == Foreach::Source::Needed)
      return wrong(s, "foreach of step '" + mine.name + "' says nothing to run for",
                   "add a list, a range, files or a need with each = true");
    if (source != kNoStep) mine.foreach.source = Foreach::Source::Needed;
    if (source == kNoStep && origin(s).uses_item)
      return wrong(s, "step '" + mine.name + "' uses ${item} and has no foreach",
                   "give it a foreach, or a need with each = true");
    return {};
  }

  Result<void> check_finals(std::uint32_t s) {
    for (const Need& need : step(s).needs)
      if (step(need.step).is_final && !step(s).is_final)
        return wrong(s,
                     "step '" + step(s).name + "' needs '" + step(need.step).name +
                         "', which is final and runs when all others have ended",
                     "make both final, or none");
    return {};
  }

  Result<void> check_uses(std::uint32_t s) {
    for (const NameUse& use : origin(s).uses)
      if (auto right = check_use(s, use); !right) return right;
    return {};
  }

  Result<void> check_use(std::uint32_t s, const NameUse& use) {
    const std::string& document = origin(s).document;
    const std::string_view name = step_of_value(use.name);
    if (name.empty())
      return wrong_at(document, use.line,
                      "${" + use.name.substr(0, 80) + "} names no value of a step",
                      "write ${steps.NAME.values.KEY}, or .job, .state or .exit_code");
    const auto found = flow_.find(name);
    if (!found) {
      std::vector<std::string_view> names;
      for (const auto& [known, at] : flow_.by_name) names.push_back(known);
      return unknown_at(document, use.line, "step", name, names);
    }
    if (waits_for(s, *found)) return {};
    const bool by_element = std::ranges::any_of(
        step(s).needs, [&](const Need& n) { return n.step == *found && n.element_wise; });
    return wrong_at(document, use.line,
                    "step '" + step(s).name + "' uses a value of '" + std::string(name) +
                        "', but does not wait for its end",
                    by_element ? "its values are known when all its elements have ended: drop each"
                               : "add needs = [\"" + std::string(name) + "\"]");
  }

  bool is_within(std::uint32_t s, std::uint32_t group) const {
    for (; s != kNoStep; s = flow_.steps[s].parent)
      if (s == group) return true;
    return false;
  }

  // Of a step that it needs element by element, `from` waits for the start, so for its needs.
  template <class Look>
  void look_at_needs(const Step& from, const Look& look) {
    std::vector<const Step*> starts{&from};
    for (std::size_t i = 0; i < starts.size(); ++i)
      for (const Need& need : starts[i]->needs) {
        if (!need.element_wise)
          look(need.step);
        else if (std::ranges::count(starts, &step(need.step)) == 0)
          starts.push_back(&step(need.step));
      }
  }

  // That `other` has ended whenever `s` starts. Looks at a bounded number of steps: with more, the
  // value is looked for when the step starts.
  bool waits_for(std::uint32_t s, std::uint32_t other) {
    if (is_within(other, s)) return true;  // a group's summary comes after its members
    std::vector<std::uint32_t> open{s};
    std::vector<bool> seen(flow_.steps.size());
    seen[s] = true;
    const auto look = [&](std::uint32_t next) {
      if (!seen[next]) open.push_back(next);
      seen[next] = true;
    };
    while (!open.empty()) {
      const std::uint32_t at = open.back();
      open.pop_back();
      if (--budget_ < 0) return true;
      if (at != s && is_within(other, at)) return true;
      const Step& now = step(at);
      if (now.is_final && !step(other).is_final && step(other).parent == now.parent) return true;
      look_at_needs(now, look);
      if (now.parent != kNoStep)  // it starts when its group may
        for (const Need& need : step(now.parent).needs) look(need.step);
    }
    return false;
  }

  Workflow& flow_;
  const std::vector<StepOrigin>& origins_;
  std::uint32_t first_;
  std::vector<std::uint32_t> order_;   // steps from the first on
  std::vector<std::uint32_t> source_;  // from the first on
  std::int64_t budget_ = 20'000'000;
};

}  // namespace

std::string_view step_of_value(std::string_view name) {
  constexpr std::string_view kSteps = "steps.", kValues = ".values.";
  if (!name.starts_with(kSteps)) return {};
  name.remove_prefix(kSteps.size());
  const std::size_t end = name.find(kValues);
  if (end != std::string_view::npos)
    return name.size() == end + kValues.size() ? std::string_view() : name.substr(0, end);
  for (const std::string_view what : {".job", ".state", ".exit_code"})
    if (name.ends_with(what)) return name.substr(0, name.size() - what.size());
  return {};
}

Result<void> check_workflow(Workflow& flow, const std::vector<StepOrigin>& origins,
                            std::uint32_t first) {
  return Checker(flow, origins, first).check();
}

}  // namespace drover::dag
