// cli/log.cpp - `drover log`: what a job wrote.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "base/units.hpp"
#include "cli/command.hpp"
#include "cli/job_view.hpp"
#include "cli/log_stream.hpp"

namespace drover::cli {
namespace {

constexpr Option kOptions[] = {
    {"follow", 'f', Takes::Nothing, "", "go on until the job has ended"},
    {"tail", 'n', Takes::Value, "LINES", "only the last lines"},
    {"stderr", 'e', Takes::Nothing, "", "stderr instead of stdout (when it has a file of its own)"},
    {"stdout", 0, Takes::Nothing, "", "stdout (default)"},
    {"task", 't', Takes::Value, "INDEX", "this element of an array"},
};
OptionTable options() { return kOptions; }

std::function<bool(std::string_view)> make_sink(Context& context, EscapeFilter& filter) {
  const bool on_terminal = is_terminal(1);
  return [&context, &filter, on_terminal](std::string_view bytes) {
    context.out(on_terminal ? filter.pass(bytes) : std::string(bytes));
    std::fflush(stdout);
    return true;
  };
}

// An array without --task: every element that was started, one after the other.
Result<int> log_elements(Context& context, ApiClient& api, LogRequest request) {
  std::string from = "0";
  bool any = false;
  for (;;) {
    const Result<Json> page =
        api.read("/api/v1/jobs/" + std::to_string(request.job) + "/tasks?limit=100&from=" + from);
    if (!page) return fail(page.error());
    for (const Json& task : member(*page, "tasks")) {
      if (text_of(task, "started").empty()) continue;
      request.task = std::uint32_t(number_of(task, "index"));
      context.out((any ? "\n==> " : "==> ") + std::to_string(request.job) + "." +
                  std::to_string(*request.task) + " <==\n");
      any = true;
      EscapeFilter filter;
      const auto read = read_log(api, request, make_sink(context, filter));
      if (!read) context.warn(read.error().message);
    }
    const std::string next = text_of(*page, "next");
    if (next.empty() || next == from) break;
    from = next;
  }
  if (!any) context.note("no element has started yet");
  return kOk;
}

Result<int> run_log(Context& context) {
  const Result<std::string> word = context.word(0, "the job's id");
  if (!word) return fail(word.error());
  const Result<bool> words = context.at_most_words(1);
  if (!words) return fail(words.error());
  const Result<OneJob> job = one_job(context, *word);
  if (!job) return fail(job.error());
  const Arguments& arguments = context.arguments();
  LogRequest request;
  request.job = job->id;
  request.task = job->element;
  request.follow = arguments.has("follow");
  request.is_stderr = arguments.has("stderr");
  if (arguments.has("task")) {
    const auto task = parse_integer(arguments.text("task"), 0, 0xFFFFFFFF, "task");
    if (!task) return fail(task.error());
    request.task = std::uint32_t(*task);
  }
  if (arguments.has("tail")) {
    const auto tail = parse_integer(arguments.text("tail"), 0, 1'000'000'000, "tail");
    if (!tail) return fail(tail.error());
    request.tail_lines = std::uint64_t(*tail);
  }
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  if (!request.task) {
    const Result<Json> shown = (*api)->read(job->path());
    const bool may_be_workflow = !shown && shown.error().code == Errc::NotFound;
    if (may_be_workflow && (*api)->read("/api/v1/workflows/" + std::to_string(job->id)))
      return kDagLog.run(context);  // its first failed step's
    if (!shown) return fail(shown.error());
    const bool is_array = !member(*shown, "job.array").is_null();
    if (is_array && request.follow) {
      return fail(Errc::BadInput, "job " + *word + " is an array: which element shall be followed?",
                  "drover log -f " + *word + ".INDEX", "task");
    }
    if (is_array) return log_elements(context, **api, request);
  }
  EscapeFilter filter;
  const auto read = read_log(**api, request, make_sink(context, filter));
  if (!read) return fail(read.error());
  return kOk;
}

}  // namespace

const Command kLog = {
    .noun = "job",
    .verb = "log",
    .is_shortcut = true,
    .operands = "ID[.INDEX]",
    .summary = "print or follow what a job wrote",
    .about =
        "Of a workflow, what its first failed step wrote. On a terminal, escape sequences other "
        "than colours are left out. Into a file or a pipe "
        "every "
        "byte goes through.",
    .examples =
        "drover log 12\ndrover log -f last\ndrover log --tail 20 --stderr 12\ndrover log 12.3",
    .complete = "job",
    .options = options,
    .run = run_log,
};

}  // namespace drover::cli
