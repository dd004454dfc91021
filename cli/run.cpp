// cli/run.cpp - `drover run`: submit, follow, account, and exit as the job did.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cstdio>
#include <thread>

#include "base/units.hpp"
#include "cli/command.hpp"
#include "cli/interrupt.hpp"
#include "cli/job_view.hpp"
#include "cli/log_stream.hpp"
#include "cli/status_line.hpp"
#include "cli/submission.hpp"
#include "cli/submit_options.hpp"
#include "cli/waiting.hpp"

namespace drover::cli {
namespace {

// "job 12 pending: ..." / "job 12 running on n1, cores 0-3, 12 s".
std::string describe(const Json& job, double running_s) {
  const std::string state = text_of(job, "state");
  std::string text = "job " + text_of(job, "id") + " ";
  if (state == "running") {
    const std::string node = text_of(job, "task.node");
    const std::string cores = cpu_list(member(job, "task.cpus"));
    text += "running";
    if (!node.empty()) text += " on " + node;
    if (!cores.empty()) text += ", cores " + cores;
    if (running_s >= 1) text += ", " + show_short_seconds(running_s);
    return text;
  }
  if (state == "inited" || state == "scheduled" || state == "held") {
    const std::string why = text_of(job, "why.text");
    return text + (state == "held" ? "held" : "pending") + (why.empty() ? "" : ": " + why);
  }
  return text + state;
}

std::string describe_array(const Json& job) {
  const std::int64_t total = number_of(job, "tasks.total");
  const std::int64_t bad = number_of(job, "tasks.failed") + number_of(job, "tasks.timed_out") +
                           number_of(job, "tasks.cancelled");
  const std::int64_t done = number_of(job, "tasks.succeeded") + bad;
  std::string text = "job " + text_of(job, "id") + " " +
                     bar(total > 0 ? double(done) / double(total) : 0, 20) + " " +
                     std::to_string(done) + "/" + std::to_string(total) + ", " +
                     text_of(job, "tasks.active") + " running";
  if (bad > 0) text += ", " + std::to_string(bad) + " not succeeded";
  return text;
}

// The last lines on stderr: what it took.
void print_account(const Context& context, const Json& job) {
  if (context.globals().quiet || context.arguments().has("quiet")) return;
  const Json& task = member(job, "task");
  const std::string state = text_of(job, "state");
  std::string head =
      "job " + text_of(job, "id") + " " + paint(state, state_color(state), context.color_err());
  const std::string reason = job_reason(job);
  if (state != "succeeded" && !reason.empty()) head += " (" + clean_line(reason) + ")";
  const std::int64_t signal = number_of(task, "signal");
  const std::string code = text_of(job, "exit_code");
  if (signal > 0) head += ", signal " + std::to_string(signal);
  if (signal <= 0 && !code.empty()) head += ", exit code " + code;
  std::string line = "waited " + show_short_seconds(real_of(job, "wait_s")) + ", ran " +
                     show_short_seconds(real_of(job, "run_s"));
  if (task.is_object()) {
    char cpu[64];
    std::snprintf(cpu, sizeof cpu, "%.2f s", real_of(task, "user_s") + real_of(task, "system_s"));
    line += std::string(", CPU time ") + cpu;
    const double rss_kib = real_of(task, "max_rss_kib");
    if (rss_kib > 0) {
      char rss[64];
      std::snprintf(rss, sizeof rss, "%.1f MiB", rss_kib / 1024);
      line += std::string(", peak memory ") + rss;
    }
    if (!text_of(task, "node").empty()) line += ", node " + clean_line(text_of(task, "node"));
    const std::string cores = cpu_list(member(task, "cpus"));
    if (!cores.empty()) line += ", cores " + cores;
  } else {
    line += ", " + text_of(job, "tasks.succeeded") + " of " + text_of(job, "tasks.total") +
            " tasks succeeded";
  }
  std::fprintf(stderr, "%s\n  %s\n", head.c_str(), line.c_str());
}

// Follows one stream in a thread of its own, over a connection of its own.
class Follower {
 public:
  Follower(const Context& context, std::uint64_t job, bool is_stderr, StatusLine& status) {
    Result<std::unique_ptr<ApiClient>> api = context.new_api();
    if (!api) return;
    thread_ = std::thread([this, job, is_stderr, &status, client = std::move(*api)] {
      const int fd = is_stderr ? 2 : 1;
      const bool filtered = is_terminal(fd);
      EscapeFilter filter;
      LogRequest request{job, std::nullopt, is_stderr, true, std::nullopt};
      const auto read = read_log(*client, request, [&](std::string_view bytes) {
        return status.pass(fd, filtered ? filter.pass(bytes) : std::string(bytes));
      });
      if (!read) failure_ = read.error().message;
      done_ = true;
    });
  }
  ~Follower() { join(); }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  void join() {
    if (thread_.joinable()) thread_.join();
  }
  const std::string& failure() const { return failure_; }  // after join()

 private:
  std::thread thread_;
  std::atomic<bool> done_{false};
  std::string failure_;
};

Result<Json> show(ApiClient& api, std::uint64_t id) {
  const Result<Json> answer = api.read("/api/v1/jobs/" + std::to_string(id));
  if (!answer) return fail(answer.error());
  return job_of(*answer);
}

// Draws the status until the job is final; the final job object.
Result<Json> watch(ApiClient& api, std::uint64_t id, bool is_array, StatusLine& status) {
  std::int64_t running_since = 0;
  Json cores;  // an ended task holds none any more: the account tells which it had
  for (int round = 0;; ++round) {
    Result<Json> job = show(api, id);
    const Errc code = job ? Errc::Io : job.error().code;
    if (!job && code != Errc::Io && code != Errc::Unavailable) return fail(job.error());
    if (job) {
      const std::string state = text_of(*job, "state");
      if (!cpu_list(member(*job, "task.cpus")).empty()) cores = member(*job, "task.cpus");
      if (is_final(state)) {
        if (!cores.is_null() && member(*job, "task").is_object()) (*job)["task"]["cpus"] = cores;
        return job;
      }
      if (state == "running" && running_since == 0) running_since = monotonic_us();
      const double ran = running_since > 0 ? double(monotonic_us() - running_since) / 1e6 : 0;
      const std::string text =
          is_array ? describe_array(*job) : describe(*job, status.is_live() ? ran : 0);
      // Between placement and start there is nothing to explain: keep the reason that was shown.
      if (round == 0 || !text.ends_with(" pending")) status.show(text);
    }
    // At first short looks, so that the line follows a quick job; then long polls that wake at the
    // end.
    if (job && round < 5) {
      sleep_ms(20L << round);
      continue;
    }
    const Result<Json> polled = poll_job(api, id, 1);
    if (!polled) return fail(polled.error());
  }
}

bool has_own_stderr(const Json& spec) {
  const std::string err = text_of(spec, "err");
  return !err.empty() && err != text_of(spec, "out");
}

Result<int> follow(Context& context, const Submission& submission, std::uint64_t id) {
  const std::string shown = std::to_string(id);
  // Shared with the watcher's thread, which may outlive this call by a moment.
  const auto shared = std::make_shared<StatusLine>(
      context.globals().quiet || context.arguments().has("quiet"), context.color_err());
  StatusLine& status = *shared;
  Result<std::unique_ptr<ApiClient>> made = context.new_api();
  if (!made) return fail(made.error());
  const std::shared_ptr<ApiClient> second = std::move(*made);
  const InterruptWatch watcher(
      [shared, shown] {
        shared->close();
        std::fprintf(stderr,
                     "\ndetached: job %s goes on. Come back: drover log -f %s; end it: drover "
                     "cancel %s (or Ctrl-C again within 2 s)\n",
                     shown.c_str(), shown.c_str(), shown.c_str());
      },
      [second, shown] {
        const Result<Json> cancelled =
            second->post("/api/v1/jobs/" + shown + "/cancel", Json::object());
        std::fprintf(stderr, cancelled ? "job %s cancelled\n" : "job %s could not be cancelled\n",
                     shown.c_str());
      });
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  std::unique_ptr<Follower> out, err;
  if (!submission.is_array) {
    out = std::make_unique<Follower>(context, id, false, status);
    if (has_own_stderr(submission.spec))
      err = std::make_unique<Follower>(context, id, true, status);
  }
  const Result<Json> job = watch(**api, id, submission.is_array, status);
  for (const auto& follower : {out.get(), err.get()}) {
    if (follower == nullptr) continue;
    follower->join();
    status.clear();
    if (!follower->failure().empty()) context.warn("output: " + follower->failure());
  }
  status.clear();
  if (!job) return fail(job.error(), "following job " + shown);
  print_account(context, *job);
  return exit_status(*job);
}

Result<int> run_run(Context& context) {
  const std::string file = context.arguments().text("file");
  if (file == "-" || file.ends_with(".jsonl")) {
    return fail(Errc::BadInput, "run follows one job",
                "for many use drover submit, then drover progress");
  }
  const Result<Submission> submission = read_submission(context);
  if (!submission) return fail(submission.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  if (context.arguments().has("test-only")) return test_only(context, **api, *submission);
  const Result<Json> answer = (*api)->submit("/api/v1/jobs", submission->spec);
  if (!answer) return fail(answer.error());
  const Result<int> code = follow(context, *submission, std::uint64_t(number_of(*answer, "id")));
  if (code) return code;
  // The job may well be running: say what is known, and use a status no job of ours can mean.
  std::fputs(
      format_error(code.error(), context.details(), context.globals().json(), context.color_err())
          .c_str(),
      stderr);
  return int(kInfrastructure);
}

}  // namespace

const Command kRun = {
    .noun = "job",
    .verb = "run",
    .is_shortcut = true,
    .operands = "SCRIPT [ARG...] | -- COMMAND [ARG...]",
    .summary = "submit a job, follow its output and exit with its status",
    .about =
        "Takes what `drover submit` takes. Progress and the closing account go to stderr, the "
        "job's "
        "output to stdout. Ctrl-C detaches and the job goes on; Ctrl-C twice within 2 s cancels "
        "it.\n"
        "Exit status: the job's own (128 + signal; 143 timed out; 125 when the server was lost).",
    .examples =
        "drover run -- echo hello\ndrover run script.sh arg\ndrover run -c 2 --mem 1G -- make test",
    .complete = "file",
    .stop_at_word = true,
    .has_components = true,
    .options = job_options,
    .more_options = submit_options,
    .run = run_run,
};

}  // namespace drover::cli
