// server/linkis_watch.cpp - who was last asked for when, and the end of those who were not.
// SPDX-License-Identifier: Apache-2.0
#include "server/linkis_watch.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace drover::server {

LinkisWatch::LinkisWatch(net::Loop& loop, Turn& turn)
    : turn_(turn), timer_(loop, [this] { scan(); }) {}

void LinkisWatch::configure(Duration silence, std::vector<std::string> creators) {
  silence_ = silence;
  creators_ = std::move(creators);
  if (silence_.us == 0) tasks_.clear();
}

void LinkisWatch::see(JobId job, const sched::JobSpec& spec) {
  if (silence_.us == 0 || !spec.statement || spec.statement->origin.empty()) return;
  const auto creator = spec.labels.find("creator");
  if (creator == spec.labels.end() ||
      std::ranges::find(creators_, creator->second) == creators_.end())
    return;
  if (tasks_.empty()) timer_.start(kScan);
  tasks_[job] = {spec.owner.uid, net::Loop::now().mono};
}

void LinkisWatch::heard_of(JobId job) {
  if (const auto found = tasks_.find(job); found != tasks_.end())
    found->second.heard = net::Loop::now().mono;
}

Result<void> LinkisWatch::restore(const store::Store& store) {
  auto snapshot = store.snapshot();
  if (!snapshot) return fail(snapshot.error());
  return snapshot->visit_open_ascending(
      [this](const sched::JobRecord& record, const sched::JobSpec& spec) {
        see(record.id, spec);
        return true;
      });
}

// A task that has ended by itself is found so here: to cancel it is no error, and nothing happens.
void LinkisWatch::scan() {
  const Time now = net::Loop::now().mono;
  for (auto at = tasks_.begin(); at != tasks_.end();) {
    if (now - at->second.heard <= silence_) {
      ++at;
      continue;
    }
    sched::Command command;
    command.verb = sched::Verb::Cancel;
    command.actor = {at->second.uid, false};
    command.target.job = at->first;
    command.reason = "its client has not asked for it any more";
    turn_.command(std::move(command), [job = at->first](const Result<sched::Done>& done) {
      if (done && done->touched > 0)
        spdlog::info("task {}: cancelled, since its client does not ask for it any more", raw(job));
    });
    at = tasks_.erase(at);
  }
  if (!tasks_.empty()) timer_.start(kScan);
}

}  // namespace drover::server
