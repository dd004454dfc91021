// dag/parse.cpp - from the request to the AST: words become values, names become positions.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <string_view>

#include "base/units.hpp"
#include "dag/compile.hpp"

namespace drover::dag {
namespace {

using Positions = std::map<std::string, std::uint32_t, std::less<>>;

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

Result<std::vector<std::uint32_t>> resolve(const StepRequest& step, const Positions& positions) {
  std::vector<std::uint32_t> after;
  for (const std::string& name : step.after) {
    const auto found = positions.find(name);
    if (found == positions.end()) {
      std::vector<std::string_view> names;
      for (const auto& [known, position] : positions) names.emplace_back(known);
      const std::string near(nearest_match(name, names));
      return fail(
          Errc::BadInput, "step '" + step.name + "' waits for '" + name + "', which does not exist",
          near.empty() ? "name a step of this job" : "did you mean '" + near + "'?", "after");
    }
    after.push_back(found->second);
  }
  std::ranges::sort(after);
  after.erase(std::unique(after.begin(), after.end()), after.end());
  return after;
}

}  // namespace

Result<JobAst> parse(JobRequest request) {
  if (auto fits = check_size(request); !fits) return fail(std::move(fits.error()));
  Positions positions;
  for (const StepRequest& step : request.steps)
    if (!positions.emplace(step.name, std::uint32_t(positions.size())).second)
      return fail(Errc::BadInput, "two steps are named '" + step.name + "'",
                  "give each step its own name", "steps");

  JobAst job{.name = std::move(request.name), .labels = std::move(request.labels), .stages = {}};
  job.stages.reserve(request.steps.size());
  for (StepRequest& step : request.steps) {
    auto strategy = strategy_from(step.strategy);
    if (!strategy) return fail(std::move(strategy.error()), "step '" + step.name + "'");
    auto after = resolve(step, positions);
    if (!after) return fail(std::move(after.error()));
    StageAst stage;
    stage.strategy = *strategy;
    stage.kind = step.code.empty() ? CodeKind::Command : CodeKind::Script;
    stage.code = stage.kind == CodeKind::Script ? std::move(step.code)
                 : step.argv.empty()            ? std::string()
                                                : std::move(step.argv.front());
    stage.name = std::move(step.name);
    stage.language = std::move(step.language);
    stage.is_array = step.is_array;
    stage.elements = step.elements;
    stage.after = std::move(*after);
    job.stages.push_back(std::move(stage));
  }
  return job;
}

}  // namespace drover::dag
