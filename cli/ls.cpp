// cli/ls.cpp - `drover ls`: the list of jobs.
// SPDX-License-Identifier: Apache-2.0
#include "base/units.hpp"
#include "cli/command.hpp"
#include "cli/job_view.hpp"

namespace drover::cli {
namespace {

constexpr Option kOptions[] = {
    {"all", 'a', Takes::Nothing, "", "ended jobs too"},
    {"all-users", 'A', Takes::Nothing, "", "jobs of everybody"},
    {"user", 'u', Takes::Value, "NAME", "jobs of this user"},
    {"state", 0, Takes::Value, "LIST",
     "pending running suspended held succeeded failed cancelled timed_out open closed", "states",
     Support::Yes,
     "pending running suspended held succeeded failed cancelled timed_out open closed"},
    {"name", 0, Takes::Value, "NAME", "jobs of this name"},
    {"label", 'l', Takes::Value, "KEY=VALUE", "jobs with this label"},
    {"group", 0, Takes::Value, "GROUP", "jobs of this group"},
    {"limit", 'n', Takes::Value, "N", "at most N jobs, the newest first (default 100)"},
};
OptionTable options() { return kOptions; }

Result<int> run_ls(Context& context) {
  const Arguments& arguments = context.arguments();
  std::size_t limit = 100;
  if (arguments.has("limit")) {
    const auto value = parse_integer(arguments.text("limit"), 1, 10'000'000, "limit");
    if (!value) return fail(value.error());
    limit = std::size_t(*value);
  }
  Query query;
  bool everything = arguments.has("all");
  if (!arguments.words.empty()) {
    Result<Selector> selector = parse_selector(arguments.words);
    if (!selector) return fail(selector.error());
    const Result<bool> resolved = resolve_last(context, *selector);
    if (!resolved) return fail(resolved.error());
    for (const Selector::Element& element : selector->elements)
      selector->ranges.push_back({element.job, element.job});
    if (!selector->all) query.emplace_back("ids", to_text(selector->ranges));
    everything = true;
  }
  if (arguments.has("user")) {
    query.emplace_back("user", arguments.text("user"));
  } else if (!arguments.has("all-users") && arguments.words.empty()) {
    query.emplace_back("user", context.current_user());
  }
  std::string states;
  for (const std::string& state : arguments.all("state"))
    states += (states.empty() ? "" : ",") + state;
  query.emplace_back("state", !states.empty() ? states : everything ? "" : "open");
  query.emplace_back("name", arguments.text("name"));
  query.emplace_back("label", arguments.text("label"));
  query.emplace_back("group", arguments.text("group"));
  Result<std::vector<Json>> jobs = fetch_jobs(context, query, limit);
  if (!jobs) return fail(jobs.error());
  const std::size_t count = jobs->size();
  const Result<int> code = context.print_rows(std::move(*jobs), job_columns(), "jobs", "id");
  if (code && count == 0 && !everything && is_terminal(2) && !context.globals().json())
    context.note("no open jobs; ended ones too: drover ls -a");
  if (code && count == limit && !arguments.has("limit"))
    context.note("the newest " + std::to_string(limit) + " jobs; more with -n N");
  return code;
}

}  // namespace

const Command kLs = {
    .noun = "job",
    .verb = "ls",
    .is_shortcut = true,
    .operands = "[ID...]",
    .summary = "list jobs: your open ones, unless asked otherwise",
    .examples =
        "drover ls\n"
        "drover ls -a -n 20\n"
        "drover ls -A --state running -o wide\n"
        "drover ls --state failed -o name | xargs -n1 drover log\n"
        "drover ls -a -o csv --columns id,name,state,run --sort -run",
    .complete = "job",
    .options = options,
    .run = run_ls,
};

}  // namespace drover::cli
