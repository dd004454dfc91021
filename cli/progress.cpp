// cli/progress.cpp - `drover progress`: one bar over many tasks.
// SPDX-License-Identifier: Apache-2.0
#include "base/counted_words.hpp"
#include "cli/command.hpp"
#include "cli/job_view.hpp"
#include "cli/status_line.hpp"
#include "cli/waiting.hpp"

namespace drover::cli {
namespace {

struct Counts {
  std::int64_t total = 0, active = 0, succeeded = 0, bad = 0, open_jobs = 0, jobs = 0;
  int worst = 0;
  std::int64_t done() const { return succeeded + bad; }
};

Counts count(const std::vector<Json>& jobs) {
  Counts counts;
  for (const Json& job : jobs) {
    ++counts.jobs;
    counts.total += number_of(job, "tasks.total");
    counts.active += number_of(job, "tasks.active");
    counts.succeeded += number_of(job, "tasks.succeeded");
    counts.bad += number_of(job, "tasks.failed") + number_of(job, "tasks.cancelled") +
                  number_of(job, "tasks.timed_out");
    if (is_final(text_of(job, "state")))
      counts.worst = std::max(counts.worst, exit_status(job));
    else
      ++counts.open_jobs;
  }
  return counts;
}

std::string line_of(const Counts& counts, double rate) {
  const double part = counts.total > 0 ? double(counts.done()) / double(counts.total) : 0;
  std::string text = bar(part, 24) + " " + std::to_string(int(part * 100)) + " %  " +
                     std::to_string(counts.done()) + "/" +
                     counted(std::int64_t(counts.total), "task") + ", " +
                     std::to_string(counts.active) + " running";
  if (counts.bad > 0) text += ", " + std::to_string(counts.bad) + " not succeeded";
  if (rate > 0) {
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, ", %.1f/s", rate);
    text += buffer;
    if (counts.done() < counts.total)
      text +=
          ", about " + show_short_seconds(double(counts.total - counts.done()) / rate) + " left";
  }
  return text;
}

Result<int> run_progress(Context& context) {
  Result<Selector> selector = parse_selector(context.arguments().words);
  if (!selector) return fail(selector.error());
  const Result<bool> resolved = resolve_last(context, *selector);
  if (!resolved) return fail(resolved.error());
  for (const Selector::Element& element : selector->elements)
    selector->ranges.push_back({element.job, element.job});
  Query query;
  if (selector->all) {
    query = {{"user", context.current_user()}, {"state", "open"}};
    const Result<std::vector<Json>> open = fetch_jobs(context, query, 100'000);
    if (!open) return fail(open.error());
    for (const Json& job : *open) {
      const auto id = std::uint64_t(number_of(job, "id"));
      selector->ranges.push_back({id, id});
    }
    if (selector->ranges.empty()) {
      context.note("no open jobs");
      return kOk;
    }
  }
  query = {{"ids", to_text(selector->ranges)}};
  StatusLine status(context.globals().quiet, context.color_err());
  const std::int64_t begin = monotonic_us();
  std::int64_t done_at_begin = -1, last_tenth = -1, last_print = 0;
  for (;;) {
    const Result<std::vector<Json>> jobs =
        fetch_jobs(context, query, std::size_t(kMaxSelectedJobs));
    if (!jobs) return fail(jobs.error());
    if (jobs->empty()) return fail(Errc::NotFound, "no such job", "", "id");
    const Counts counts = count(*jobs);
    if (done_at_begin < 0) done_at_begin = counts.done();
    const double seconds = double(monotonic_us() - begin) / 1e6;
    const double rate = seconds > 0.5 ? double(counts.done() - done_at_begin) / seconds : 0;
    const std::int64_t tenth = counts.total > 0 ? counts.done() * 10 / counts.total : 0;
    // Without a terminal a line per 10 % or 30 s is enough.
    const bool is_due = tenth != last_tenth || monotonic_us() - last_print > 30'000'000;
    if (status.is_live() || is_due || counts.open_jobs == 0) {
      status.show(line_of(counts, rate));
      last_tenth = tenth;
      last_print = monotonic_us();
    }
    if (counts.open_jobs == 0) {
      status.clear();
      if (status.is_live()) context.note(line_of(counts, rate));
      return counts.worst;
    }
    if (counts.jobs == 1) {
      const Result<ApiClient*> api = context.api();
      const Result<Json> polled = poll_job(**api, std::uint64_t(number_of(jobs->front(), "id")), 1);
      if (!polled) return fail(polled.error());
    } else {
      sleep_ms(jobs->size() > 1000 ? 2000 : 500);
    }
  }
}

}  // namespace

const Command kProgress = {
    .noun = "job",
    .verb = "progress",
    .is_shortcut = true,
    .operands = "ID...",
    .summary = "show one progress bar for jobs until they have ended",
    .examples = "drover progress last\ndrover progress 12-40\ndrover progress all",
    .complete = "job",
    .run = run_progress,
};

}  // namespace drover::cli
