// cli/dag_log.cpp - `drover dag log`: what the steps of a workflow wrote.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <map>
#include <optional>
#include <utility>

#include "cli/command.hpp"
#include "cli/job_view.hpp"
#include "cli/log_stream.hpp"
#include "cli/statement_view.hpp"
#include "cli/waiting.hpp"
#include "cli/workflow_view.hpp"

namespace drover::cli {
namespace {

constexpr Option kOptions[] = {
    {"all", 'a', Takes::Nothing, "", "of all steps, one after the other"},
    {"follow", 'f', Takes::Nothing, "", "of all steps (or of STEP) as they write, until the end"},
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

// That a step is of its job, where it shares an array with others.
std::optional<std::uint32_t> element_of(const Json& step) {
  if (!step.contains("element")) return std::nullopt;
  return std::uint32_t(number_of(step, "element"));
}

// Why code failed on its engine is not in its log.
void print_failure(Context& context, ApiClient& api, std::int64_t job, const std::string& prefix) {
  const Result<Json> answer = api.read("/api/v1/jobs/" + std::to_string(job));
  if (!answer || !is_final(text_of(*answer, "job.state"))) return;
  for (const std::string& line : split_list(render_failure(*answer, false), '\n'))
    context.out(prefix + line + "\n");
}

Result<bool> print_step(Context& context, ApiClient& api, const Json& step) {
  const std::int64_t job = number_of(step, "job");
  if (job == 0) return false;
  LogRequest request;
  request.job = std::uint64_t(job);
  request.is_stderr = context.arguments().has("stderr");
  request.task = element_of(step);
  const std::string name = clean_line(text_of(step, "name"));
  const bool prefixed = context.arguments().has("prefix");
  const std::int64_t elements = number_of(step, "elements");
  if (elements == 0) {
    if (!prefixed) context.out("==> " + name + " (job " + job_of_step(step) + ") <==\n");
    const bool is_statement = !text_of(step, "engine").empty();
    const auto ok = print_log(context, api, request, prefixed ? name + ": " : "");
    if (!ok && !(is_statement && ok.error().code == Errc::NotFound))
      context.warn(name + ": " + ok.error().message);
    if (is_statement) print_failure(context, api, job, prefixed ? name + ": " : "");
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

// What the jobs of a workflow write, line by line behind the names of their steps, while it runs.
class Merge {
 public:
  Merge(Context& context, ApiClient& api, std::string wanted)
      : context_(context), api_(api), wanted_(std::move(wanted)) {}

  // Answers whether anything was written since the last time.
  Result<bool> look(const Json& answer) {
    bool any = false;
    for (const Json& step : member(answer, "steps")) {
      const bool fits =
          wanted_.empty() || text_of(step, "name") == wanted_ || text_of(step, "step") == wanted_;
      const auto job = std::uint64_t(number_of(step, "job"));
      if (!fits || job == 0 || member(step, "fused").is_boolean()) continue;
      const bool ended = number_of(step, "ended_us") != 0;
      const bool is_statement = !text_of(step, "engine").empty();
      auto read = number_of(step, "elements") == 0
                      ? pass(text_of(step, "name"), job, element_of(step), ended, is_statement)
                      : look_at_elements(text_of(step, "name"), job);
      if (!read) return read;
      any = any || *read;
    }
    std::fflush(stdout);
    return any;
  }

 private:
  struct Source {
    std::uint64_t offset = 0;
    std::string line;  // not complete yet
    bool is_over = false;
  };

  Result<bool> look_at_elements(const std::string& name, std::uint64_t job) {
    bool any = false;
    for (std::string from = "0"; !from.empty();) {
      const Result<Json> page =
          api_.read("/api/v1/jobs/" + std::to_string(job) + "/tasks?limit=1000&from=" + from);
      if (!page) return fail(page.error());
      for (const Json& task : member(*page, "tasks")) {
        if (text_of(task, "started").empty()) continue;
        const auto index = std::uint32_t(number_of(task, "index"));
        auto read = pass(name + "[" + std::to_string(index) + "]", job, index,
                         !text_of(task, "ended").empty());
        if (!read) return read;
        any = any || *read;
      }
      const std::string next = text_of(*page, "next");
      from = next == from ? "" : next;
    }
    return any;
  }

  // What is new of one source. After its end there comes nothing more.
  Result<bool> pass(const std::string& name, std::uint64_t job, std::optional<std::uint32_t> task,
                    bool ended, bool is_statement = false) {
    Source& source = sources_[{job, task.value_or(UINT32_MAX)}];
    if (source.is_over) return false;
    LogRequest request;
    request.job = job;
    request.task = task;
    request.is_stderr = context_.arguments().has("stderr");
    request.offset = source.offset;
    const std::string prefix = clean_line(name) + ": ";
    const auto read = read_log(api_, request, [&](std::string_view bytes) {
      source.line += bytes;
      for (std::size_t end; (end = source.line.find('\n')) != std::string::npos;) {
        context_.out(prefix + shown(source.line.substr(0, end + 1)));
        source.line.erase(0, end + 1);
      }
      return true;
    });
    source.is_over = ended;
    if (ended && is_statement) print_failure(context_, api_, std::int64_t(job), prefix);
    if (!read)
      return (!ended || is_statement) && read.error().code == Errc::NotFound  // has no file (yet)
                 ? Result<bool>(false)
                 : missed(name, read.error());
    source.offset += *read;
    if (ended && !source.line.empty()) context_.out(prefix + shown(source.line) + "\n");
    return *read > 0;
  }

  Result<bool> missed(const std::string& name, const Error& error) {
    if (error.code == Errc::Unavailable || error.code == Errc::Io) return fail(error);
    context_.warn(clean_line(name) + ": " + error.message);
    return false;
  }

  std::string shown(const std::string& line) const {
    EscapeFilter filter;
    return is_terminal(1) ? filter.pass(line) : line;
  }

  Context& context_;
  ApiClient& api_;
  const std::string wanted_;
  std::map<std::pair<std::uint64_t, std::uint32_t>, Source> sources_;
};

Result<int> follow_log(Context& context, ApiClient& api, std::uint64_t id,
                       const std::string& wanted) {
  constexpr std::int64_t kPatienceUs = 60'000'000;
  Merge merge(context, api, wanted);
  std::int64_t heard = monotonic_us();
  for (const char* patience = "0";; patience = "1") {
    const Result<Json> answer =
        api.read("/api/v1/workflows/" + std::to_string(id) + "/wait?timeout_s=" + patience);
    const auto any = answer ? merge.look(*answer) : Result<bool>(fail(answer.error()));
    if (any && is_workflow_final(*answer)) return workflow_status(*answer);
    if (any) {
      heard = monotonic_us();
      continue;
    }
    const Errc code = any.error().code;  // the workflow goes on while droverd restarts
    const bool may_pass = code == Errc::Unavailable || code == Errc::Io;
    if (!may_pass || monotonic_us() - heard > kPatienceUs) return fail(any.error());
    sleep_ms(300);
  }
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
  const bool follows = context.arguments().has("follow");
  if (wanted.empty() && !all && !follows) wanted = text_of(*answer, "workflow.first_failed_step");
  bool is_known = wanted.empty(), any = false;
  for (const Json& step : member(*answer, "steps")) {
    const bool fits =
        wanted.empty() || text_of(step, "name") == wanted || text_of(step, "step") == wanted;
    if (!fits) continue;
    is_known = true;
    if (follows) break;
    const Result<bool> printed = print_step(context, **api, step);
    if (!printed) return fail(printed.error());
    any = any || *printed;
  }
  if (!is_known)
    return fail(Errc::NotFound, "workflow " + *word + " has no step '" + wanted + "'",
                "drover dag show " + *word + " lists them", "step");
  if (follows) return follow_log(context, **api, *id, wanted);
  if (!any) context.note("nothing has run yet");
  return kOk;
}

}  // namespace

const Command kDagLog = {
    .noun = "dag",
    .verb = "log",
    .operands = "ID [STEP]",
    .summary = "print what steps wrote: the first failed one, a named one, or all",
    .about =
        "With --follow the lines of all steps come as they are written, each behind its step's "
        "name, until the workflow has ended; the exit status is then that of drover dag wait.",
    .examples =
        "drover dag log last\ndrover dag log 12 align\ndrover dag log 12 --all --prefix\n"
        "drover dag log last -f",
    .options = options,
    .run = run_log,
};

}  // namespace drover::cli
