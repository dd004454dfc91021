// dag/parse.cpp - from the request to the AST: words become values, names become positions.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/units.hpp"
#include "dag/compile.hpp"

namespace drover::dag {
namespace {

// Never iterated: names are looked up only.
using Positions = std::unordered_map<std::string_view, std::uint32_t>;

Result<void> check_size(const JobRequest& request) {
  if (request.steps.size() > kStepsMax)
    return fail(Errc::Limit,
                "the job has " + std::to_string(request.steps.size()) + " steps; at most " +
                    std::to_string(kStepsMax) + " are allowed",
                "use an array for many runs of the same code", "steps");
  std::size_t edges = 0;
  for (const StepRequest& step : request.steps) edges += step.after.size();
  if (edges > kStepEdgesMax)
    return fail(Errc::Limit,
                "the job has " + std::to_string(edges) + " dependencies between steps; at most " +
                    std::to_string(kStepEdgesMax) + " are allowed",
                "wait for the last step of a chain only", "steps");
  return {};
}

std::string nearest_step(const std::string& name, const std::vector<StepRequest>& steps) {
  constexpr std::size_t kLooked = 10'000;
  std::vector<std::string_view> names;
  for (const StepRequest& step : std::span(steps).first(std::min(steps.size(), kLooked)))
    names.emplace_back(step.name);
  return std::string(nearest_match(name, names));
}

Result<std::vector<StageNeed>> resolve(const StepRequest& step, const Positions& positions,
                                       const std::vector<StepRequest>& steps) {
  std::vector<StageNeed> after;
  after.reserve(step.after.size());
  for (std::size_t i = 0; i < step.after.size(); ++i) {
    const std::string& name = step.after[i];
    const Ask ask = i < step.asks.size() ? step.asks[i] : Ask{};
    const auto found = positions.find(name);
    if (found == positions.end()) {
      const std::string near = nearest_step(name, steps);
      return fail(
          Errc::BadInput, "step '" + step.name + "' waits for '" + name + "', which does not exist",
          near.empty() ? "name a step of this job" : "did you mean '" + near + "'?", "after");
    }
    after.push_back({found->second, ask.when, ask.each});
  }
  std::ranges::sort(after);
  after.erase(std::unique(after.begin(), after.end()), after.end());
  return after;
}

}  // namespace

Result<JobAst> parse(JobRequest request) {
  if (auto fits = check_size(request); !fits) return fail(std::move(fits.error()));
  Positions positions;
  positions.reserve(request.steps.size());
  for (const StepRequest& step : request.steps)
    if (!positions.emplace(step.name, std::uint32_t(positions.size())).second)
      return fail(Errc::BadInput, "two steps are named '" + step.name + "'",
                  "give each step its own name", "steps");

  JobAst job{.name = std::move(request.name), .labels = std::move(request.labels), .stages = {}};
  // References first: names are moved out below.
  std::vector<std::vector<StageNeed>> all_after;
  std::vector<std::uint32_t> groups(request.steps.size(), kNoStage);
  all_after.reserve(request.steps.size());
  for (const StepRequest& step : request.steps) {
    auto after = resolve(step, positions, request.steps);
    if (!after) return fail(std::move(after.error()));
    if (!step.group.empty()) {
      const auto group = positions.find(step.group);
      if (group == positions.end())
        return fail(
            Errc::BadInput,
            "step '" + step.name + "' is part of '" + step.group + "', which does not exist",
            "name a step of this job", "steps");
      groups[all_after.size()] = group->second;
    }
    all_after.push_back(std::move(*after));
  }
  job.stages.reserve(request.steps.size());
  for (StepRequest& step : request.steps) {
    auto strategy = strategy_from(step.strategy);
    if (!strategy) return fail(std::move(strategy.error()), "step '" + step.name + "'");
    StageAst stage;
    stage.strategy = *strategy;
    stage.kind = step.code.empty()   ? CodeKind::Command
                 : step.is_statement ? CodeKind::Statement
                                     : CodeKind::Script;
    stage.code = stage.kind != CodeKind::Command ? std::move(step.code)
                 : step.argv.empty()             ? std::string()
                                                 : std::move(step.argv.front());
    stage.name = std::move(step.name);
    stage.language = std::move(step.language);
    stage.is_array = step.is_array;
    stage.elements = step.elements;
    stage.after = std::move(all_after[job.stages.size()]);
    stage.join = step.join;
    stage.form = step.form;
    stage.group = groups[job.stages.size()];
    stage.targets = step.targets;
    stage.has_undo = step.has_undo;
    stage.is_final = step.is_final;
    stage.weight = step.weight;
    stage.fuse = step.fuse;
    job.stages.push_back(std::move(stage));
  }
  return job;
}

}  // namespace drover::dag
