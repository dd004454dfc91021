// cli/dag_show.cpp - `drover dag ls|show|graph|watch|wait`: looking at workflows.
// SPDX-License-Identifier: Apache-2.0
#include "base/units.hpp"
#include "cli/command.hpp"
#include "cli/job_view.hpp"
#include "cli/statement_view.hpp"
#include "cli/waiting.hpp"
#include "cli/workflow_view.hpp"

namespace drover::cli {
namespace {

constexpr Option kLsOptions[] = {
    {"all", 'a', Takes::Nothing, "", "ended ones too"},
    {"all-users", 'A', Takes::Nothing, "", "those of everybody (operators)"},
    {"state", 0, Takes::Value, "STATE", "open running paused succeeded failed cancelled", "",
     Support::Yes, "open running paused succeeded failed cancelled"},
    {"limit", 'n', Takes::Value, "N", "at most N, the newest first (default 100)"},
};
OptionTable ls_options() { return kLsOptions; }

constexpr Option kShowOptions[] = {
    {"facts", 0, Takes::Nothing, "", "all that has happened in it, in order"},
    {"values", 0, Takes::Nothing, "", "what its steps have set"},
    {"document", 0, Takes::Nothing, "", "the document as submitted"},
    {"tree", 0, Takes::Nothing, "", "the steps as a tree"},
};
OptionTable show_options() { return kShowOptions; }

constexpr Option kGraphOptions[] = {
    {"format", 0, Takes::Value, "FORMAT", "dot (default), text or json", "", Support::Yes,
     "dot text json"},
};
OptionTable graph_options() { return kGraphOptions; }

constexpr Option kWaitOptions[] = {
    {"timeout", 0, Takes::Value, "TIME", "give up after so long (exit 124): 90s, 5m"},
};
OptionTable wait_options() { return kWaitOptions; }

Result<std::string> path_of(Context& context) {
  const Result<std::string> word = context.word(0, "the workflow's id");
  if (!word) return word;
  const Result<bool> words = context.at_most_words(1);
  if (!words) return fail(words.error());
  const auto id = workflow_id(context, *word);
  if (!id) return fail(id.error());
  return "/api/v1/workflows/" + std::to_string(*id);
}

Result<int> run_ls(Context& context) {
  const Arguments& arguments = context.arguments();
  std::int64_t limit = 100;
  if (arguments.has("limit")) {
    const auto value = parse_integer(arguments.text("limit"), 1, 1'000'000, "limit");
    if (!value) return fail(value.error());
    limit = *value;
  }
  const std::string state = arguments.has("state") ? arguments.text("state")
                            : arguments.has("all") ? ""
                                                   : "open";
  const std::string user = arguments.has("all-users") ? "" : context.current_user();
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  std::vector<Json> rows;
  for (std::string cursor;;) {
    const Result<Json> page = (*api)->read(
        with_query("/api/v1/workflows", {{"state", state}, {"user", user}, {"cursor", cursor}}));
    if (!page) return fail(page.error());
    for (const Json& row : member(*page, "workflows")) rows.push_back(row);
    cursor = text_of(*page, "next");
    if (cursor.empty() || std::int64_t(rows.size()) >= limit) break;
  }
  if (std::int64_t(rows.size()) > limit) rows.resize(std::size_t(limit));
  const bool none = rows.empty();
  const Result<int> code =
      context.print_rows(std::move(rows), workflow_columns(), "workflows", "id");
  if (code && none && state == "open" && is_terminal(2) && !context.globals().json())
    context.note("no open workflows; ended ones too: drover dag ls -a");
  return code;
}

Result<int> show_facts(Context& context, ApiClient& api, const std::string& path) {
  std::vector<Json> rows;
  for (std::int64_t since = 0;;) {
    const Result<Json> page = api.read(path + "/facts?limit=10000&since=" + std::to_string(since));
    if (!page) return fail(page.error());
    const Json& facts = member(*page, "facts");
    for (const Json& fact : facts) rows.push_back(fact);
    if (facts.size() < 10'000) break;
    since = number_of(facts.back(), "number");
  }
  static const std::vector<Column> columns = {
      {.title = "NO", .path = "number", .right = true},
      {.title = "AT",
       .path = "at_us",
       .show = [](const Json& row, const Style&) { return format_utc({number_of(row, "at_us")}); }},
      {.title = "KIND", .path = "kind"},
      {.title = "PART", .path = "part"},
      {.title = "JOB", .path = "job", .right = true},
      {.title = "MARK", .path = "mark"},
      {.title = "EXIT", .path = "exit_code", .right = true},
      {.title = "NAME", .path = "name"},
      {.title = "TEXT", .path = "text", .stretch = true},
  };
  return context.print_rows(std::move(rows), columns, "facts", "number");
}

void print_head(Context& context, const Json& workflow) {
  std::vector<std::pair<std::string, std::string>> pairs{
      {"workflow", text_of(workflow, "id")},
      {"name", text_of(workflow, "name")},
      {"user", text_of(workflow, "user")},
      {"state", text_of(workflow, "state")},
      {"submitted", format_utc({number_of(workflow, "submitted_us")})},
      {"elapsed", workflow_elapsed(workflow)},
      {"progress", workflow_line(workflow)}};
  if (number_of(workflow, "resumes") != 0)
    pairs.emplace_back("resumes", "workflow " + text_of(workflow, "resumes"));
  if (number_of(workflow, "first_failed_job") != 0)
    pairs.emplace_back("first failed", text_of(workflow, "first_failed_step") + " (job " +
                                           text_of(workflow, "first_failed_job") + ")");
  context.out(render_pairs(pairs, context.style()) + "\n");
}

// The first rows of what code for engines left.
void print_results(Context& context, ApiClient& api, const Json& answer) {
  constexpr int kSteps = 10;
  int shown = 0, left = 0;
  for (const Json& step : member(answer, "steps")) {
    const std::string job = text_of(step, "job");
    if (text_of(step, "engine").empty() || job.empty() || number_of(step, "ended_us") == 0)
      continue;
    if (shown == kSteps) {
      ++left;
      continue;
    }
    const Result<Json> of_job = api.read("/api/v1/jobs/" + job);
    if (!of_job) {
      context.warn(text_of(step, "name") + ": " + of_job.error().message);
      continue;
    }
    const std::string results =
        render_results(*of_job, context.style()) + render_failure(*of_job, context.style().color);
    if (results.empty()) continue;
    ++shown;
    context.out("\n==> " + clean_line(text_of(step, "name")) + " (job " + job + ") <==\n" +
                results);
  }
  if (left > 0)
    context.out("\n… and of " + std::to_string(left) + " more steps: drover result ls JOB\n");
}

Result<int> run_show(Context& context) {
  const Result<std::string> path = path_of(context);
  if (!path) return fail(path.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Arguments& arguments = context.arguments();
  if (arguments.has("facts")) return show_facts(context, **api, *path);
  if (arguments.has("document")) {
    net::HttpClient::Call call;
    call.method = "GET";
    call.target = *path + "/document";
    const Result<net::ClientResponse> response = (*api)->call(call);
    if (!response) return fail(response.error());
    context.out(response->body);
    return kOk;
  }
  const Result<Json> answer = (*api)->read(*path);
  if (!answer) return fail(answer.error());
  if (context.globals().table.format == Format::JsonObject) {
    context.out(to_text(*answer, 2) + "\n");
    return kOk;
  }
  if (arguments.has("values")) {
    for (const Json& step : member(*answer, "steps"))
      for (const auto& [name, value] : member(step, "values").items())
        context.out(text_of(step, "name") + "." + name + "=" + value.get<std::string>() + "\n");
    return kOk;
  }
  if (context.globals().table.format == Format::Table)
    print_head(context, member(*answer, "workflow"));
  if (arguments.has("tree")) {
    for (const std::string& line : step_tree(*answer, 100'000, 0, context.style().color))
      context.out(line + "\n");
    return kOk;
  }
  std::vector<Json> rows;
  for (const Json& step : member(*answer, "steps")) rows.push_back(step);
  const Result<int> printed = context.print_rows(std::move(rows), step_columns(), "steps", "name");
  if (printed && context.globals().table.format == Format::Table)
    print_results(context, **api, *answer);
  return printed;
}

Result<int> run_graph(Context& context) {
  const Result<std::string> path = path_of(context);
  if (!path) return fail(path.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  net::HttpClient::Call call;
  call.method = "GET";
  call.target = *path + "/plan?format=" + percent_encode(context.arguments().text("format", "dot"));
  const Result<net::ClientResponse> response = (*api)->call(call);
  if (!response) return fail(response.error());
  context.out(response->body);
  if (!response->body.ends_with('\n')) context.out("\n");
  return kOk;
}

Result<int> run_watch(Context& context) {
  const Result<std::string> word = context.word(0, "the workflow's id");
  if (!word) return fail(word.error());
  const auto id = workflow_id(context, *word);
  if (!id) return fail(id.error());
  return watch_workflow(context, *id);
}

Result<int> run_wait(Context& context) {
  const Result<std::string> path = path_of(context);
  if (!path) return fail(path.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  std::int64_t deadline = kNever;
  if (context.arguments().has("timeout")) {
    const std::string text = context.arguments().text("timeout");
    const bool bare = text.find_first_not_of("0123456789") == std::string::npos;
    const Result<Duration> time = parse_time_limit(bare ? text + "s" : text);
    if (!time) return fail(time.error(), "--timeout");
    deadline = monotonic_us() + time->us;
  }
  constexpr std::int64_t kPatienceUs = 60'000'000;
  for (std::int64_t heard = monotonic_us();;) {
    const std::int64_t left = deadline == kNever ? 20 : (deadline - monotonic_us()) / 1'000'000;
    if (deadline != kNever && monotonic_us() >= deadline) {
      context.note("still running when the time was up");
      return int(kTimeout);
    }
    const Result<Json> answer = (*api)->read(
        *path + "/wait?timeout_s=" + std::to_string(std::clamp<std::int64_t>(left, 1, 20)));
    if (answer && is_workflow_final(*answer)) return workflow_status(*answer);
    if (answer) {
      heard = monotonic_us();
      continue;
    }
    const Errc code = answer.error().code;
    const bool may_pass = code == Errc::Unavailable || code == Errc::Io;
    if (!may_pass || monotonic_us() - heard > kPatienceUs) return fail(answer.error());
    sleep_ms(300);
  }
}

}  // namespace

const Command kDagLs = {
    .noun = "dag",
    .verb = "ls",
    .summary = "list workflows: your open ones, unless asked otherwise",
    .examples = "drover dag ls\ndrover dag ls -a -n 20\ndrover dag ls --state failed -o name",
    .options = ls_options,
    .run = run_ls,
};

const Command kDagShow = {
    .noun = "dag",
    .verb = "show",
    .operands = "ID",
    .summary = "show a workflow and its steps",
    .examples =
        "drover dag show last\ndrover dag show 12 --tree\ndrover dag show 12 --facts\n"
        "drover dag show 12 -o json",
    .options = show_options,
    .run = run_show,
};

const Command kDagGraph = {
    .noun = "dag",
    .verb = "graph",
    .operands = "ID",
    .summary = "print the physical plan of a workflow",
    .examples = "drover dag graph 12 | dot -Tsvg > flow.svg\ndrover dag graph 12 --format text",
    .options = graph_options,
    .run = run_graph,
};

const Command kDagWatch = {
    .noun = "dag",
    .verb = "watch",
    .operands = "ID",
    .summary = "follow a workflow to its end",
    .examples = "drover dag watch last",
    .run = run_watch,
};

const Command kDagWait = {
    .noun = "dag",
    .verb = "wait",
    .operands = "ID",
    .summary = "wait for the end of a workflow; exit with its status",
    .about = "Exit status: 0 succeeded, 1 failed, 143 cancelled, 124 when --timeout was up first.",
    .examples = "drover dag wait 12\ndrover dag wait 12 --timeout 1h",
    .options = wait_options,
    .run = run_wait,
};

}  // namespace drover::cli
