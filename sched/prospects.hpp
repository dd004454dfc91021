// sched/prospects.hpp - the controller's verbs that say when a job may start and what would help.
// SPDX-License-Identifier: Apache-2.0
//
// A job that waits and a submission that is only weighed are answered by the same code: both are an
// Asker. Nothing of it changes a decision: places that are given for a moment are taken back.
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sched/controller_state.hpp"

namespace drover::sched {

// "waits for the success of job 3, the end of job 4"
std::string waits_text(const std::vector<Dependency>& waits, bool any);

struct Controller::State::Prospects {
  explicit Prospects(State& state) : s(state) {}
  State& s;

  // prospects.cpp
  Result<Prospect> weigh(const Submit& in);
  std::optional<Prospect> look_at(JobId id, std::optional<TaskIndex> index, const JobSpec* spec);

  // estimate.cpp
  std::optional<Estimate> when(JobId id, std::optional<TaskIndex> index);
  // `elements` of its own job, an array, go first.
  Estimate when(const Asker& asker, std::uint32_t elements = 0);

 private:
  // prospects.cpp
  Asker asker_for(const JobSpec& spec, rm::PathId path, rm::ClassId what) const;
  Prospect weigh_free(const Asker& asker, const JobSpec& spec, const Conditions& conditions);
  std::optional<Why> gate_of(const Asker& asker, const JobSpec& spec,
                             const Conditions& conditions) const;
  std::optional<Why> group_in_the_way(const JobSpec& spec) const;
  bool starts_now(const Asker& asker, const Estimate& start) const;
  std::string may_preempt(const Asker& asker, const JobSpec& spec) const;
  // estimate.cpp
  struct Rehearsal {
    std::vector<rm::HoldId> holds;
    std::uint32_t before = 0;  // jobs that go first
    Time from{};               // without backfill: when the last of them starts, nobody earlier
  };
  Estimate unknown(std::string because) const;
  Estimate at(Time mono, std::uint32_t before = 0) const;
  Estimate from(Time wall, std::string because) const;
  bool is_element_held(const Job& job, std::uint32_t index) const;
  std::optional<Estimate> when_gated(const Job& job);
  std::optional<Estimate> when_element(const Job& job, std::uint32_t index);
  // Not before the quotas have room by the ends of those who hold them, and nodes then.
  Estimate when_short(const Asker& asker, const rm::QuotaShort& shortage);
  Estimate not_before(const Asker& asker, Estimate bound);
  std::optional<Rehearsal> rehearse(const Asker& asker);
  // Places for so many elements of the job itself, in order; when the next one could start.
  std::optional<Time> after_elements(const Asker& asker, std::uint32_t elements,
                                     Rehearsal& rehearsal);
  std::uint32_t elements_before(const Job& job, std::uint32_t index) const;
  // obstacles.cpp: who is in the way
  struct Holder {
    JobId job{};
    std::int64_t amount = 0;
    Time until;  // wall; 0 = no limit
  };
  struct Ease {              // when a quota has room again, and by whose ends
    Time at;                 // wall; 0 = somebody of them has no limit
    bool is_enough = false;  // their ends free as much as is missing
    std::vector<Holder> holders;
  };
  Time end_of(const Job& job, const TaskRecord& task) const;
  const std::vector<Holder>& holders_of(std::uint32_t quota, rm::Kind kind);
  Ease ease_of(std::uint32_t quota, rm::Kind kind, std::int64_t missing);
  void name_holders(const rm::QuotaShort& shortage, Why& why);
  void name_obstacles(const Asker& asker, const JobSpec* spec, Why& why);
  // nodes_in_the_way.cpp
  struct NodeWait {  // what would have to end on a node that is large enough
    NodeId node{};
    Time at;  // wall; 0 = somebody of them has no limit
    std::vector<std::pair<Time, TaskId>> ends;
    std::optional<rm::NodeNeed> need;  // nothing: the whole node
    rm::Amounts all;                   // of which `need.free` is free
  };
  // A node that is large enough, and what the reservation in which it must run has of it.
  struct Suited {
    NodeId node{};
    const ReservedNode* part = nullptr;
  };
  std::vector<Suited> suited(const Asker& asker, bool in_service) const;
  std::optional<NodeWait> wait_for(const Suited& on, const Asker& asker) const;
  void name_nodes(const Asker& asker, Why& why) const;
  void name_node(const NodeWait& wait, const Asker& asker, Why& why) const;
  void name_out_of_service(const Asker& asker, Why& why) const;
  void name_for_component(const Asker& asker, Why& why);
  // remedies.cpp: what would let it start now, proved by a search as the pass makes it
  bool could_start(const rm::Request& request, Duration length, const Asker& asker) const;
  std::string never_allowed(const Asker& asker) const;
  std::string within_quotas(const Asker& asker) const;
  std::string smaller_request(const Asker& asker) const;
  std::string shorter_limit(const Asker& asker, bool reserved) const;
  Duration longest_on_nodes(const Asker& asker) const;
  std::string other_partition(const Asker& asker, const JobSpec& spec) const;
  void add_remedies(const Asker& asker, const JobSpec* spec, Why& why) const;
  // The last answer of holders_of: both start and obstacles ask.
  std::optional<std::pair<std::uint32_t, rm::Kind>> held_of_{};
  std::vector<Holder> held_{};
};

}  // namespace drover::sched
