// server/live_use.cpp - a sliding window over what was told.
// SPDX-License-Identifier: Apache-2.0
#include "server/live_use.hpp"

#include <algorithm>

namespace drover::server {
namespace {

constexpr Duration kWindow = seconds(600);     // what is said of CPUs is about the last 5 to 10 min
constexpr std::size_t kAttemptsMax = 100'000;  // of one job; what is beyond is not looked at

}  // namespace

void LiveUse::learn(const UseReport& report) {
  Job& job = jobs_[report.id.task.job];
  if (job.attempts.size() >= kAttemptsMax && !job.attempts.contains(report.id.task.index)) return;
  Attempt& attempt = job.attempts[report.id.task.index];
  const Look look{report.at, report.cpu};
  if (attempt.number != report.id.number || look.cpu < attempt.last.cpu ||
      look.at < attempt.last.at || attempt.statement != report.statement)
    attempt = {report.id.number, report.started,  look, look, look,
               report.rss_kib,   report.statement};
  heard_.insert(report.id.task.job);
  attempt.last = look;
  attempt.rss_kib = report.rss_kib;
  if (look.at - attempt.next.at >= Duration{kWindow.us / 2}) {
    attempt.first = attempt.next;
    attempt.next = look;
  }
}

void LiveUse::follow(const sched::Changes& changes) {
  if (jobs_.empty()) return;
  for (const sched::TaskRecord& task : changes.tasks) {
    const auto job = jobs_.find(task.id.job);
    if (job == jobs_.end() || task.lease) continue;
    job->second.attempts.erase(task.id.index);
    if (!sched::is_final(task.state) || !task.started.is_set()) continue;
    ++job->second.ended;
    job->second.ended_run.us += std::max<std::int64_t>(0, (task.ended - task.started).us);
  }
  for (const sched::JobRecord& job : changes.jobs)
    if (sched::is_final(job.state)) jobs_.erase(job.id), heard_.erase(job.id);
}

sched::JobUse LiveUse::use_by(JobId engine, JobId statement,
                              const sched::JobSpec& engine_spec) const {
  sched::JobUse use;
  use.is_statement = true;
  const auto found = jobs_.find(engine);
  if (found == jobs_.end() || found->second.attempts.empty()) return use;
  const Attempt& attempt = found->second.attempts.begin()->second;
  use.mem_limit_mib = engine_spec.request.mem_mib;
  if (attempt.statement == statement) use.cpus = engine_spec.request.cpus;
  use.attempts.push_back({TaskIndex{0},
                          attempt.last.at - attempt.first.at,
                          attempt.last.at - attempt.first.at,
                          {attempt.last.cpu.us - attempt.first.cpu.us},
                          attempt.rss_kib});
  return use;
}

std::vector<sched::Advice> LiveUse::advice(JobId id, const sched::JobSpec& spec) const {
  const auto found = jobs_.find(id);
  if (found == jobs_.end() || spec.engine) return {};  // an engine waits, as it should
  const Job& job = found->second;
  sched::JobUse use;
  use.is_array = spec.is_array;
  use.ended = job.ended;
  use.ended_run = job.ended_run;
  if (spec.request.nodes == 1 && spec.request.more.empty()) {  // a node sees its own part only
    use.cpus = spec.request.cpus;
    use.mem_limit_mib = spec.request.mem_mib;
  }
  Time now;
  for (const auto& [index, attempt] : job.attempts) now = std::max(now, attempt.last.at);
  for (const auto& [index, attempt] : job.attempts)
    use.attempts.push_back({index,
                            now - attempt.started,
                            attempt.last.at - attempt.first.at,
                            {attempt.last.cpu.us - attempt.first.cpu.us},
                            attempt.rss_kib});
  return sched::diagnose(use);
}

}  // namespace drover::server
