// cli/dag_log.cpp - `drover dag log`: what the steps of a workflow wrote.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "cli/command.hpp"
#include "cli/job_view.hpp"
#include "cli/log_stream.hpp"
#include "cli/workflow_view.hpp"

namespace drover::cli {
namespace {

constexpr Option kOptions[] = {
    {"all", 'a', Takes::Nothing, "", "of all steps, one after the other"},
    {"stderr", 'e', Takes::Nothing, "", "stderr instead of stdout (when it has a file of its own)"},
    {"prefix", 0, Takes::Nothing, "", "begin every line with the step's name"},
};
OptionTable options() { return kOptions; }

// One job's output, each line behind the name of its step if that is asked for.
Result<void> print_log(Context& context, ApiClient& api, LogRequest request,
                       const std::string& prefix) {
  EscapeFilter filter;
  const bool on_terminal = is_terminal(1);
  std::string line;
  const auto read = read_log(api, request, [&](std::string_view bytes) {
    if (prefix.empty()) {
      context.out(on_terminal ? filter.pass(bytes) : std::string(bytes));
      return true;
    }
    line += bytes;
    for (std::size_t end = line.find('\n'); end != std::string::npos; end = line.find('\n')) {
      context.out(prefix +
                  (on_terminal ? filter.pass(line.substr(0, end + 1)) : line.substr(0, end + 1)));
      line.erase(0, end + 1);
    }
    return true;
  });
  if (!line.empty()) context.out(prefix + line + "\n");
  std::fflush(stdout);
  if (!read) return fail(read.error());
  return {};
}

Result<bool> print_step(Context& context, ApiClient& api, const Json& step) {
  const std::int64_t job = number_of(step, "job");
  if (job == 0) return false;
  LogRequest request;
  request.job = std::uint64_t(job);
  request.is_stderr = context.arguments().has("stderr");
  const std::string name = clean_line(text_of(step, "name"));
  const bool prefixed = context.arguments().has("prefix");
  const std::int64_t elements = number_of(step, "elements");
  if (elements == 0) {
    if (!prefixed) context.out("==> " + name + " (job " + std::to_string(job) + ") <==\n");
    if (auto ok = print_log(context, api, request, prefixed ? name + ": " : ""); !ok)
      context.warn(name + ": " + ok.error().message);
    return true;
  }
  for (std::string from = "0"; !from.empty();) {
    const Result<Json> page =
        api.read("/api/v1/jobs/" + std::to_string(job) + "/tasks?limit=100&from=" + from);
    if (!page) return fail(page.error());
    for (const Json& task : member(*page, "tasks")) {
      if (text_of(task, "started").empty()) continue;
      request.task = std::uint32_t(number_of(task, "index"));
      const std::string shown = name + "[" + std::to_string(*request.task) + "]";
      if (!prefixed) context.out("==> " + shown + " (job " + std::to_string(job) + ") <==\n");
      if (auto ok = print_log(context, api, request, prefixed ? shown + ": " : ""); !ok)
        context.warn(shown + ": " + ok.error().message);
    }
    const std::string next = text_of(*page, "next");
    from = next == from ? "" : next;
  }
  return true;
}

Result<int> run_log(Context& context) {
  const Result<std::string> word = context.word(0, "the workflow's id");
  if (!word) return fail(word.error());
  const Result<bool> words = context.at_most_words(2);
  if (!words) return fail(words.error());
  const auto id = workflow_id(context, *word);
  if (!id) return fail(id.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> answer = (*api)->read("/api/v1/workflows/" + std::to_string(*id));
  if (!answer) return fail(answer.error());
  std::string wanted;
  if (context.arguments().words.size() > 1) wanted = context.arguments().words[1];
  const bool all = context.arguments().has("all");
  if (wanted.empty() && !all) wanted = text_of(*answer, "workflow.first_failed_step");
  bool is_known = wanted.empty(), any = false;
  for (const Json& step : member(*answer, "steps")) {
    const bool fits =
        wanted.empty() || text_of(step, "name") == wanted || text_of(step, "step") == wanted;
    if (!fits) continue;
    is_known = true;
    const Result<bool> printed = print_step(context, **api, step);
    if (!printed) return fail(printed.error());
    any = any || *printed;
  }
  if (!is_known)
    return fail(Errc::NotFound, "workflow " + *word + " has no step '" + wanted + "'",
                "drover dag show " + *word + " lists them", "step");
  if (!any) context.note("nothing has run yet");
  return kOk;
}

}  // namespace

const Command kDagLog = {
    .noun = "dag",
    .verb = "log",
    .operands = "ID [STEP]",
    .summary = "print what steps wrote: the first failed one, a named one, or all",
    .examples = "drover dag log last\ndrover dag log 12 align\ndrover dag log 12 --all --prefix",
    .options = options,
    .run = run_log,
};

}  // namespace drover::cli
