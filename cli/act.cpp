// cli/act.cpp - cancel, hold, release, requeue: one body, because they differ by a word.
// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "cli/command.hpp"
#include "cli/job_view.hpp"
#include "cli/spec_builder.hpp"

namespace drover::cli {
namespace {

constexpr Option kOptions[] = {
    {"user", 'u', Takes::Value, "NAME", "with `all`: the jobs of this user instead of yours"},
    {"reason", 0, Takes::Value, "TEXT", "kept with the job"},
};
constexpr Option kCancelOptions[] = {
    {"user", 'u', Takes::Value, "NAME", "with `all`: the jobs of this user instead of yours"},
    {"reason", 0, Takes::Value, "TEXT", "kept with the job"},
    {"signal", 0, Takes::Value, "SIG", "send this signal instead of ending the job"},
};
OptionTable options() { return kOptions; }
OptionTable cancel_options() { return kCancelOptions; }

Result<bool> confirm(Context& context, const std::string& verb, const std::string& user) {
  if (context.globals().yes) return true;
  const std::string question = verb + " all open jobs of " + user + "?";
  if (context.globals().no_input || !is_terminal(0)) {
    return fail(Errc::BadInput, question + " nobody can answer here", "say --yes to do it");
  }
  std::fprintf(stderr, "%s [y/N] ", clean_line(question).c_str());
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return true;
  return fail(Errc::Conflict, "not confirmed: nothing was changed");
}

struct Outcome {
  std::int64_t touched = 0, jobs = 0;
  bool of_elements = false;  // elements were named
  std::vector<Error> errors;
  void add_errors(const Json& answer) {
    for (const Json& entry : member(answer, "errors")) {
      Error error = error_from_json(member(entry, "error"), 409);
      const std::string id = "job " + text_of(entry, "id");
      if (error.message.find(id) == std::string::npos) error.message = id + ": " + error.message;
      errors.push_back(std::move(error));
    }
  }
};

Result<bool> act_on_elements(ApiClient& api, const std::string& verb, const Selector& selector,
                             const Json& extra, Outcome& outcome) {
  for (const Selector::Element& element : selector.elements) {
    Json body = extra;
    body["elements"] = element.indexes;
    const Result<Json> answer =
        api.post("/api/v1/jobs/" + std::to_string(element.job) + "/" + verb, body);
    if (!answer && answer.error().code == Errc::Unavailable) return fail(answer.error());
    if (!answer) {
      outcome.errors.push_back(answer.error());
      continue;
    }
    ++outcome.jobs;
    outcome.of_elements = true;
    outcome.touched += number_of(*answer, "touched");
  }
  return true;
}

int print_outcome(Context& context, const std::string& done, const Outcome& outcome) {
  if (context.globals().json()) {
    Json errors = Json::array();
    for (const Error& error : outcome.errors)
      errors.push_back(Json{{"code", std::string(to_string(error.code))},
                            {"message", error.message},
                            {"hint", error.hint}});
    context.out(to_text(Json{{"v", 1},
                             {"jobs", outcome.jobs},
                             {"touched", outcome.touched},
                             {"errors", std::move(errors)}}) +
                '\n');
  } else {
    for (const Error& error : outcome.errors)
      std::fputs(format_error(error, {}, false, context.color_err()).c_str(), stderr);
    const auto count = [](std::int64_t n, const char* noun) {
      return std::to_string(n) + noun + (n == 1 ? "" : "s");
    };
    if (outcome.touched > 0 && !outcome.of_elements && outcome.touched < outcome.jobs) {
      context.note(done + " " + std::to_string(outcome.touched) + " of " +
                   count(outcome.jobs, " job") + ": nothing was left to do for the others");
    } else if (outcome.touched > 0 && (outcome.of_elements || outcome.touched != outcome.jobs)) {
      context.note(done + " " + count(outcome.touched, " element") + " of " +
                   count(outcome.jobs, " job"));
    } else if (outcome.touched > 0) {
      context.note(done + " " + count(outcome.jobs, " job"));
    } else if (outcome.errors.empty()) {
      context.note("nothing to change");
    }
  }
  if (outcome.errors.empty()) return kOk;
  return outcome.jobs > 0 ? int(kSomeFailed) : exit_code_of(outcome.errors.front().code);
}

Result<int> act(Context& context, const std::string& verb, const std::string& done) {
  const Arguments& arguments = context.arguments();
  Result<Selector> selector = parse_selector(arguments.words);
  if (!selector) return fail(selector.error());
  const Result<bool> resolved = resolve_last(context, *selector);
  if (!resolved) return fail(resolved.error());
  Json extra = Json::object();
  if (arguments.has("reason")) extra["reason"] = arguments.text("reason");
  if (arguments.has("signal")) {
    const auto signal = parse_signal(arguments.text("signal"));
    if (!signal) return fail(signal.error());
    extra["signal"] = *signal;
  }
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  Outcome outcome;
  if (selector->all || !selector->ranges.empty()) {
    Json body = extra;
    body["ids"] = selector->all ? "all" : to_text(selector->ranges);
    if (selector->all) {
      const std::string user = arguments.text("user", context.current_user());
      const Result<bool> confirmed = confirm(context, verb, user);
      if (!confirmed) return fail(confirmed.error());
      body["user"] = user;
    }
    const Result<Json> answer = (*api)->post("/api/v1/jobs/" + verb, body);
    if (!answer) return fail(answer.error());
    outcome.touched += number_of(*answer, "touched");
    outcome.jobs += number_of(*answer, "jobs");
    outcome.add_errors(*answer);
  }
  const Result<bool> elements = act_on_elements(**api, verb, *selector, extra, outcome);
  if (!elements) return fail(elements.error());
  return print_outcome(context, extra.contains("signal") ? "signalled" : done, outcome);
}

Result<int> run_cancel(Context& context) { return act(context, "cancel", "cancelled"); }
Result<int> run_hold(Context& context) { return act(context, "hold", "held"); }
Result<int> run_release(Context& context) { return act(context, "release", "released"); }
Result<int> run_requeue(Context& context) { return act(context, "requeue", "requeued"); }
Result<int> run_suspend(Context& context) { return act(context, "suspend", "suspended"); }
Result<int> run_resume(Context& context) { return act(context, "resume", "resumed"); }

}  // namespace

const Command kCancel = {
    .noun = "job",
    .verb = "cancel",
    .is_shortcut = true,
    .operands = "ID...",
    .summary = "end jobs, or send them a signal",
    .about =
        "A running job gets SIGTERM and, after its grace time, SIGKILL. Cancelling an ended job "
        "changes "
        "nothing.",
    .examples =
        "drover cancel 12\ndrover cancel 12.[3,5-7]\ndrover cancel 10-20 last\n"
        "drover cancel all --yes\ndrover cancel 12 --signal USR1",
    .complete = "job",
    .options = cancel_options,
    .run = run_cancel,
};

const Command kHold = {
    .noun = "job",
    .verb = "hold",
    .is_shortcut = true,
    .operands = "ID...",
    .summary = "keep pending jobs from starting",
    .examples = "drover hold 12\ndrover hold all --yes",
    .complete = "job",
    .options = options,
    .run = run_hold,
};

const Command kRelease = {
    .noun = "job",
    .verb = "release",
    .is_shortcut = true,
    .operands = "ID...",
    .summary = "let held jobs go",
    .examples = "drover release 12\ndrover release all --yes",
    .complete = "job",
    .options = options,
    .run = run_release,
};

const Command kRequeue = {
    .noun = "job",
    .verb = "requeue",
    .is_shortcut = true,
    .operands = "ID...",
    .summary = "end running jobs and run them again from the start",
    .examples = "drover requeue 12\ndrover requeue 12.3",
    .complete = "job",
    .options = options,
    .run = run_requeue,
};

const Command kSuspend = {
    .noun = "job",
    .verb = "suspend",
    .is_shortcut = true,
    .operands = "ID...",
    .summary = "stop running jobs where they are (operators)",
    .about =
        "Every process of the job stands still. It keeps its memory, GPUs and licences and gives "
        "its CPUs back; its time limit stops. Only `drover resume` lets it go on.",
    .examples = "drover suspend 12\ndrover suspend 12.[3,5-7]",
    .complete = "job",
    .options = options,
    .run = run_suspend,
};

const Command kResume = {
    .noun = "job",
    .verb = "resume",
    .is_shortcut = true,
    .operands = "ID...",
    .summary = "let suspended jobs go on (operators)",
    .about = "A job goes on as soon as the CPUs that it had are free.",
    .examples = "drover resume 12\ndrover resume all --user ann --yes",
    .complete = "job",
    .options = options,
    .run = run_resume,
};

}  // namespace drover::cli
