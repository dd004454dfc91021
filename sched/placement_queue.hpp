// sched/placement_queue.hpp - who may be placed next.
// SPDX-License-Identifier: Apache-2.0
//
// At a cost that does not grow with who waits. A group competes with the job at its head only.
// Groups whose heads ask for the same thing (equivalence class) form one queue: when nothing fits
// for its first, nothing fits for the others, so the class is blocked as a whole until capacity is
// freed. Heads that a quota stops wait apart per (quota, class); of those only the first is tried
// again, the next one after its success.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/ids.hpp"
#include "rm/resource_manager.hpp"
#include "sched/live_job.hpp"

namespace drover::sched {

class PlacementQueue {
 public:
  struct Head {
    Place place;
    rm::ClassId what{};
    friend bool operator==(const Head&, const Head&) = default;
  };
  struct Candidate {
    GroupId group{};
    Head head;
  };

  // The group now competes with this head; the same head again changes nothing.
  void put(GroupId group, const Head& head);
  void remove(GroupId group);
  // The first head by Place of all that are not known to be unplaceable.
  std::optional<Candidate> best() const;
  // Answers of the resource manager for the candidate that best() gave.
  void on_no_fit(const Candidate& tried, const rm::NoFit& why);
  void on_quota_short(const Candidate& tried, const rm::QuotaShort& why);
  void on_placed(const Candidate& tried);
  // Capacity may have become free. O(blocked classes + quotas with waiters).
  void wake();

  std::optional<Head> head(GroupId group) const;
  const rm::NoFit* no_fit(rm::ClassId what) const;         // null: not blocked
  const rm::QuotaShort* quota_short(GroupId group) const;  // null: no quota stopped it
  std::size_t groups() const { return entries_.size(); }

 private:
  using QuotaKey = std::pair<std::uint32_t, rm::ClassId>;
  using Queue = std::set<std::pair<Place, GroupId>>;
  struct Entry {
    Head head;
    std::optional<rm::QuotaShort> shortage;  // the last time it was tried
    bool parked = false;                     // waits for that quota, not in its class
  };
  struct Class {
    Queue heads;
    std::optional<rm::NoFit> blocked;
  };
  void enter_class(GroupId group, const Entry& entry);
  void leave_class(GroupId group, const Entry& entry);
  void leave_quota(GroupId group, const Entry& entry);
  void offer(rm::ClassId what, const Class& queue);
  void withdraw(rm::ClassId what, const Class& queue);
  void try_first_of(const QuotaKey& key);

  std::map<GroupId, Entry> entries_;
  std::map<rm::ClassId, Class> classes_;
  std::map<QuotaKey, Queue> short_of_quota_;
  std::set<rm::ClassId> blocked_;
  std::set<std::pair<Place, rm::ClassId>> offers_;  // the first of each class that is not blocked
};

}  // namespace drover::sched
