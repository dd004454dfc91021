// cli/submit.cpp - `drover submit`: a script, a command, a spec file or many.
// SPDX-License-Identifier: Apache-2.0
#include "cli/bulk.hpp"
#include "cli/command.hpp"
#include "cli/items.hpp"
#include "cli/job_view.hpp"
#include "cli/prospect_view.hpp"
#include "cli/submission.hpp"
#include "cli/submit_options.hpp"
#include "cli/waiting.hpp"

namespace drover::cli {
Result<int> test_only(Context& context, ApiClient& api, const Submission& submission) {
  const Result<Json> answer = api.post("/api/v1/jobs?test_only=1", submission.spec);
  if (!answer) return fail(answer.error());
  const Json& would = member(*answer, "would_run");
  const bool runs = would.is_boolean() && would.get<bool>();
  if (context.globals().json()) {
    context.out(to_text(*answer) + '\n');
  } else {
    const std::string text = text_of(*answer, "text"), hint = text_of(*answer, "hint");
    context.out(clean_line(text.empty() ? (runs ? "would run" : "would not run") : text) + '\n');
    show_prospect(context, *answer);
    if (!hint.empty()) context.note("  hint: " + hint);
  }
  return runs ? kOk : kWouldNotRun;
}

namespace {

bool is_line_file(const std::string& path) {
  return path == "-" || path.ends_with(".jsonl") || path.ends_with(".ndjson");
}

// A job that waits for what can no longer happen is accepted, and over before anybody looks at it.
void note_if_never(Context& context, ApiClient& api, const std::string& id) {
  const Result<Json> answer = api.read("/api/v1/jobs/" + id);
  const Json job = answer ? member(*answer, "job") : Json();
  if (text_of(job, "reason") != "dependency_never") return;
  const std::string detail = clean_line(text_of(job, "detail"));
  context.note("note: job " + id +
               (text_of(job, "state") == "cancelled" ? " is cancelled" : " can never start") +
               (detail.empty() ? "" : ": " + detail));
}

Result<int> run_submit(Context& context) {
  const Arguments& arguments = context.arguments();
  const bool is_many = arguments.has("file") && is_line_file(arguments.text("file"));
  for (const Given& given : arguments.options)
    if (given.component > 0 && arguments.has("file"))
      return fail(Errc::BadInput, "the components of a job stand in its file",
                  "as \"components\":[{\"nodes\":2}, ...]", "components");
  if (is_many && has_items(context))
    return fail(Errc::BadInput, "many specs and entries for one array exclude each other",
                "give one of them", "file");
  for (const char* single : {"test-only", "wait"})
    if (is_many && arguments.has(single))
      return fail(Errc::BadInput, "--" + std::string(single) + " is for one job, not for many",
                  "leave it out; drover wait waits for many: drover wait 1-100", single);
  if (is_many) return submit_file_lines(context, arguments.text("file"));
  const Result<Submission> submission = read_submission(context);
  if (!submission) return fail(submission.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  if (arguments.has("test-only")) return test_only(context, **api, *submission);

  const Result<Json> answer = (*api)->submit("/api/v1/jobs", submission->spec);
  if (!answer) return fail(answer.error());
  const std::string id = text_of(*answer, "id");
  if (context.globals().json()) {
    context.out(to_text(*answer) + '\n');
  } else if (arguments.has("parsable")) {
    context.out(id + '\n');
  } else if (!arguments.has("quiet")) {
    context.out("submitted job " + id + '\n');
    if (submission->spec.contains("dependency")) note_if_never(context, **api, id);
  }
  if (!submission->wait) return kOk;
  std::fflush(stdout);
  return wait_for_job(context, std::uint64_t(number_of(*answer, "id")));
}

}  // namespace

const Command kSubmit = {
    .noun = "job",
    .verb = "submit",
    .is_shortcut = true,
    .operands = "SCRIPT [ARG...] | -- COMMAND [ARG...] | -f FILE",
    .summary = "submit a script, a command, or specs from a file",
    .about =
        "Options come from the script's #SBATCH and #DROVER lines, then from the environment "
        "(DROVER_SUBMIT_TIME, SBATCH_TIMELIMIT, ...: the option in upper case), then from the "
        "command "
        "line; the later one wins. Options behind SCRIPT belong to the script.\n"
        "Here -o/--output is the job's output file, as with sbatch; --json prints the answer as "
        "JSON.\n"
        "The job is safe on disk when its id is printed. Without -o its output goes to "
        "drover-ID.out in its working directory; see it with: drover log ID.\n"
        "A lone : between options parts the job into components, as do lines #SBATCH hetjob and "
        "#DROVER hetjob: each has nodes of its own and says what it needs of them, all start at "
        "once, and the script runs on the first.",
    .examples =
        "drover submit script.sh arg1 arg2\n"
        "drover submit -c 4 --mem 2G -t 30m -- make -j4\n"
        "drover submit --array 1-100%10 script.sh\n"
        "drover submit -f jobs.jsonl\n"
        "drover submit --each-line files.txt --throttle 8 -- gzip {}\n"
        "drover submit --each-json cases.json -- ./simulate '${item}' run-'${index}'.out\n"
        "drover submit --retry 3 --retry-delay 30s --retry-backoff 2 --retry-on exit:75,oom "
        "job.sh\n"
        "drover submit --array 0-99 -d aftercorr:12 second-stage.sh\n"
        "drover submit -t 1h --ntasks=1 --mem=8G : --nodes=2 --gpus-per-node=1 job.sh\n"
        "id=$(drover submit --parsable script.sh)",
    .complete = "file",
    .stop_at_word = true,
    .has_components = true,
    .options = job_options,
    .more_options = submit_options,
    .run = run_submit,
};

}  // namespace drover::cli
