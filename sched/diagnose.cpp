// sched/diagnose.cpp - the thresholds, and the words.
// SPDX-License-Identifier: Apache-2.0
#include "sched/diagnose.hpp"

#include <algorithm>

#include "base/counted_words.hpp"
#include "base/units.hpp"

namespace drover::sched {
namespace {

constexpr Duration kSeenLeast = seconds(60);  // a job that reads its input for less is not idle
constexpr std::int64_t kIdlePercent = 5, kFewPercent = 50, kNearPercent = 90;
constexpr std::int64_t kSkewTimes = 3, kSkewEndedLeast = 5;
constexpr Duration kSkewAgeLeast = seconds(60);
constexpr std::int64_t kPollLateMs = 10'000, kPollSlowMs = 5'000;

// Of all its CPUs.
std::int64_t percent_used(const AttemptUse& attempt, std::int64_t cpus) {
  return attempt.cpu.us / std::max<std::int64_t>(1, attempt.seen.us / 100 * cpus);
}

// "0.42"
std::string cpus_used(const AttemptUse& attempt) {
  const std::int64_t hundredths = attempt.cpu.us / std::max<std::int64_t>(1, attempt.seen.us / 100);
  const std::string cents = std::to_string(100 + hundredths % 100);
  return std::to_string(hundredths / 100) + "." + cents.substr(1);
}

std::string whose(const JobUse& use, const AttemptUse& attempt) {
  if (use.is_statement) return "the statement";
  return use.is_array ? "element " + std::to_string(raw(attempt.task)) : "the job";
}

void advise_on_cpus(const JobUse& use, std::vector<Advice>& out) {
  if (use.cpus == 0) return;
  const AttemptUse* least = nullptr;
  for (const AttemptUse& attempt : use.attempts)
    if (attempt.seen >= kSeenLeast &&
        (least == nullptr || percent_used(attempt, use.cpus) < percent_used(*least, use.cpus)))
      least = &attempt;
  if (least == nullptr) return;
  const std::int64_t percent = percent_used(*least, use.cpus);
  const bool is_idle = percent < kIdlePercent;
  if (!is_idle && (percent >= kFewPercent || use.cpus < 2)) return;
  const std::string text = whose(use, *least) + " used " + cpus_used(*least) + " of " +
                           counted(use.cpus, "CPU") + " for the last " +
                           format_duration(least->seen);
  if (is_idle)
    out.push_back({AdviceKind::IdleCpu, least->task, text,
                   "does it wait for input, a lock or a server? Its log may tell: drover log"});
  else
    out.push_back({AdviceKind::FewCpus, least->task, text,
                   use.is_statement
                       ? "let the code use more threads, or open a session with fewer CPUs"
                       : "ask for fewer CPUs (-c), or let the program use more threads"});
}

void advise_on_memory(const JobUse& use, std::vector<Advice>& out) {
  const auto most = std::ranges::max_element(use.attempts, {}, &AttemptUse::rss_kib);
  if (use.mem_limit_mib == 0 || most == use.attempts.end()) return;
  const std::int64_t used_mib = most->rss_kib / 1024;
  if (used_mib * 100 < use.mem_limit_mib * kNearPercent) return;
  const std::string who = use.is_statement ? "the engine" : whose(use, *most);
  out.push_back({AdviceKind::MemoryNear, most->task,
                 who + " uses " + format_memory_mib(used_mib) + " of its " +
                     format_memory_mib(use.mem_limit_mib) + ": beyond that it is killed",
                 use.is_statement
                     ? "keep less in memory, or open a session with more: drover session new --mem"
                     : "ask for more memory the next time (--mem)"});
}

void advise_on_skew(const JobUse& use, std::vector<Advice>& out) {
  const auto oldest = std::ranges::max_element(use.attempts, {}, &AttemptUse::age);
  if (use.ended < kSkewEndedLeast || oldest == use.attempts.end()) return;
  const Duration mean{use.ended_run.us / use.ended};
  if (oldest->age < kSkewAgeLeast || oldest->age.us < mean.us * kSkewTimes) return;
  out.push_back({AdviceKind::Skew, oldest->task,
                 whose(use, *oldest) + " runs since " + format_duration(oldest->age) + "; the " +
                     std::to_string(use.ended) + " that have ended took " + format_duration(mean) +
                     " on average",
                 "split what it works on, or look whether it hangs"});
}

std::string in_seconds(std::int64_t ms) {
  return std::to_string(ms / 1000) + "." + std::to_string(ms % 1000 / 100) + " s";
}

// Its cluster answers slowly, or its engine has too much to ask.
void advise_on_polls(const JobUse& use, std::vector<Advice>& out) {
  const bool is_late = use.poll_late_ms >= kPollLateMs;
  if (!is_late && use.poll_slowest_ms < kPollSlowMs) return;
  std::string text;
  if (is_late) text = "the engine asks " + in_seconds(use.poll_late_ms) + " late";
  if (use.poll_slowest_ms >= kPollSlowMs) {
    text += (is_late ? "; " : "");
    text += use.poll_target.empty() ? "the cluster" : use.poll_target;
    text += " takes " + in_seconds(use.poll_slowest_ms) + " to answer";
  }
  out.push_back({AdviceKind::SlowPoll, TaskIndex{0},
                 text + ": what is known of the statement is old",
                 "look at the cluster; drover_poller_lag_seconds tells more of its pollers"});
}

}  // namespace

std::string_view to_string(AdviceKind kind) {
  switch (kind) {
    case AdviceKind::IdleCpu: return "idle_cpu";
    case AdviceKind::FewCpus: return "few_cpus";
    case AdviceKind::MemoryNear: return "memory_near_limit";
    case AdviceKind::Skew: return "skew";
    case AdviceKind::SlowPoll: return "slow_poll";
    case AdviceKind::Quota: return "quota";
  }
  return "unknown";
}

std::vector<Advice> diagnose(const JobUse& use) {
  std::vector<Advice> out;
  advise_on_cpus(use, out);
  advise_on_memory(use, out);
  if (use.is_array) advise_on_skew(use, out);
  if (use.is_statement) advise_on_polls(use, out);
  return out;
}

}  // namespace drover::sched
