// cli/dag_run.cpp - `drover dag run`: submit a workflow and follow it.
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "base/units.hpp"
#include "cli/bundle.hpp"
#include "cli/command.hpp"
#include "cli/workflow_view.hpp"

namespace drover::cli {
namespace {

constexpr Option kOptions[] = {
    {"param", 'p', Takes::Value, "NAME=VALUE", "a parameter of the workflow; may be repeated"},
    {"detach", 'd', Takes::Nothing, "", "print the id and do not wait for the end"},
    {"test-only", 0, Takes::Nothing, "", "check document and jobs, and submit nothing"},
    {"resume-from", 0, Takes::Value, "ID",
     "what has succeeded in that workflow and is unchanged does not run again"},
    {"no-fuse", 0, Takes::Nothing, "", "no chains of steps in one job"},
    {"no-critical-path", 0, Takes::Nothing, "", "start in the document's order"},
    {"no-prune", 0, Takes::Nothing, "", "keep steps that can never run in the plan"},
    {"no-drop-implied", 0, Takes::Nothing, "", "keep edges of the plan that others imply"},
    {"group", 0, Takes::Nothing, "", "equal steps that start together are one array"},
    {"no-group", 0, Takes::Nothing, "",
     "each step has a job of its own, whatever the document says"},
    {"key", 0, Takes::Value, "TEXT", "idempotency key: a retry with it is the same workflow"},
};
OptionTable options() { return kOptions; }

Json body_of(const WorkflowFiles& files) {
  const dag::Bundle& bundle = files.bundle;
  Json body{{"document", bundle.text}, {"origin", bundle.origin}};
  // Steps find the same programs as whoever submits them.
  body["defaults"] = {{"cwd", files.directory}};
  if (const char* path = std::getenv("PATH")) body["defaults"]["env"]["PATH"] = path;
  for (const auto& [name, text] : bundle.files) body["files"][name] = text;
  for (const auto& [name, value] : bundle.params) body["params"][name] = value;
  for (const auto& [pattern, found] : bundle.globs) body["globs"][pattern] = found;
  return body;
}

// A second submission under the same key is the first one's workflow.
Result<Json> send(ApiClient& api, const Json& body, const std::string& key) {
  if (key.empty()) return api.submit("/api/v1/workflows", body);
  net::HttpClient::Call call;
  call.method = "POST";
  call.target = "/api/v1/workflows";
  call.headers.emplace_back("Idempotency-Key", key);
  call.body = to_text(body);
  const Result<net::ClientResponse> response = api.call(call);
  if (!response) return fail(response.error());
  return parse_json(response->body, "the answer");
}

Result<int> run_dag(Context& context) {
  const Arguments& arguments = context.arguments();
  const Result<std::string> path = context.word(0, "the workflow's document");
  if (!path) return fail(path.error());
  const Result<bool> words = context.at_most_words(1);
  if (!words) return fail(words.error());
  auto params = read_params(param_words(arguments));
  if (!params) return fail(params.error());
  const auto files = read_bundle(*path, *std::move(params));
  if (!files) return fail(files.error());
  Json body = body_of(*files);
  if (arguments.has("no-fuse")) body["rules"]["fuse"] = false;
  if (arguments.has("no-prune")) body["rules"]["prune"] = false;
  if (arguments.has("no-critical-path")) body["rules"]["critical_path"] = false;
  if (arguments.has("no-drop-implied")) body["rules"]["drop_implied"] = false;
  if (arguments.has("group")) body["rules"]["group"] = true;
  if (arguments.has("no-group")) body["rules"]["group"] = false;
  if (arguments.has("resume-from")) {
    const auto id = workflow_id(context, arguments.text("resume-from"));
    if (!id) return fail(id.error());
    body["resumes"] = *id;
  }
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  if (arguments.has("test-only")) {
    const Result<Json> answer = (*api)->post("/api/v1/workflows?test_only=1", body);
    if (!answer) return fail(answer.error());
    context.out("the workflow is right: " + text_of(*answer, "steps") + " parts\n");
    return kOk;
  }
  const Result<Json> answer = send(**api, body, arguments.text("key"));
  if (!answer) return fail(answer.error());
  const auto id = std::uint64_t(number_of(*answer, "id"));
  if (context.globals().json())
    context.out(to_text(*answer) + "\n");
  else if (arguments.has("detach"))
    context.out(std::to_string(id) + "\n");
  else
    context.note("workflow " + std::to_string(id));
  if (arguments.has("detach")) return kOk;
  const Result<int> status = watch_workflow(context, id);
  if (!status) return fail(status.error());
  if (*status == 1)
    context.note("what the first failed step wrote: drover dag log " + std::to_string(id));
  return status;
}

}  // namespace

const Command kDagRun = {
    .noun = "dag",
    .verb = "run",
    .operands = "FILE",
    .summary = "submit a workflow and follow it to its end",
    .about =
        "Reads the document (TOML or JSON, `-` for standard input) with the scripts, sub-workflows "
        "and files that it names, checks all of it, and submits it as one durable object. On a "
        "terminal the tree of steps is drawn while it runs; Ctrl-C leaves the workflow running "
        "(drover dag watch ID takes it up again, drover dag cancel ID ends it). Exit status: 0 "
        "when it has succeeded, 1 when it has failed, 143 when it was cancelled. The language is "
        "in docs/workflows.md.",
    .examples =
        "drover dag run flow.toml\n"
        "drover dag run flow.toml -p sample=s7 -p threads=4\n"
        "id=$(drover dag run -d flow.toml); drover dag wait $id\n"
        "drover dag run flow.toml --resume-from last",
    .complete = "file",
    .options = options,
    .run = run_dag,
};

}  // namespace drover::cli
