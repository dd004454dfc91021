// dag/optimize.cpp - the smallest plan that does the same, shared by equal shapes.
// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "dag/compile.hpp"

namespace drover::dag {
namespace {

// Everything that the plan depends on, as bytes. Lengths come first, so no two shapes read the
// same.
std::string shape_of(const LogicalPlan& logical) {
  std::string shape;
  const auto number = [&](std::uint64_t n) { shape += std::to_string(n) + ','; };
  const auto word = [&](const std::string& text) {
    number(text.size());
    shape += text;
  };
  const auto needs = [&](const std::vector<StageNeed>& list) {
    number(list.size());
    for (const StageNeed& need : list) {
      number(need.stage);
      number(2 * std::uint64_t(need.when) + (need.each ? 1 : 0));
    }
  };
  for (const LogicalStage& stage : logical.stages) {
    word(stage.label);
    for (const std::uint64_t fact :
         {std::uint64_t(stage.strategy), std::uint64_t(stage.join), std::uint64_t(stage.form),
          std::uint64_t(stage.group), std::uint64_t(stage.is_final), std::uint64_t(stage.fuse),
          std::uint64_t(stage.weight)})
      number(fact);
    number(stage.execs.size());
    for (const LogicalExec& exec : stage.execs) {
      word(exec.label);
      number(exec.step);
      number(std::uint64_t(exec.role));
      number(std::uint64_t(exec.join));
      needs(exec.after);
    }
    needs(stage.after);
  }
  return shape;
}

}  // namespace

Result<std::shared_ptr<const PhysicalPlan>> optimize(const LogicalPlan& logical, PlanCache& cache) {
  // Large plans are seldom alike, and their shapes long.
  constexpr std::size_t kSharedStagesMax = 64;
  std::string shape;
  if (logical.stages.size() <= kSharedStagesMax) {
    shape = shape_of(logical);
    if (auto known = cache.find(shape)) return known;
  }

  auto lowered = lower(logical, {});
  if (!lowered) return fail(std::move(lowered.error()));
  if (!shape.empty()) cache.keep(std::move(shape), lowered->physical);
  return std::move(lowered->physical);
}

}  // namespace drover::dag
