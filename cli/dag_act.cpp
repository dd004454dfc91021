// cli/dag_act.cpp - `drover dag cancel|pause|resume|retry|add|set`: acting on workflows.
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>

#include "base/units.hpp"
#include "cli/command.hpp"
#include "cli/job_view.hpp"
#include "cli/workflow_view.hpp"

namespace drover::cli {
namespace {

constexpr Option kRetryOptions[] = {
    {"watch", 'w', Takes::Nothing, "", "follow it to its end"},
};
OptionTable retry_options() { return kRetryOptions; }

constexpr Option kSetOptions[] = {
    {"workflow", 0, Takes::Value, "ID", "the workflow (default: $DROVER_WORKFLOW_ID)"},
    {"step", 0, Takes::Value, "NAME", "its step (default: $DROVER_STEP)"},
    {"lines", 0, Takes::Value, "NAME=FILE", "the lines of a file as a list; `-`: standard input"},
};
OptionTable set_options() { return kSetOptions; }

constexpr Option kAddOptions[] = {
    {"workflow", 0, Takes::Value, "ID", "the workflow (default: $DROVER_WORKFLOW_ID)"},
};
OptionTable add_options() { return kAddOptions; }

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

Result<Json> post(Context& context, std::uint64_t id, const std::string& verb, const Json& body) {
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  return (*api)->post("/api/v1/workflows/" + std::to_string(id) + "/" + verb, body);
}

Result<std::uint64_t> id_of(Context& context) {
  const Result<std::string> word = context.word(0, "the workflow's id");
  if (!word) return fail(word.error());
  return workflow_id(context, *word);
}

Result<int> act(Context& context, const std::string& verb, const std::string& done) {
  const auto id = id_of(context);
  if (!id) return fail(id.error());
  const Result<bool> words = context.at_most_words(1);
  if (!words) return fail(words.error());
  const Result<Json> answer = post(context, *id, verb, Json::object());
  if (!answer) return fail(answer.error());
  context.note("workflow " + std::to_string(*id) + " " + done);
  return kOk;
}

Result<int> run_pause(Context& context) {
  return act(context, "pause", "is paused: what runs goes on, nothing else starts");
}
Result<int> run_resume(Context& context) { return act(context, "resume", "goes on"); }

Result<int> run_cancel(Context& context) {
  const auto id = id_of(context);
  if (!id) return fail(id.error());
  const Result<bool> words = context.at_most_words(2);
  if (!words) return fail(words.error());
  Json body = Json::object();
  if (context.arguments().words.size() > 1) body["step"] = context.arguments().words[1];
  const Result<Json> answer = post(context, *id, "cancel", body);
  if (!answer) return fail(answer.error());
  context.note(body.empty() ? "workflow " + std::to_string(*id) + " is being cancelled"
                            : "step " + context.arguments().words[1] +
                                  " is being cancelled; what needs it is skipped");
  return kOk;
}

Result<int> run_retry(Context& context) {
  const Result<int> done = act(context, "retry", "runs again what has not succeeded");
  if (!done || !context.arguments().has("watch")) return done;
  const auto id = id_of(context);
  if (!id) return fail(id.error());
  return watch_workflow(context, *id);
}

Result<std::string> text_from(const std::string& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Errc::NotFound, "cannot read " + path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<std::uint64_t> own_workflow(Context& context) {
  const std::string word = context.arguments().text("workflow", environment("DROVER_WORKFLOW_ID"));
  if (word.empty())
    return fail(Errc::BadInput, "no workflow is named",
                "inside a step $DROVER_WORKFLOW_ID does; elsewhere --workflow ID", "workflow");
  return workflow_id(context, word);
}

Result<int> run_set(Context& context) {
  const auto id = own_workflow(context);
  if (!id) return fail(id.error());
  Json body{{"step", context.arguments().text("step", environment("DROVER_STEP"))}};
  const std::string element = environment("SLURM_ARRAY_TASK_ID");
  if (!element.empty()) {
    const auto index = parse_integer(element, 0, 0xFFFFFFFF, "SLURM_ARRAY_TASK_ID");
    if (index) body["index"] = *index;
  }
  Json& values = body["values"] = Json::object();
  const auto split = [](const std::string& word) -> Result<std::pair<std::string, std::string>> {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(Errc::BadInput, "'" + word + "' is no NAME=VALUE");
    return std::pair(word.substr(0, equals), word.substr(equals + 1));
  };
  for (const std::string& word : context.arguments().words) {
    const auto pair = split(word);
    if (!pair) return fail(pair.error());
    values[pair->first] = pair->second;
  }
  for (const std::string& word : context.arguments().all("lines")) {
    const auto pair = split(word);
    if (!pair) return fail(pair.error());
    const auto text = text_from(pair->second);
    if (!text) return fail(text.error());
    Json list = Json::array();
    for (const std::string& line : split_list(*text, '\n')) list.push_back(line);
    values[pair->first] = to_text(list);
  }
  if (values.empty())
    return fail(Errc::BadInput, "nothing is set", "drover dag set n=3 file=out/a.csv");
  const Result<Json> answer = post(context, *id, "values", body);
  if (!answer) return fail(answer.error());
  return kOk;
}

Result<int> run_add(Context& context) {
  const auto id = own_workflow(context);
  if (!id) return fail(id.error());
  const Result<std::string> path = context.word(0, "the document with the further steps");
  if (!path) return fail(path.error());
  const auto text = text_from(*path);
  if (!text) return fail(text.error());
  const Result<Json> answer = post(context, *id, "steps", Json{{"document", *text}});
  if (!answer) return fail(answer.error());
  context.note(text_of(*answer, "touched") + " steps added to workflow " + std::to_string(*id));
  return kOk;
}

}  // namespace

const Command kDagCancel = {
    .noun = "dag",
    .verb = "cancel",
    .operands = "ID [STEP]",
    .summary = "cancel a workflow, or one step and all that needs it",
    .about =
        "Final steps still run; a second cancel ends them too. Compensating steps of transactions "
        "run to their end.",
    .examples = "drover dag cancel 12\ndrover dag cancel 12 align",
    .run = run_cancel,
};

const Command kDagPause = {
    .noun = "dag",
    .verb = "pause",
    .operands = "ID",
    .summary = "start no further steps; what runs goes on",
    .examples = "drover dag pause 12",
    .run = run_pause,
};

const Command kDagResume = {
    .noun = "dag",
    .verb = "resume",
    .operands = "ID",
    .summary = "let a paused workflow go on",
    .examples = "drover dag resume 12",
    .run = run_resume,
};

const Command kDagRetry = {
    .noun = "dag",
    .verb = "retry",
    .operands = "ID",
    .summary = "run again what has not succeeded, and nothing else",
    .about =
        "What has succeeded stays as it is. Of a step with items, the elements that have not "
        "succeeded run again. For an edited document: drover dag run FILE --resume-from ID.",
    .examples = "drover dag retry 12 -w",
    .options = retry_options,
    .run = run_retry,
};

const Command kDagAdd = {
    .noun = "dag",
    .verb = "add",
    .operands = "FILE",
    .summary = "add steps to a workflow that runs, also from within one of its steps",
    .about = "The document has [[step]] tables only; their needs may name steps that are there.",
    .examples = "drover dag add more.toml --workflow 12\nmake-steps | drover dag add -",
    .complete = "file",
    .options = add_options,
    .run = run_add,
};

const Command kDagSet = {
    .noun = "dag",
    .verb = "set",
    .operands = "NAME=VALUE...",
    .summary = "from within a step: values for the steps that follow",
    .about =
        "Others read them as ${steps.STEP.values.NAME}. A list, as JSON or one item per line, may "
        "be what a foreach runs over. Returns when the values are durable.",
    .examples = "drover dag set count=3 best=out/a.csv\nls parts | drover dag set --lines parts=-",
    .options = set_options,
    .run = run_set,
};

}  // namespace drover::cli
