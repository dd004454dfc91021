// sched/placement_queue.cpp - classes, quotas and the order between groups.
// SPDX-License-Identifier: Apache-2.0
#include "sched/placement_queue.hpp"

#include <vector>

namespace drover::sched {

void PlacementQueue::offer(rm::ClassId what, const Class& queue) {
  if (!queue.blocked && !queue.heads.empty()) offers_.insert({queue.heads.begin()->first, what});
}

void PlacementQueue::withdraw(rm::ClassId what, const Class& queue) {
  if (!queue.heads.empty()) offers_.erase({queue.heads.begin()->first, what});
}

void PlacementQueue::enter_class(GroupId group, const Entry& entry) {
  Class& queue = classes_[entry.head.what];
  withdraw(entry.head.what, queue);
  queue.heads.insert({entry.head.place, group});
  offer(entry.head.what, queue);
}

void PlacementQueue::leave_class(GroupId group, const Entry& entry) {
  const auto found = classes_.find(entry.head.what);
  withdraw(entry.head.what, found->second);
  found->second.heads.erase({entry.head.place, group});
  offer(entry.head.what, found->second);
  if (!found->second.heads.empty()) return;
  blocked_.erase(entry.head.what);
  classes_.erase(found);
}

void PlacementQueue::leave_quota(GroupId group, const Entry& entry) {
  const auto found = short_of_quota_.find({entry.shortage->quota_index, entry.head.what});
  found->second.erase({entry.head.place, group});
  if (found->second.empty()) short_of_quota_.erase(found);
}

void PlacementQueue::put(GroupId group, const Head& head) {
  const auto found = entries_.find(group);
  if (found != entries_.end()) {
    if (found->second.head == head) return;
    remove(group);
  }
  Entry& entry = entries_[group];
  entry.head = head;
  enter_class(group, entry);
}

void PlacementQueue::remove(GroupId group) {
  const auto found = entries_.find(group);
  if (found == entries_.end()) return;
  if (found->second.parked)
    leave_quota(group, found->second);
  else
    leave_class(group, found->second);
  entries_.erase(found);
}

std::optional<PlacementQueue::Candidate> PlacementQueue::best() const {
  if (offers_.empty()) return std::nullopt;
  const auto& [place, what] = *offers_.begin();
  return Candidate{classes_.at(what).heads.begin()->second, {place, what}};
}

void PlacementQueue::on_no_fit(const Candidate& tried, const rm::NoFit& why) {
  Class& queue = classes_.at(tried.head.what);
  withdraw(tried.head.what, queue);
  queue.blocked = why;
  blocked_.insert(tried.head.what);
  entries_.at(tried.group).shortage.reset();
}

void PlacementQueue::on_quota_short(const Candidate& tried, const rm::QuotaShort& why) {
  Entry& entry = entries_.at(tried.group);
  leave_class(tried.group, entry);
  entry.shortage = why;
  entry.parked = true;
  short_of_quota_[{why.quota_index, tried.head.what}].insert({tried.head.place, tried.group});
}

// The quota had room for this one: perhaps it has for the next of those that it had stopped.
void PlacementQueue::on_placed(const Candidate& tried) {
  Entry& entry = entries_.at(tried.group);
  if (!entry.shortage) return;
  const QuotaKey key{entry.shortage->quota_index, tried.head.what};
  entry.shortage.reset();
  try_first_of(key);
}

void PlacementQueue::try_first_of(const QuotaKey& key) {
  const auto found = short_of_quota_.find(key);
  if (found == short_of_quota_.end()) return;
  const GroupId group = found->second.begin()->second;
  Entry& entry = entries_.at(group);
  leave_quota(group, entry);
  entry.parked = false;  // `shortage` stays: on_placed continues with the others
  enter_class(group, entry);
}

void PlacementQueue::wake() {
  for (const rm::ClassId what : blocked_) {
    Class& queue = classes_.at(what);
    queue.blocked.reset();
    offer(what, queue);
  }
  blocked_.clear();
  std::vector<QuotaKey> keys;
  keys.reserve(short_of_quota_.size());
  for (const auto& [key, queue] : short_of_quota_) keys.push_back(key);
  for (const QuotaKey& key : keys) try_first_of(key);
}

std::optional<PlacementQueue::Head> PlacementQueue::head(GroupId group) const {
  const auto found = entries_.find(group);
  if (found == entries_.end()) return std::nullopt;
  return found->second.head;
}

const rm::NoFit* PlacementQueue::no_fit(rm::ClassId what) const {
  const auto found = classes_.find(what);
  if (found == classes_.end() || !found->second.blocked) return nullptr;
  return &*found->second.blocked;
}

const rm::QuotaShort* PlacementQueue::quota_short(GroupId group) const {
  const auto found = entries_.find(group);
  if (found == entries_.end() || !found->second.parked) return nullptr;
  return &*found->second.shortage;
}

}  // namespace drover::sched
