// dag/plan_print.cpp - plans as text, DOT and JSON; AST and logical tree as text.
// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "dag/ast.hpp"
#include "dag/logical_plan.hpp"
#include "dag/plan.hpp"

namespace drover::dag {
namespace {

std::size_t index(PlanNode node) { return std::size_t(node); }

constexpr std::size_t kIndentMax = 40;  // levels; a long chain is not printed as a triangle

struct Before {
  PlanNode node{};
  When asks{};
};

std::vector<std::vector<Before>> predecessor_lists(const PhysicalPlan& plan) {
  std::vector<std::vector<Before>> lists(plan.size());
  for (PlanNode node : plan.order())
    for (std::size_t i = 0; i < plan.successors(node).size(); ++i)
      lists[index(plan.successors(node)[i])].push_back({node, plan.asks(node)[i]});
  return lists;
}

// That the end of a stage or of the job waits for every end goes without saying.
bool is_worth_saying(const PhysicalPlan& plan, PlanNode node, When asks) {
  const bool gathers =
      plan.kind(node) == NodeKind::JobTask || plan.kind(node) == NodeKind::StageEnd;
  return asks != When::Ok && asks != When::Gather && !gathers;
}

std::string quoted_for_dot(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c == '\n' ? ' ' : c;
  }
  return quoted + '"';
}

void append_after(std::string& text, const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) text += (i == 0 ? "  after " : ", ") + names[i];
}

}  // namespace

std::string_view to_string(NodeKind kind) {
  switch (kind) {
    case NodeKind::JobTask: return "job";
    case NodeKind::StageStart: return "stage_start";
    case NodeKind::StageEnd: return "stage_end";
    case NodeKind::ExecTask: return "exec";
  }
  return "unknown";
}

std::string_view to_string(When when) {
  switch (when) {
    case When::Ok: return "ok";
    case When::Failed: return "fail";
    case When::Ended: return "done";
    case When::Undo: return "undo";
    case When::Gather: return "gather";
  }
  return "unknown";
}

std::string_view to_string(Join join) { return join == Join::All ? "all" : "any"; }

std::string PhysicalPlan::to_text() const {
  const auto waits_for = predecessor_lists(*this);
  std::vector<std::size_t> level(size(), 0);
  std::string text;
  for (PlanNode node : order()) {
    std::vector<std::string> names;
    for (const auto& [before, asks] : waits_for[index(node)]) {
      level[index(node)] = std::max(level[index(node)], level[index(before)] + 1);
      names.emplace_back(label(before));
      if (is_worth_saying(*this, node, asks))
        names.back().append(" (").append(to_string(asks)).append(")");
    }
    text.append(2 * std::min(level[index(node)], kIndentMax), ' ');
    text.append(to_string(kind(node)));
    if (kind(node) != NodeKind::JobTask) text.append(" ").append(label(node));
    append_after(text, names);
    if (join(node) == Join::Any && names.size() > 1) text += "  any of them";
    text += '\n';
  }
  return text;
}

std::string PhysicalPlan::to_dot() const {
  std::string text = "digraph plan {\n  rankdir=LR;\n";
  for (PlanNode node : order()) {
    text += "  n" + std::to_string(index(node)) + " [label=" + quoted_for_dot(label(node)) +
            ", shape=" + (kind(node) == NodeKind::ExecTask ? "box" : "ellipse") + "];\n";
  }
  for (PlanNode node : order())
    for (std::size_t i = 0; i < successors(node).size(); ++i) {
      const PlanNode next = successors(node)[i];
      text += "  n" + std::to_string(index(node)) + " -> n" + std::to_string(index(next));
      if (is_worth_saying(*this, next, asks(node)[i]))
        text.append(" [label=").append(to_string(asks(node)[i])).append("]");
      text += ";\n";
    }
  return text + "}\n";
}

std::string PhysicalPlan::to_json() const {
  const auto waits_for = predecessor_lists(*this);
  nlohmann::ordered_json nodes = nlohmann::ordered_json::array();
  for (PlanNode node : order()) {
    nlohmann::ordered_json row{
        {"id", index(node)}, {"kind", to_string(kind(node))}, {"label", label(node)}};
    if (kind(node) == NodeKind::ExecTask) row["step"] = step(node);
    if (kind(node) == NodeKind::StageEnd) row["strategy"] = dag::to_string(strategy(node));
    row["after"] = nlohmann::ordered_json::array();
    for (const auto& [before, asks] : waits_for[index(node)]) {
      row["after"].push_back(index(before));
      if (is_worth_saying(*this, node, asks))
        row["asks"][std::to_string(index(before))] = to_string(asks);
    }
    if (join(node) == Join::Any) row["join"] = to_string(join(node));
    nodes.push_back(std::move(row));
  }
  // Labels are checked by the validator; `replace` keeps a hand-made plan from throwing.
  return nlohmann::ordered_json{{"v", 1}, {"nodes", std::move(nodes)}}.dump(
      -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

namespace {

// "  after a, b (fail), c (each)  any of them"
template <class Stages, class Name>
std::string after_text(const std::vector<StageNeed>& after, Join join, const Stages& stages,
                       const Name& name) {
  std::string text;
  std::vector<std::string> names;
  for (const StageNeed& need : after) {
    names.push_back(stages.at(need.stage).*name);
    if (need.each) names.back() += " (each)";
    if (need.when != When::Ok) names.back().append(" (").append(to_string(need.when)).append(")");
  }
  append_after(text, names);
  if (join == Join::Any && names.size() > 1) text += "  any of them";
  return text;
}

std::string_view form_text(StepForm form) {
  switch (form) {
    case StepForm::Task: return "";
    case StepForm::Stage: return " group";
    case StepForm::Workflow: return " workflow";
  }
  return "";
}

std::string_view to_string(ExecRole role) {
  switch (role) {
    case ExecRole::Run: return "";
    case ExecRole::Target: return "  target";
    case ExecRole::Undo: return "  undo";
    case ExecRole::Summary: return "  summary";
    case ExecRole::Gather: return "  gathers";
  }
  return "";
}

// How deep each stage stands in others; groups come before what is in them.
template <class Stages>
std::vector<std::size_t> depths(const Stages& stages) {
  std::vector<std::size_t> depth(stages.size(), 0);
  for (std::size_t s = 0; s < stages.size(); ++s)
    if (stages[s].group < s) depth[s] = depth[stages[s].group] + 1;
  return depth;
}

}  // namespace

std::string to_text(const JobAst& job) {
  std::string text = "job " + job.name + "\n";
  for (const auto& [key, value] : job.labels) text += "  label " + key + "=" + value + "\n";
  const auto depth = depths(job.stages);
  for (std::size_t s = 0; s < job.stages.size(); ++s) {
    const StageAst& stage = job.stages[s];
    text.append(2 + 2 * depth[s], ' ');
    text += "stage " + stage.name + "  " + std::string(to_string(stage.strategy));
    text += form_text(stage.form);
    if (!stage.code.empty()) {
      text += stage.kind == CodeKind::Script      ? " script "
              : stage.kind == CodeKind::Statement ? " statement "
                                                  : " command ";
      text += stage.language;
    }
    if (stage.is_array && stage.elements > 1) text += "  x" + std::to_string(stage.elements);
    if (stage.is_array && stage.elements == 1) text += "  array";
    if (stage.targets > 0) text += "  at " + std::to_string(stage.targets) + " targets";
    text += after_text(stage.after, stage.join, job.stages, &StageAst::name);
    if (stage.is_final) text += "  final";
    if (stage.has_undo) text += "  with undo";
    text += '\n';
  }
  return text;
}

std::string to_text(const LogicalPlan& plan) {
  std::string text = "job\n";
  const auto depth = depths(plan.stages);
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const LogicalStage& stage = plan.stages[s];
    text.append(2 + 2 * depth[s], ' ');
    text += "stage " + stage.label + "  " + std::string(to_string(stage.strategy));
    text += form_text(stage.form);
    text += after_text(stage.after, stage.join, plan.stages, &LogicalStage::label);
    if (stage.is_final) text += "  final";
    text += '\n';
    for (const LogicalExec& exec : stage.execs) {
      text.append(4 + 2 * depth[s], ' ');
      text += "exec " + exec.label + (exec.is_array ? "  array" : "");
      text += to_string(exec.role);
      text += after_text(exec.after, exec.join, stage.execs, &LogicalExec::label) + "\n";
    }
  }
  return text;
}

}  // namespace drover::dag
