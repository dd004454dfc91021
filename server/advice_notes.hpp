// server/advice_notes.hpp - advice into the logs of jobs that run: each kind once for each job.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <bitset>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "net/loop.hpp"
#include "sched/diagnose.hpp"
#include "sched/outputs.hpp"
#include "server/services.hpp"

namespace drover::server {

// Loop thread. Not stored: after a restart of droverd a line may be there a second time.
class AdviceNotes {
 public:
  explicit AdviceNotes(Services& services);
  // After a commit: who waits for a quota, whose wait is over, who has ended.
  void follow(const sched::Changes& changes);
  // After that commit's orders: an engine takes a line with the statement, and may have been
  // welcomed just before.
  void speak();

 private:
  static constexpr std::size_t kWaitsMax = 10'000;
  struct Wait {
    Time since;        // wall
    std::string text;  // of the quota
  };
  struct Place {  // of a line
    AttemptId attempt;
    std::string node;
  };
  void on_tick();
  void look_at(JobId id);
  void look_at_waits();
  void tell_wait(const sched::TaskRecord& task);
  std::optional<Place> place_of(TaskId task) const;
  void say(const sched::JobSpec& spec, const Place& place, const sched::Advice& advice);

  Services& services_;
  net::Timer tick_;
  std::map<JobId, std::bitset<sched::kAdviceKinds>> said_;
  std::map<JobId, Wait> waits_;  // for a quota
  std::set<JobId> unseen_;       // of which something is new
  struct Line {
    std::shared_ptr<const sched::JobSpec> spec;
    Place place;
    sched::Advice advice;
  };
  std::vector<Line> lines_;  // until speak()
};

}  // namespace drover::server
