// cli/exec.cpp - `drover exec`: run a statement on a warm engine and print what it left.
// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <memory>
#include <utility>

#include "base/units.hpp"
#include "cli/engine_commands.hpp"
#include "cli/fetch_result.hpp"
#include "cli/file_text.hpp"
#include "cli/interrupt.hpp"
#include "cli/job_view.hpp"
#include "cli/live_log.hpp"
#include "cli/retry_options.hpp"
#include "cli/statement_view.hpp"
#include "cli/status_line.hpp"
#include "cli/waiting.hpp"

namespace drover::cli {
namespace {

constexpr std::size_t kMaxCode = 4 << 20;

// clang-format off
constexpr Option kOptions[] = {
  {"engine", 'e', Takes::Value, "TYPE", "engine: python sql shell, or what drover engine types lists", "", Support::Yes, "engine-type"},
  {"session", 's', Takes::Value, "NAME", "run in this session of yours: it keeps names between statements", "", Support::Yes, "session"},
  {"language", 0, Takes::Value, "NAME", "language of the code, when the engine has several"},
  {"once", 0, Takes::Nothing, "", "run it on an engine that is started for it alone, and ends with it"},
  {"cpus", 'c', Takes::Value, "N", "CPUs that its engine must have; a larger idle engine will do"},
  {"mem", 0, Takes::Value, "SIZE", "memory that its engine must have"},
  {"gpus", 'G', Takes::Value, "N", "GPUs that its engine must have"},
  {"reset", 0, Takes::Value, "WHAT", "none namespace respawn: what is forgotten before it runs", "", Support::Yes, "none namespace respawn"},
  {"file", 'f', Takes::Value, "FILE", "take the code from a file; - = stdin", "", Support::Yes, "file"},
  {"label", 0, Takes::Value, "KEY=VALUE", "label of the job; may be repeated"},
  {"env", 0, Takes::Value, "NAME=VALUE", "variable for the code; may be repeated"},
  {"var", 0, Takes::Value, "NAME=VALUE", "value of ${NAME} in the code; may be repeated. Dates such as ${run_date-1} are filled in too"},
  {"vars", 0, Takes::Nothing, "", "fill in dates, and what lines #@set NAME=VALUE (SQL: --@set) of the code say, without --var"},
  {"reuse", 0, Takes::MaybeValue, "TIME", "an earlier result of the same code and settings, no older than TIME (30 days), answers if there is one"},
  {"retry", 0, Takes::Value, "N", "run it again when it failed, up to N times"},
  {"retry-on", 0, Takes::Value, "LIST", "only after these ends: exit, signal, timeout, ..., lost: its engine was lost, and nobody knows how far it came"},
  {"retry-delay", 0, Takes::Value, "TIME", "wait so long before a retry: 30s, 5m; a bare number is seconds"},
  {"time", 't', Takes::Value, "TIME", "time limit, as of drover submit"},
  {"async", 0, Takes::Nothing, "", "print the job's id and do not wait"},
};
// clang-format on
OptionTable options() { return kOptions; }

Result<std::string> read_code(const Context& context) {
  const Arguments& arguments = context.arguments();
  std::vector<std::string> words = arguments.words;
  words.insert(words.end(), arguments.rest.begin(), arguments.rest.end());
  const bool has_file = arguments.has("file");
  if (words.size() + (has_file ? 1 : 0) != 1)
    return fail(Errc::BadInput, words.empty() ? "which code?" : "the code is one argument",
                "drover exec -e python 'print(1)', or -f FILE");
  Result<std::string> code = has_file ? file_text(arguments.text("file"), kMaxCode) : words[0];
  if (code && code->empty())
    return fail(Errc::BadInput, has_file ? "the file of the code is empty" : "the code is empty",
                "drover exec -e python 'print(1)', or -f FILE", has_file ? "file" : "");
  return code;
}

Result<bool> add_pairs(const Arguments& arguments, Json& spec) {
  for (const Given& given : arguments.options) {
    const std::string_view name = given.option->name;
    if (name.starts_with("retry"))
      if (const auto set = set_retry_option(spec, given); !set) return set;
    if (name != "label" && name != "env" && name != "var") continue;
    const std::size_t equals = given.value.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(Errc::BadInput, "\"" + given.value + "\" is no NAME=VALUE",
                  "--" + std::string(name) + " key=value", std::string(name));
    if (name == "env")
      spec["env"].push_back(given.value);
    else
      spec[name == "var" ? "variables" : "labels"][given.value.substr(0, equals)] =
          given.value.substr(equals + 1);
  }
  return true;
}

// What the engine must have; in words that jobs have too.
Result<bool> add_size(const Arguments& arguments, Json& spec) {
  for (const auto& [name, field] : {std::pair{"cpus", "cpus_per_task"}, {"gpus", "gpus"}}) {
    if (!arguments.has(name)) continue;
    const auto amount = parse_integer(arguments.text(name), 0, 100'000, name);
    if (!amount) return fail(amount.error());
    if (*amount > 0) spec[field] = *amount;
  }
  if (!arguments.has("mem")) return true;
  const auto mem = parse_memory_mib(arguments.text("mem"));
  if (!mem) return fail(mem.error(), "--mem");
  spec["mem_mib"] = *mem;
  return true;
}

Result<Json> read_spec(const Context& context) {
  const Arguments& arguments = context.arguments();
  Result<std::string> code = read_code(context);
  if (!code) return fail(code.error());
  Json spec = Json::object();
  for (const char* name : {"engine", "language", "session", "reset"})
    if (arguments.has(name)) spec[name] = arguments.text(name);
  if (!spec.contains("engine") && !spec.contains("language"))
    return fail(Errc::BadInput, "which engine shall run it?", "-e python, -e sql or -e shell",
                "engine");
  spec["script"] = *std::move(code);
  char here[PATH_MAX];
  if (::getcwd(here, sizeof here) != nullptr) spec["cwd"] = here;
  if (arguments.has("time")) {
    const Result<Duration> limit = parse_time_limit(arguments.text("time"));
    if (!limit) return fail(limit.error(), "--time");
    spec["time_limit_s"] = (limit->us + 999'999) / 1'000'000;
  }
  if (arguments.has("once")) spec["once"] = true;
  if (const auto good = add_size(arguments, spec); !good) return fail(good.error());
  if (arguments.has("vars")) spec["variables"] = Json::object();
  if (arguments.has("reuse")) {
    spec["reuse"] = true;
    if (const std::string text = arguments.text("reuse"); !text.empty()) {
      const Result<Duration> age = parse_time_limit(text);
      if (!age) return fail(age.error(), "--reuse");
      spec["reuse"] = {{"ttl_s", (age->us + 999'999) / 1'000'000}};
    }
  }
  if (const auto good = add_pairs(arguments, spec); !good) return fail(good.error());
  return spec;
}

// Polls until the job is final; long polls wake at its end, short ones keep the line fresh.
Result<Json> await_end(ApiClient& api, Json answer, StatusLine* status) {
  const std::string path = "/api/v1/jobs/" + text_of(answer, "job.id");
  std::int64_t lost_since = 0;
  while (!is_final(text_of(answer, "job.state"))) {
    if (status != nullptr) status->show(describe_statement(answer));
    const char* wait = status != nullptr ? "/wait?timeout_s=1" : "/wait?timeout_s=20";
    Result<Json> next = api.read(path + wait);
    if (next) {
      answer = *std::move(next);
      lost_since = 0;
      continue;
    }
    const bool may_pass = next.error().code == Errc::Unavailable || next.error().code == Errc::Io;
    if (lost_since == 0) lost_since = monotonic_us();
    if (!may_pass || monotonic_us() - lost_since > 60'000'000) return fail(next.error());
    sleep_ms(200);
  }
  return api.read(path);
}

void tell_reuse(Context& context, const Json& answer) {
  const Json& reused = member(answer, "reused");
  if (!reused.is_object() || context.globals().quiet) return;
  std::fprintf(stderr, "result of job %s, %s old\n", text_of(reused, "job").c_str(),
               show_short_seconds(double(number_of(reused, "age_s"))).c_str());
}

// -o csv: tables to standard output, one after the other, all rows; what else there is to stderr.
Result<bool> print_csv(Context& context, ApiClient& api, const Json& answer) {
  bool is_first = true;
  for (const Json& result : member(answer, "results.results")) {
    if (text_of(result, "kind") != "table") {
      Json one{{"job", answer["job"]}};
      one["results"]["results"] = Json::array({result});
      std::fputs(render_results(one, context.style()).c_str(), stderr);
      continue;
    }
    if (!std::exchange(is_first, false)) context.out("\n");
    const std::string target = "/api/v1/jobs/" + text_of(answer, "job.id") + "/results/" +
                               text_of(result, "index") + "?format=csv";
    const auto fetched = fetch_result(api, target, stdout);
    if (!fetched) return fail(fetched.error());
  }
  return true;
}

Result<int> follow(Context& context, ApiClient& api, const Json& started) {
  const std::string id = text_of(started, "job.id");
  Result<std::unique_ptr<ApiClient>> made = context.new_api();
  if (!made) return fail(made.error());
  const std::shared_ptr<ApiClient> second = std::move(*made);
  const auto status = std::make_shared<StatusLine>(context.globals().quiet, context.color_err());
  const InterruptWatch watcher(
      [second, status, id] {
        status->mute();  // what it says of its end is still shown
        const auto done = second->post("/api/v1/jobs/" + id + "/cancel", Json::object());
        std::fprintf(stderr, done ? "job %s is cancelled\n" : "job %s could not be cancelled\n",
                     id.c_str());
      },
      [] {});
  tell_reuse(context, started);
  std::unique_ptr<LiveLog> log;
  const bool is_csv = context.globals().table.format == Format::Csv;
  if (!context.globals().json()) {
    Result<std::unique_ptr<ApiClient>> third = context.new_api();
    if (!third) return fail(third.error());
    log = std::make_unique<LiveLog>(std::move(*third), std::uint64_t(number_of(started, "job.id")),
                                    status, is_csv ? 2 : 1);
  }
  Result<Json> answer = await_end(api, started, status->is_live() ? status.get() : nullptr);
  status->clear();
  if (!answer) return fail(answer.error(), "following job " + id);
  if (started.contains("reused")) (*answer)["reused"] = started["reused"];
  const auto warn_of_cuts = [&] {
    for (const Json& result : member(*answer, "results.results"))
      if (const std::string cut = describe_cut(result); !cut.empty()) context.warn(cut);
  };
  if (context.globals().json()) {
    const bool lines = context.globals().table.format == Format::JsonLines;
    context.out(to_text(*answer, lines ? -1 : 2) + '\n');
    warn_of_cuts();
    return statement_status(*answer);
  }
  if (const auto printed = log->finish(api); !printed) context.warn(printed.error().message);
  if (!is_csv)
    context.out(render_results(*answer, context.style()));
  else if (const auto printed = print_csv(context, api, *answer); !printed)
    return fail(printed.error());
  std::fflush(stdout);
  warn_of_cuts();
  std::fputs(render_failure(*answer, context.color_err()).c_str(), stderr);
  return statement_status(*answer);
}

Result<int> run_exec(Context& context) {
  if (context.globals().table.format == Format::Name)
    return fail(Errc::BadInput, "exec has no output of names", "-o table, csv, json or jsonl",
                "output");
  const Result<Json> spec = read_spec(context);
  if (!spec) return fail(spec.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  if (context.arguments().has("async")) {
    const Result<Json> answer = (*api)->submit("/api/v1/jobs", *spec);
    if (!answer) return fail(answer.error());
    tell_reuse(context, *answer);
    context.out((context.globals().json() ? to_text(*answer) : text_of(*answer, "id")) + '\n');
    return kOk;
  }
  // The id comes at once, so that Ctrl-C has something to cancel.
  const Result<Json> started = (*api)->submit("/api/v1/statements?timeout_s=0", *spec);
  if (!started) return fail(started.error());
  return follow(context, **api, *started);
}

}  // namespace

const Command kExec = {
    .verb = "exec",
    .operands = "'CODE'",
    .summary = "run a statement of Python, SQL or shell on a warm engine",
    .about =
        "Prints what the code prints, as it prints it, then its results; an error goes to stderr. "
        "The exit status is the statement's. Without a session it gets any idle engine of yours, "
        "with no names left "
        "of before. Ctrl-C cancels it; the session keeps its names. -o csv prints the tables "
        "whole, and all else "
        "to stderr; -o json the answer. With --cpus, --mem or --gpus "
        "its engine has at least so much; with --once it has an engine of its own.",
    .examples =
        "drover exec -e python '1 + 1'\ndrover exec -e sql -s s1 -f query.sql\n"
        "echo 'df -h' | drover exec -e shell -f -\n"
        "drover exec -e python --once --mem 8G -f train.py",
    .options = options,
    .run = run_exec,
};

}  // namespace drover::cli
