// sched/live_job.cpp - the chain of open jobs of one owner and name.
// SPDX-License-Identifier: Apache-2.0
#include "sched/live_job.hpp"

namespace drover::sched {

// FNV-1a. A collision makes a singleton wait for a stranger of the same owner; owners never
// collide, because the key of a list holds the uid itself.
std::uint64_t NameIndex::hash(std::uint32_t uid, std::string_view name) {
  std::uint64_t h = 0xcbf29ce484222325u ^ uid;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return h;
}

void NameIndex::link(Job& job) {
  Ends& ends = lists_[{job.uid, job.name_hash}];
  Job* before = ends.last;
  while (before != nullptr && job.id < before->id) before = before->earlier;
  Job* after = before != nullptr ? before->later : ends.first;
  job.earlier = before;
  job.later = after;
  (before != nullptr ? before->later : ends.first) = &job;
  (after != nullptr ? after->earlier : ends.last) = &job;
}

const Job* NameIndex::newest(std::uint32_t uid, std::uint64_t name_hash) const {
  const auto list = lists_.find({uid, name_hash});
  return list == lists_.end() ? nullptr : list->second.last;
}

Job* NameIndex::unlink(Job& job) {
  const auto list = lists_.find({job.uid, job.name_hash});
  Job* const after = job.later;
  const bool was_first = job.earlier == nullptr;
  (was_first ? list->second.first : job.earlier->later) = after;
  (after != nullptr ? after->earlier : list->second.last) = job.earlier;
  job.earlier = job.later = nullptr;
  if (list->second.first == nullptr) lists_.erase(list);
  return was_first ? after : nullptr;
}

}  // namespace drover::sched
