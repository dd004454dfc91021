// sched/controller_data.hpp - everything the controller knows between turns.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/id_bits.hpp"
#include "sched/clearing.hpp"
#include "sched/controller.hpp"
#include "sched/dependency.hpp"
#include "sched/ended_arrays.hpp"
#include "sched/job_table.hpp"
#include "sched/limit_watch.hpp"
#include "sched/live_group.hpp"
#include "sched/live_job.hpp"
#include "sched/live_node.hpp"
#include "sched/live_reservation.hpp"
#include "sched/origins.hpp"
#include "sched/partition.hpp"
#include "sched/quota_heads.hpp"
#include "sched/ranking.hpp"
#include "sched/retry_book.hpp"
#include "sched/spare_parts.hpp"

namespace drover::sched {

struct ControllerData {
  ControllerConfig config;
  rm::ResourceManager rm;
  rm::QuotaTable quotas;  // its rules are those in force
  bool quotas_dirty = false;
  std::map<std::string, OwnLimits, std::less<>> group_limits;
  bool groups_dirty = false;
  std::uint64_t next_job = 1, next_epoch = 1, next_node = 1, next_event = 1;
  std::uint64_t stored_job = 0, stored_epoch = 0, stored_node = 0, stored_event = 0;
  JobTable jobs;  // never iterated for a decision
  Job* find(JobId id) { return jobs.find(id); }
  const Job* find(JobId id) const { return jobs.find(id); }
  SpareParts<std::unique_ptr<JobExtra>> spare_extras;
  SpareParts<std::map<std::uint32_t, Task>::node_type> spare_tasks;
  std::deque<Group> groups;  // by GroupId
  std::map<std::string, GroupId, std::less<>> group_ids;
  std::vector<GroupId> free_groups;
  mutable std::string group_key;  // scratch
  std::uint64_t groups_made = 0;
  Origins origins;
  IdBits<GroupId> takeable;  // whose consumer may have something to take
  Shapes shapes;
  std::list<Partition> partitions;  // in the order in which they are served
  // By Ranking::Entry::partition; then the queues of reservations.
  std::vector<Partition*> partition_at;
  Partition* statements = nullptr;  // of those who wait for engines
  Ranking ranking{nullptr};
  std::map<JobId, Clearing> clearings;        // for whom room is made
  std::map<TaskId, JobId> victims;            // the reverse
  std::set<std::pair<Time, TaskId>> notices;  // mono; of victims: when they will be ended
  std::set<TaskId> sleepers;                  // suspended, whoever said so
  std::set<JobId> owed;                       // stopped by a quota in this pass
  std::map<JobId, int> cleared;               // for whom room was made in this turn, how often
  bool serve_again = false;  // room was made, or given up, for whom it had passed by in this pass
  std::size_t nodes_counted = 0;  // in the capacity that ranking knows
  ReservationCalendar calendar;
  bool reservations_dirty = false;
  std::vector<LiveReservation> reserved;  // by ReservedId; the first is nobody's
  std::map<std::string, rm::ReservedId, std::less<>> reserved_ids;
  std::set<rm::ReservedId> magnets;                               // that go on
  std::map<std::uint32_t, std::vector<Partition*>> spare_queues;  // of reservations that are gone
  std::optional<Time> next_reserved;  // wall; when the calendar is to be looked at; none: empty
  Duration reserved_offset;           // mono - wall, by which it was laid out
  // The lanes whose jobs belong to a user in an account, by LeafId; some may be empty or others'.
  std::vector<std::set<std::pair<std::uint32_t, LaneId>>> lanes_of;
  std::deque<std::pair<std::uint32_t, LaneId>> to_rekey;  // partition and lane
  QuotaHeads quota_heads;
  std::vector<JobId> heads_to_try;
  std::set<std::pair<Time, JobId>> due;  // mono; when the holds begin
  rm::Freed freed_since;                 // the last pass
  std::vector<NodeId> unheld;            // where a hold has gone, and nobody has looked yet
  bool unheld_licences = false;          // a hold that has gone kept some
  bool has_unheld() const { return !unheld.empty() || unheld_licences; }
  LimitWatch limits;  // of what runs; empty when nobody plans ahead
  Now clock{};        // of the input or pass at hand
  struct StoredPlace {
    Time from;  // wall
    std::vector<NodeId> nodes;
  };
  std::map<JobId, StoredPlace> stored_places;  // until the first turn
  std::set<JobId> restored;                    // hold places, and are not planned for yet
  bool ended_since = false;                    // a lease ended since the last pass
  bool freed_early = false;                    // and left room that its limit had not promised
  int round = 0;                               // of this pass
  static constexpr int kRoundsWithWays = 16;   // see KeepPromises
  std::optional<Time> left_at;  // mono; the pass left something to another, which is soon
  NameIndex names;
  DependencyIndex dependencies;
  DependencyIndex followers;  // element by element
  struct ElementEnd {
    JobId job{};
    std::uint32_t index = 0;
    bool succeeded = false;
  };
  std::deque<ElementEnd> element_ends;  // not yet told to followers; before milestones
  std::vector<TaskId> dirty_counterparts;
  RetryBook retries;
  std::set<std::pair<Time, TaskId>> retry_times;  // wall
  // While jobs are restored: who waits for a later job, which may be closed. See restore_waiters.
  std::multimap<JobId, std::pair<JobId, Dependency>> later_targets;
  RecentEnds recent;
  EndedArrays ended_arrays;
  std::deque<Milestone> milestones;             // not yet told to those who wait for them
  void note_milestone(const Milestone& news) {  // mostly nobody waits for anything
    if (dependencies.size() + followers.size() > 0) milestones.push_back(news);
  }
  std::set<std::pair<Time, JobId>> begins;     // wall
  std::set<std::pair<Time, JobId>> deadlines;  // wall; when those who wait need not start any more
  std::map<NodeId, Node> nodes;
  std::vector<Node*> node_at;  // the same, by id
  Node& node_of(NodeId id) const { return *node_at.at(raw(id)); }
  Node& add_node(NodeId id) {
    if (raw(id) >= node_at.size()) node_at.resize(raw(id) + 1);
    return *(node_at[raw(id)] = &nodes[id]);
  }
  std::map<std::string, NodeId, std::less<>> node_ids;
  std::set<std::pair<Time, NodeId>> node_deadlines;  // mono
  std::uint32_t unseen_nodes = 0;                    // known from the store, not registered yet
  bool clock_seen = false;
  Stats stats;
  TurnOutput out;
  std::vector<JobId> dirty_jobs;
  std::vector<TaskId> dirty_tasks;
  std::vector<NodeId> dirty_nodes;
};

}  // namespace drover::sched
