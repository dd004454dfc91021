// cli/dag_plan.cpp - `drover dag plan`: what a workflow would do, without running any of it.
// SPDX-License-Identifier: Apache-2.0
#include "cli/bundle.hpp"
#include "cli/command.hpp"
#include "cli/exit_code.hpp"
#include "dag/workflow_plan.hpp"

namespace drover::cli {
namespace {

constexpr Option kOptions[] = {
    {"param", 'p', Takes::Value, "NAME=VALUE", "a parameter of the workflow; may be repeated"},
    {"print", 0, Takes::Value, "WHAT", "ast, logical, physical (default), dot or json", "",
     Support::Yes, "ast logical physical dot json"},
    {"no-fuse", 0, Takes::Nothing, "", "chains of steps keep a job each"},
    {"no-drop-implied", 0, Takes::Nothing, "", "keep edges that others imply"},
    {"no-prune", 0, Takes::Nothing, "", "keep steps that can never run"},
    {"no-critical-path", 0, Takes::Nothing, "", "in the document's order, not longest path first"},
    {"group", 0, Takes::Nothing, "", "equal steps that start together are one array"},
    {"no-group", 0, Takes::Nothing, "", "each step has a job of its own"},
};
OptionTable options() { return kOptions; }

std::string printed(const dag::WorkflowPlan& plan) {
  std::string text = plan.physical->to_text();
  for (const std::string& line : plan.applied) text += "# " + line + "\n";
  return text;
}

Json as_json(const dag::Workflow& flow, const dag::WorkflowPlan& plan) {
  Json made = Json::parse(plan.physical->to_json(), nullptr, false);
  Json parts = Json::array();
  for (const dag::Part& part : plan.parts)
    parts.push_back({{"name", part_name(flow, part)},
                     {"step", flow.steps[part.step].name},
                     {"node", part.is_left_out ? Json() : Json(std::uint32_t(part.node))},
                     {"fused", part.is_fused},
                     {"group", part.group}});
  made["name"] = flow.name;
  made["parts"] = std::move(parts);
  made["applied"] = plan.applied;
  return made;
}

Result<int> run_plan(Context& context) {
  const auto path = context.word(0, "the workflow's file");
  if (!path) return fail(path.error());
  if (const auto words = context.at_most_words(1); !words) return fail(words.error());
  const Arguments& arguments = context.arguments();
  auto params = read_params(param_words(arguments));
  if (!params) return fail(params.error());
  const auto files = read_bundle(*path, std::move(*params));
  if (!files) return fail(files.error());
  const auto flow = dag::read_workflow(files->bundle);
  if (!flow) return fail(flow.error());

  const std::string what = arguments.text("print", context.globals().json() ? "json" : "physical");
  if (what == "ast" || what == "logical") {
    const auto ast = dag::workflow_ast(*flow);
    if (!ast) return fail(ast.error());
    context.out(what == "ast" ? to_text(*ast) : to_text(dag::plan(*ast)));
    return kOk;
  }
  dag::PlanRules rules;
  rules.fuse = !arguments.has("no-fuse");
  rules.drop_implied = !arguments.has("no-drop-implied");
  rules.critical_path = !arguments.has("no-critical-path");
  rules.prune = !arguments.has("no-prune");
  if (arguments.has("group") || arguments.has("no-group")) rules.group = !arguments.has("no-group");
  const auto plan = dag::plan_workflow(*flow, rules);
  if (!plan) return fail(plan.error());
  if (what == "physical")
    context.out(printed(*plan));
  else if (what == "dot")
    context.out(plan->physical->to_dot());
  else if (what == "json")
    context.out(as_json(*flow, *plan).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  else
    return fail(Errc::BadInput, "--print " + what + " is unknown",
                "one of ast, logical, physical, dot, json", "print");
  return kOk;
}

}  // namespace

const Command kDagPlan{
    .noun = "dag",
    .verb = "plan",
    .operands = "FILE",
    .summary = "check a workflow and print its plan; nothing runs",
    .about =
        "Reads the document (TOML or JSON) with the scripts, workflows and patterns of files "
        "that it names, and prints what would run in which order. Needs no server.",
    .examples =
        "drover dag plan flow.toml\n"
        "drover dag plan flow.toml --param samples=a,b --print dot | dot -Tsvg > plan.svg\n"
        "drover dag plan flow.toml --print logical\n",
    .complete = "file",
    .options = options,
    .run = run_plan,
};

}  // namespace drover::cli
