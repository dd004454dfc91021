// dag/workflow_plan.cpp - a workflow on its way through the orchestrator's five stages.
// SPDX-License-Identifier: Apache-2.0
#include "dag/workflow_plan.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "dag/doc_json.hpp"
#include "dag/recording.hpp"
#include "dag/variables.hpp"

namespace drover::dag {
namespace {

// Equal fields of a job, but for what it runs, get equal numbers from 1 on.
using FieldNumbers = std::map<std::string, std::uint32_t>;

std::uint32_t fuse_number(const Step& step, Json fields, FieldNumbers& numbers) {
  const bool is_plain = step.foreach.source == Foreach::Source::None && step.targets.empty() &&
                        step.strategy == Strategy::Single && step.rate.starts == 0 &&
                        !step.cache.is_on && step.replay.workflow == 0;
  if (!step.may_fuse || !is_plain || !step.engine.empty()) return 0;
  for (const std::string& name : names_in(step.job))
    if (name.starts_with("steps.")) return 0;  // known when the other has ended, not before
  fields.erase("script");
  fields.erase("argv");
  return numbers.emplace(to_text(fields), std::uint32_t(numbers.size() + 1)).first->second;
}

void set_program(const Json& job, StepRequest& request) {
  if (const auto script = job.find("script"); script != job.end() && script->is_string())
    request.code = script->get<std::string>();
  if (const auto argv = job.find("argv"); argv != job.end() && argv->is_array())
    for (const Json& word : *argv)
      if (word.is_string()) request.argv.push_back(word.get<std::string>());
}

std::string_view strategy_word(const Step& step, bool has_members) {
  if (step.strategy != Strategy::Single) return to_string(step.strategy);
  if (step.replay.workflow != 0) return "replay";
  if (has_members && !step.job.empty()) return "mixed";
  return step.rate.starts > 0 ? "rate-limit" : "single";
}

bool is_stage_of(const Step& step) {
  return step.kind == StepKind::Group &&
         (step.strategy == Strategy::Transaction || !step.job.empty());
}

StepRequest request_of(const Workflow& flow, const Step& step, FieldNumbers& numbers) {
  StepRequest request;
  request.name = step.name;
  const bool is_stage = is_stage_of(step);
  request.strategy = strategy_word(step, is_stage);
  request.form = step.kind == StepKind::Job ? StepForm::Task
                 : is_stage                 ? StepForm::Stage
                                            : StepForm::Workflow;
  const Json job = step.job.empty() ? Json::object() : parse_json(step.job);
  set_program(job, request);
  request.language = step.engine;
  request.is_statement = !step.engine.empty();
  if (request.code.empty() && request.argv.empty() && step.replay.recorded != nullptr)
    set_program(parse_json(step.replay.recorded->job), request);
  if (request.code.empty() && request.argv.empty() && step.replay.workflow != 0)
    request.argv = {"replay"};  // what it runs was recorded, and is not known here
  request.is_array = step.foreach.source != Foreach::Source::None;
  if (step.foreach.source == Foreach::Source::Items) request.elements = step.foreach.items.size();
  if (step.parent != kNoStep) request.group = flow.steps[step.parent].name;
  for (const Need& need : step.needs) {
    request.after.push_back(flow.steps[need.step].name);
    request.asks.push_back({need.when, need.element_wise});
  }
  request.join = step.join;
  request.targets = std::uint32_t(step.targets.size());
  request.has_undo = !step.undo.empty();
  request.is_final = step.is_final;
  request.weight = std::max<std::uint32_t>(step.weight, 1);
  if (step.kind == StepKind::Job) request.fuse = fuse_number(step, job, numbers);
  return request;
}

std::uint32_t group_end(const Workflow& flow, std::uint32_t group) {
  std::uint32_t s = group + 1;  // what is in a group follows it
  while (s < flow.steps.size() && flow.steps[s].parent != kNoStep && flow.steps[s].parent >= group)
    ++s;
  return s;
}

bool is_answered_for(const PhysicalPlan& plan, PlanNode node) {
  const auto next = plan.successors(node);
  for (std::size_t i = 0; i < next.size(); ++i)
    if (plan.asks(node)[i] == When::Failed || plan.kind(next[i]) == NodeKind::StageEnd) return true;
  return false;
}

PlanRules rules_for(const Workflow& flow, PlanRules rules) {
  rules.fuse = rules.fuse && flow.rules.fuse.value_or(true);
  rules.drop_implied = rules.drop_implied && flow.rules.drop_implied.value_or(true);
  rules.critical_path = rules.critical_path && flow.rules.critical_path.value_or(true);
  rules.prune = rules.prune && flow.rules.prune.value_or(true);
  rules.group = rules.group.value_or(flow.rules.group.value_or(false));
  return rules;
}

}  // namespace

std::vector<Part> parts_from(const Workflow& flow, std::uint32_t first) {
  std::vector<Part> parts;
  for (std::uint32_t s = first; s < flow.steps.size(); ++s) {
    const Step& step = flow.steps[s];
    const auto add = [&](PartRole role, std::uint32_t target = 0) {
      parts.push_back({.step = s, .role = role, .target = target, .fused = {}});
    };
    if (step.kind == StepKind::Group) {
      if (!is_stage_of(step)) add(PartRole::Gather);
      if (!step.job.empty()) add(PartRole::Summary);
      continue;
    }
    for (std::uint32_t t = 0; t < step.targets.size(); ++t) add(PartRole::Target, t);
    if (step.targets.empty()) add(PartRole::Run);
    if (!step.undo.empty()) add(PartRole::Undo);
  }
  return parts;
}

Result<JobAst> workflow_ast(const Workflow& flow) {
  JobRequest request;
  request.name = flow.name;
  request.steps.reserve(flow.steps.size());
  FieldNumbers numbers;
  for (const Step& step : flow.steps) request.steps.push_back(request_of(flow, step, numbers));
  auto converted = convert(std::move(request));
  if (!converted) return fail(std::move(converted.error()));
  auto ast = parse(std::move(*converted));
  if (!ast) return ast;
  if (auto valid = validate(*ast); !valid) return fail(std::move(valid.error()));
  return ast;
}

Result<WorkflowPlan> plan_workflow(const Workflow& flow, const PlanRules& asked) {
  const PlanRules rules = rules_for(flow, asked);
  const auto ast = workflow_ast(flow);
  if (!ast) return fail(ast.error());
  const LogicalPlan logical = plan(*ast);
  auto lowered = lower(logical, rules);
  if (!lowered) return fail(std::move(lowered.error()));
  WorkflowPlan made{.physical = std::move(lowered->physical),
                    .parts = parts_from(flow, 0),
                    .step_ends = {},
                    .rules = rules,
                    .applied = std::move(lowered->applied)};
  for (std::uint32_t p = 0; p < made.parts.size(); ++p) {
    made.parts[p].node = lowered->exec_nodes[p];
    made.parts[p].is_left_out = made.parts[p].node == kNoNode;
  }
  for (const auto& chain : lowered->chains) {
    const std::uint32_t head = logical.stages[chain[0]].execs[0].step;
    for (std::size_t i = 1; i < chain.size(); ++i) {
      const std::uint32_t part = logical.stages[chain[i]].execs[0].step;
      made.parts[head].fused.push_back(part);
      made.parts[part].is_fused = true;
    }
  }
  if (*rules.group)
    for (std::string& line : group_parts(flow, made.parts)) made.applied.push_back(std::move(line));
  std::vector<std::uint32_t> first_part(flow.steps.size());
  for (std::uint32_t p = std::uint32_t(made.parts.size()); p-- > 0;)
    first_part[made.parts[p].step] = p;
  std::size_t stage = 0;
  for (std::uint32_t s = 0; s < flow.steps.size(); ++s) {
    const std::uint32_t parent = flow.steps[s].parent;
    const bool is_member = parent != kNoStep && ast->stages[parent].form == StepForm::Stage;
    made.step_ends.push_back(is_member ? made.parts[first_part[s]].node
                                       : lowered->stage_ends[stage++]);
  }
  return made;
}

Mark gathered(const Workflow& flow, const WorkflowPlan& plan, const Execution& execution,
              std::uint32_t part) {
  const std::uint32_t group = plan.parts.at(part).step;
  const std::uint32_t end = group_end(flow, group);
  bool is_cancelled = false;
  const auto has_failed = [&](PlanNode node) {
    return node != kNoNode && execution.mark(node) == Mark::Failed &&
           !is_answered_for(*plan.physical, node);
  };
  for (std::uint32_t s = group + 1; s < end; ++s) {
    if (flow.steps[s].parent != group) continue;  // that one's group answers for it
    if (has_failed(plan.step_ends[s])) return Mark::Failed;
    is_cancelled = is_cancelled || (plan.step_ends[s] != kNoNode &&
                                    execution.mark(plan.step_ends[s]) == Mark::Cancelled);
  }
  auto at = std::ranges::lower_bound(plan.parts, group + 1, {}, &Part::step);
  for (; at != plan.parts.end() && at->step < end; ++at) {
    if (at->role != PartRole::Undo || at->is_left_out) continue;
    if (execution.mark(at->node) != Mark::Failed) continue;
    if (flow.steps[flow.steps[at->step].parent].parent == group) return Mark::Failed;
  }
  return is_cancelled ? Mark::Cancelled : Mark::Succeeded;
}

std::string part_name(const Workflow& flow, const Part& part) {
  const std::string& name = flow.steps.at(part.step).name;
  switch (part.role) {
    case PartRole::Run:
    case PartRole::Gather: return name;
    case PartRole::Target: return name + "@" + std::to_string(part.target + 1);
    case PartRole::Undo: return name + "~undo";
    case PartRole::Summary: return name + "~summary";
  }
  return name;
}

}  // namespace drover::dag
