// server/live_use.hpp - what running attempts use, as their nodes told it last.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "sched/diagnose.hpp"
#include "sched/job_spec.hpp"
#include "sched/outputs.hpp"

namespace drover::server {

struct UseReport {
  AttemptId id;
  Time at, started;  // wall clock of the node
  Duration cpu;      // since its start
  std::int64_t rss_kib = 0;
  JobId statement{};  // of an engine: the one that it runs, if it runs one alone
};

// Loop thread. Not stored: after a restart of droverd it is known anew with the next look. Of short
// jobs nothing is told, and nothing is kept.
class LiveUse {
 public:
  // What the node says is its affair: numbers that go backwards begin anew.
  void learn(const UseReport& report);
  // The ends of elements of jobs that are known here; forgets jobs that have ended.
  void follow(const sched::Changes& changes);
  std::vector<sched::Advice> advice(JobId job, const sched::JobSpec& spec) const;
  // What the engine that runs a statement used while it ran that one: filled in as far as it is
  // known. Its CPUs are nobody's when it runs several.
  sched::JobUse use_by(JobId engine, JobId statement, const sched::JobSpec& engine_spec) const;
  // Jobs of which something came in since the last call.
  std::set<JobId> take_heard() { return std::exchange(heard_, {}); }
  std::size_t jobs() const { return jobs_.size(); }

 private:
  struct Look {
    Time at;
    Duration cpu;
  };
  struct Attempt {
    AttemptNo number{};
    Time started;
    Look first, last;  // `first` moves along: at most kWindow before `last`
    Look next;         // the `first` to be
    std::int64_t rss_kib = 0;
    JobId statement{};
  };
  struct Job {
    std::map<TaskIndex, Attempt> attempts;
    std::int64_t ended = 0;  // since the job was first heard of
    Duration ended_run;
  };
  std::map<JobId, Job> jobs_;
  std::set<JobId> heard_;
};

}  // namespace drover::server
