// server/event_hub.cpp - a ring of recent events, cursors, and waiters per job.
// SPDX-License-Identifier: Apache-2.0
#include "server/event_hub.hpp"

namespace drover::server {

void EventHub::publish(const std::vector<sched::Event>& events) {
  if (events.empty()) return;
  for (const sched::Event& event : events) {
    recent_.push_back(event);
    last_ = event.seq;
    if (event.kind != sched::EventKind::JobEnded && event.kind != sched::EventKind::WorkflowEnded)
      continue;
    const auto found = waiting_.find(raw(event.job));
    if (found == waiting_.end()) continue;
    const auto waiters = std::move(found->second);
    waiting_.erase(found);
    for (const auto& [id, ended] : waiters) ended();
  }
  while (recent_.size() > kKept) recent_.pop_front();
  const auto followers = followers_;  // a follower may leave while it is woken
  for (const auto& [id, wake] : followers)
    if (followers_.contains(id)) wake();
}

EventHub::FollowerId EventHub::follow(std::function<void()> wake) {
  followers_.emplace(next_id_, std::move(wake));
  return next_id_++;
}

bool EventHub::visit_since(EventSeq since,
                           const std::function<bool(const sched::Event&)>& visit) const {
  if (raw(since) >= raw(last_)) return true;
  if (recent_.empty() || raw(recent_.front().seq) > raw(since) + 1) return false;
  std::size_t at = std::size_t(raw(since) + 1 - raw(recent_.front().seq));  // the log has no gaps
  for (; at < recent_.size(); ++at)
    if (!visit(recent_[at])) break;
  return true;
}

std::uint64_t EventHub::when_ended(JobId job, std::function<void()> ended) {
  waiting_[raw(job)].emplace(next_id_, std::move(ended));
  return next_id_++;
}

void EventHub::forget(JobId job, std::uint64_t id) {
  const auto found = waiting_.find(raw(job));
  if (found == waiting_.end()) return;
  found->second.erase(id);
  if (found->second.empty()) waiting_.erase(found);
}

}  // namespace drover::server
