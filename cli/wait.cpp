// cli/wait.cpp - `drover wait`: until jobs have ended, with their exit status.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/units.hpp"
#include "cli/command.hpp"
#include "cli/job_view.hpp"
#include "cli/waiting.hpp"

namespace drover::cli {
namespace {

constexpr Option kOptions[] = {
    {"timeout", 0, Takes::Value, "TIME", "give up after so long (exit 124): 90s, 5m"},
    {"any", 0, Takes::Nothing, "", "until one of them has ended"},
    {"exit-zero", 0, Takes::Nothing, "", "exit 0 also when jobs failed"},
};
OptionTable options() { return kOptions; }

constexpr int kTimeIsUp = -1;  // no job ends with this

Result<std::vector<std::uint64_t>> ids_of(Context& context, Selector& selector) {
  const Result<bool> resolved = resolve_last(context, selector);
  if (!resolved) return fail(resolved.error());
  std::vector<std::uint64_t> ids;
  if (selector.all) {
    const Result<std::vector<Json>> jobs =
        fetch_jobs(context, {{"user", context.current_user()}, {"state", "open"}},
                   std::size_t(kMaxSelectedJobs));
    if (!jobs) return fail(jobs.error());
    for (const Json& job : *jobs) ids.push_back(std::uint64_t(number_of(job, "id")));
  }
  for (const JobRange& range : selector.ranges)
    for (std::uint64_t id = range.first; id <= range.last; ++id) ids.push_back(id);
  return ids;
}

// One poll; the exit status when the job is final.
Result<std::optional<int>> look(Context& context, ApiClient& api, std::uint64_t id, int seconds,
                                std::int64_t deadline) {
  const Result<Json> job = poll_job(api, id, seconds, deadline);
  if (!job) return fail(job.error());
  const std::string state = text_of(*job, "state");
  if (!is_final(state)) return std::optional<int>{};
  if (context.globals().json()) {
    context.out(
        to_text(Json{{"v", 1}, {"id", id}, {"state", state}, {"status", exit_status(*job)}}) +
        '\n');
  } else if (context.globals().verbosity > 0) {
    context.note("job " + std::to_string(id) + " " + state);
  }
  return std::optional<int>(exit_status(*job));
}

Result<int> wait_for_ids(Context& context, std::vector<std::uint64_t> ids, std::int64_t deadline) {
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const bool any = context.arguments().has("any");
  int worst = 0;
  while (!ids.empty()) {
    // One job at a time with a long poll; for --any a short look at each in turn.
    const bool in_turn = any && ids.size() > 1;
    for (std::size_t i = 0; i < ids.size();) {
      const std::int64_t left_s =
          std::min<std::int64_t>((deadline - monotonic_us()) / 1'000'000, 20);
      if (left_s < 0 || (deadline != kNever && monotonic_us() >= deadline)) return kTimeIsUp;
      const int poll_s = in_turn ? 0 : int(std::max<std::int64_t>(left_s, 1));
      const Result<std::optional<int>> status = look(context, **api, ids[i], poll_s, deadline);
      if (!status) return fail(status.error());
      if (!*status) {
        i += in_turn ? 1 : 0;
        continue;
      }
      worst = std::max(worst, **status);
      if (any) return worst;
      ids.erase(ids.begin() + std::ptrdiff_t(i));
    }
    if (in_turn) sleep_ms(250);
  }
  return worst;
}

Result<int> wait_for(Context& context, Selector& selector, std::int64_t deadline) {
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  if (const auto there = await_server(context, **api, deadline); !there) return fail(there.error());
  Result<std::vector<std::uint64_t>> ids = ids_of(context, selector);
  if (!ids) return fail(ids.error());
  std::sort(ids->begin(), ids->end());
  return wait_for_ids(context, std::move(*ids), deadline);
}

int time_is_up(const Context& context) {
  context.note("still running when the time was up");
  return kTimeout;
}

Result<int> run_wait(Context& context) {
  Result<Selector> selector = parse_selector(context.arguments().words);
  if (!selector) return fail(selector.error());
  if (!selector->elements.empty()) {
    return fail(Errc::Unsupported, "waiting for single array elements is not supported yet",
                "wait for the whole job", "id");
  }
  std::int64_t deadline = kNever;
  if (context.arguments().has("timeout")) {
    const std::string text = context.arguments().text("timeout");
    const bool bare = text.find_first_not_of("0123456789") == std::string::npos;
    const Result<Duration> time = parse_time_limit(bare ? text + "s" : text);
    if (!time) return fail(time.error(), "--timeout");
    deadline = monotonic_us() + time->us;
  }
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  (*api)->set_deadline(deadline);
  const Result<int> status = wait_for(context, *selector, deadline);
  if (!status) {
    // A call is given up in whole milliseconds, perhaps just before the deadline.
    constexpr std::int64_t kRoundingUs = 5'000;
    if (deadline != kNever && monotonic_us() + kRoundingUs >= deadline) return time_is_up(context);
    // Between 1 and 124 stands a job's own status: trouble of ours must not look like one.
    const bool is_ours =
        status.error().code == Errc::Unavailable || status.error().code == Errc::Io;
    if (!is_ours) return fail(status.error());
    std::fputs(format_error(status.error(), context.details(), context.globals().json(),
                            context.color_err())
                   .c_str(),
               stderr);
    return int(kInfrastructure);
  }
  if (*status == kTimeIsUp) return time_is_up(context);
  return context.arguments().has("exit-zero") ? int(kOk) : *status;
}

}  // namespace

const Command kWait = {
    .noun = "job",
    .verb = "wait",
    .is_shortcut = true,
    .operands = "ID...",
    .summary = "wait until jobs have ended; exit with the largest exit status",
    .about =
        "Exit status: 0 when all succeeded; else the largest of the jobs' own (128 + signal, 143 "
        "for a "
        "timed out job); 124 when --timeout was up first; 125 when the server is lost.",
    .examples = "drover wait 12\ndrover wait 12-20 --timeout 1h\ndrover wait --any 12 13",
    .complete = "job",
    .options = options,
    .run = run_wait,
};

}  // namespace drover::cli
