// cli/engine.cpp - `drover engine` and `drover session`: the processes that run statements.
// SPDX-License-Identifier: Apache-2.0
#include "base/units.hpp"
#include "cli/engine_commands.hpp"
#include "cli/job_view.hpp"

namespace drover::cli {
namespace {

constexpr Option kStartOptions[] = {
    {"count", 0, Takes::Value, "N", "how many engines (default 1)"},
    {"cpus", 'c', Takes::Value, "N", "CPUs of each; else as its plugin says"},
    {"mem", 0, Takes::Value, "SIZE", "memory of each"},
    {"gpus", 'G', Takes::Value, "N", "GPUs of each"},
};
OptionTable start_options() { return kStartOptions; }
constexpr Option kNewOptions[] = {
    {"engine", 'e', Takes::Value, "TYPE", "engine of the session", "", Support::Yes, "engine-type"},
    {"cpus", 'c', Takes::Value, "N", "its CPUs; else as its plugin says"},
    {"mem", 0, Takes::Value, "SIZE", "its memory"},
    {"gpus", 'G', Takes::Value, "N", "its GPUs"},
};
OptionTable new_options() { return kNewOptions; }

Column column(std::string_view title, std::string_view path, bool right = false) {
  Column made{title, path};
  made.right = right;
  return made;
}

std::vector<Column> engine_columns() {
  std::vector<Column> columns{column("NAME", "name"),       column("TYPE", "type"),
                              column("STATE", "state"),     column("USER", "user"),
                              column("SESSION", "session"), column("JOB", "job", true),
                              column("USES", "uses", true), column("RUNNING", "running", true)};
  columns.back().show = [](const Json& row, const Style&) {
    return number_of(row, "running") > 0 ? text_of(row, "running") : std::string();
  };
  columns.push_back(column("POOL", "pool"));
  columns.back().wide = true;
  return columns;
}

std::vector<Column> type_columns() {
  std::vector<Column> columns{column("TYPE", "type"), column("VERSION", "version"),
                              column("LANGUAGES", "languages"), column("CPUS", "cpus", true),
                              column("MEM", "mem_mib", true)};
  columns[2].show = [](const Json& row, const Style&) {
    std::string text;
    for (const Json& language : member(row, "languages"))
      text += (text.empty() ? "" : ",") + text_of(language, "");
    return text;
  };
  columns[4].show = [](const Json& row, const Style&) {
    return format_memory_mib(number_of(row, "mem_mib"));
  };
  columns.push_back(column("SHARED AS", "shared_as"));
  columns.push_back(column("DESCRIPTION", "description"));
  columns.back().stretch = true;
  return columns;
}

Result<int> list(Context& context, const std::string& target, std::string_view key,
                 const std::vector<Column>& columns, std::string_view name) {
  const Result<bool> words = context.at_most_words(0);
  if (!words) return fail(words.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> answer = (*api)->read(target);
  if (!answer) return fail(answer.error());
  std::vector<Json> rows;
  for (const Json& row : member(*answer, key)) rows.push_back(row);
  return context.print_rows(std::move(rows), columns, key, name);
}

Result<int> run_ls(Context& context) {
  return list(context, "/api/v1/engines", "engines", engine_columns(), "name");
}
Result<int> run_types(Context& context) {
  return list(context, "/api/v1/engine-types", "types", type_columns(), "type");
}
Result<int> run_session_ls(Context& context) {
  return list(context, "/api/v1/sessions", "sessions", engine_columns(), "session");
}

// One call about the thing that the first word names; its answer.
Result<Json> call_named(Context& context, const char* method, const std::string& before,
                        const std::string& after) {
  const Result<std::string> name = context.word(0, "the name");
  if (!name) return fail(name.error());
  const Result<bool> words = context.at_most_words(1);
  if (!words) return fail(words.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  net::HttpClient::Call call;
  call.method = method;
  call.target = before + percent_encode(*name) + after;
  const Result<net::ClientResponse> response = (*api)->call(call);
  if (!response) return fail(response.error());
  return parse_json(response->body, "the answer");
}

Result<int> run_show(Context& context) {
  const Result<Json> answer = call_named(context, "GET", "/api/v1/engines/", "");
  if (!answer) return fail(answer.error());
  const Json& engine = member(*answer, "engine");
  if (context.globals().table.format != Format::Table)
    return context.print_rows({engine}, engine_columns(), "engines", "name");
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [key, value] : engine.items()) pairs.emplace_back(key, text_of(value, ""));
  context.out(render_pairs(pairs, context.style()));
  return kOk;
}

Result<int> end(Context& context, const char* method, const std::string& before,
                const std::string& after, const std::string& done) {
  const Result<Json> answer = call_named(context, method, before, after);
  if (!answer) return fail(answer.error());
  if (context.globals().json())
    context.out(to_text(*answer) + '\n');
  else
    context.note(context.arguments().words[0] + " " + done);
  return kOk;
}

Result<int> run_drain(Context& context) {
  return end(context, "POST", "/api/v1/engines/", "/drain", "ends after what runs on it");
}
Result<int> run_kill(Context& context) {
  return end(context, "POST", "/api/v1/engines/", "/kill", "is ended");
}
Result<int> run_close(Context& context) {
  return end(context, "DELETE", "/api/v1/sessions/", "", "is closed");
}

Result<int> run_log(Context& context) {
  const Result<Json> answer = call_named(context, "GET", "/api/v1/engines/", "");
  if (!answer) return fail(answer.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  net::HttpClient::Call call;
  call.target = "/api/v1/jobs/" + text_of(*answer, "engine.job") + "/log";
  EscapeFilter filter;
  call.on_data = [&](std::string_view bytes) {
    context.out(is_terminal(1) ? filter.pass(bytes) : std::string(bytes));
    return true;
  };
  const Result<net::ClientResponse> response = (*api)->call(call);
  if (!response) return fail(response.error());
  return kOk;
}

Result<bool> add_amounts(const Arguments& arguments, Json& body) {
  for (const char* name : {"cpus", "gpus", "count"}) {
    if (!arguments.has(name)) continue;
    const auto amount = parse_integer(arguments.text(name), 0, 100'000, name);
    if (!amount) return fail(amount.error());
    body[name] = *amount;
  }
  if (!arguments.has("mem")) return true;
  const auto mem = parse_memory_mib(arguments.text("mem"));
  if (!mem) return fail(mem.error(), "--mem");
  body["mem_mib"] = *mem;
  return true;
}

Result<int> start(Context& context, const std::string& target, Json body) {
  const Result<bool> words = context.at_most_words(1);
  if (!words) return fail(words.error());
  if (const auto good = add_amounts(context.arguments(), body); !good) return fail(good.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> answer = (*api)->post(target, body);
  if (!answer) return fail(answer.error());
  if (context.globals().json()) {
    context.out(to_text(*answer) + '\n');
    return kOk;
  }
  for (const Json& job : member(*answer, "jobs")) context.out(to_text(job) + '\n');
  return kOk;
}

Result<int> run_start(Context& context) {
  const Result<std::string> type = context.word(0, "the type of engine");
  if (!type) return fail(type.error());
  return start(context, "/api/v1/engines", Json{{"engine", *type}});
}

Result<int> run_new(Context& context) {
  const Result<std::string> name = context.word(0, "the session's name");
  if (!name) return fail(name.error());
  if (!context.arguments().has("engine"))
    return fail(Errc::BadInput, "which engine?", "drover session new NAME -e python", "engine");
  return start(context, "/api/v1/sessions",
               Json{{"engine", context.arguments().text("engine")}, {"session", *name}});
}

}  // namespace

const Command kEngineLs = {.noun = "engine",
                           .verb = "ls",
                           .summary = "list the engines that run or start",
                           .examples = "drover engine ls\ndrover engine ls -o json",
                           .run = run_ls};
const Command kEngineShow = {.noun = "engine",
                             .verb = "show",
                             .operands = "NAME",
                             .summary = "show one engine",
                             .examples = "drover engine show engine-7",
                             .complete = "engine",
                             .run = run_show};
const Command kEngineTypes = {.noun = "engine",
                              .verb = "types",
                              .summary = "list the engines that can be had, and their languages",
                              .examples = "drover engine types",
                              .run = run_types};
const Command kEngineStart = {
    .noun = "engine",
    .verb = "start",
    .operands = "TYPE",
    .summary = "start engines before they are needed; prints their jobs' ids",
    .examples = "drover engine start python --count 2 --mem 2G",
    .complete = "engine-type",
    .options = start_options,
    .run = run_start};
const Command kEngineWarm = {.noun = "engine",
                             .verb = "warm",
                             .operands = "TYPE",
                             .summary = "the same as start: statements to come find warm engines",
                             .examples = "drover engine warm python --count 2",
                             .complete = "engine-type",
                             .options = start_options,
                             .run = run_start};
const Command kEngineDrain = {.noun = "engine",
                              .verb = "drain",
                              .operands = "NAME",
                              .summary = "end an engine after what runs on it",
                              .examples = "drover engine drain engine-7",
                              .complete = "engine",
                              .run = run_drain};
const Command kEngineKill = {.noun = "engine",
                             .verb = "kill",
                             .operands = "NAME",
                             .summary = "end an engine and what runs on it",
                             .examples = "drover engine kill engine-7",
                             .complete = "engine",
                             .run = run_kill};
const Command kEngineLog = {.noun = "engine",
                            .verb = "log",
                            .operands = "NAME",
                            .summary = "print what the engine itself wrote",
                            .examples = "drover engine log engine-7",
                            .complete = "engine",
                            .run = run_log};
const Command kSessionNew = {.noun = "session",
                             .verb = "new",
                             .operands = "NAME",
                             .summary = "open a session: an engine of your own that keeps names",
                             .examples = "drover session new s1 -e python --mem 4G",
                             .options = new_options,
                             .run = run_new};
const Command kSessionLs = {.noun = "session",
                            .verb = "ls",
                            .summary = "list your sessions",
                            .examples = "drover session ls",
                            .run = run_session_ls};
const Command kSessionClose = {.noun = "session",
                               .verb = "close",
                               .operands = "NAME",
                               .summary = "close a session; what runs in it ends first",
                               .examples = "drover session close s1",
                               .complete = "session",
                               .run = run_close};

}  // namespace drover::cli
