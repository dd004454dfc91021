// dag/optimize.cpp - the smallest plan that does the same, shared by equal shapes.
// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "dag/compile.hpp"
#include "dag/plan_builder.hpp"

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
  for (const LogicalStage& stage : logical.stages) {
    word(stage.label);
    number(std::uint64_t(stage.strategy));
    number(stage.execs.size());
    for (const LogicalExec& exec : stage.execs) {
      word(exec.label);
      number(exec.step);
    }
    number(stage.after.size());
    for (const std::uint32_t before : stage.after) number(before);
  }
  return shape;
}

struct Ends {  // of a stage: what waits, and what is waited for
  PlanNode first{}, last{};
};

Ends lower(const LogicalStage& stage, PlanBuilder& builder) {
  const auto exec_node = [&](const LogicalExec& exec) {
    return builder.add({.kind = NodeKind::ExecTask, .label = exec.label, .step = exec.step});
  };
  // A strategy that needs all of one has nothing to decide: the code stands for the stage.
  if (stage.strategy == Strategy::Single && stage.execs.size() == 1) {
    const PlanNode node = exec_node(stage.execs.front());
    return {node, node};
  }
  const PlanNode start = builder.add({.kind = NodeKind::StageStart, .label = stage.label});
  const Ends ends{start, builder.add({.kind = NodeKind::StageEnd,
                                      .label = stage.label,
                                      .strategy = stage.strategy,
                                      .step = std::uint32_t(start)})};
  for (const LogicalExec& exec : stage.execs) {
    const PlanNode node = exec_node(exec);
    builder.add_edge(ends.first, node);
    builder.add_edge(node, ends.last, When::Ended);
  }
  return ends;
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

  PlanBuilder builder;
  std::vector<Ends> ends;
  ends.reserve(logical.stages.size());
  for (const LogicalStage& stage : logical.stages) ends.push_back(lower(stage, builder));
  for (std::size_t s = 0; s < logical.stages.size(); ++s)
    for (const std::uint32_t before : logical.stages[s].after)
      builder.add_edge(ends.at(before).last, ends[s].first);

  auto plan = std::move(builder).build();
  if (plan && !shape.empty()) cache.keep(std::move(shape), *plan);
  return plan;
}

}  // namespace drover::dag
