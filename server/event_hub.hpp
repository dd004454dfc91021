// server/event_hub.hpp - durable facts to those who follow: live events, ends of jobs.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "sched/messages.hpp"

namespace drover::server {

// Keeps the last kKept events in memory; followers have cursors of their own, so a slow one loses
// nothing and holds nobody up: what has left memory it reads from the store. Loop thread.
class EventHub {
 public:
  static constexpr std::size_t kKept = 65'536;
  using FollowerId = std::uint64_t;

  void publish(const std::vector<sched::Event>& events);

  // `wake` runs after each publish, until unfollow().
  FollowerId follow(std::function<void()> wake);
  void unfollow(FollowerId id) { followers_.erase(id); }
  std::size_t followers() const { return followers_.size(); }

  EventSeq last() const { return last_; }
  // Where a follower goes on when all before it has been trimmed from the store, too.
  EventSeq before_kept() const {
    return recent_.empty() ? last_ : EventSeq(raw(recent_.front().seq) - 1);
  }
  void set_last(EventSeq last) { last_ = last; }  // at start, from the store
  // Calls visit for events after `since` in memory, until it answers false. False when some of them
  // have left memory.
  bool visit_since(EventSeq since, const std::function<bool(const sched::Event&)>& visit) const;

  // `ended` runs once when the job ends. The id takes it back.
  std::uint64_t when_ended(JobId job, std::function<void()> ended);
  void forget(JobId job, std::uint64_t id);

 private:
  std::deque<sched::Event> recent_;
  EventSeq last_{};
  std::map<FollowerId, std::function<void()>> followers_;
  std::map<std::uint64_t, std::map<std::uint64_t, std::function<void()>>> waiting_;  // by job
  std::uint64_t next_id_ = 1;
};

}  // namespace drover::server
