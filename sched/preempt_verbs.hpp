// sched/preempt_verbs.hpp - the controller's verbs by which work gives way to other work.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "sched/change_verbs.hpp"
#include "sched/preemption.hpp"

namespace drover::sched {

// A part of Controller::State, which alone derives from it; the other verbs are reached by self().
struct PreemptVerbs : ChangeVerbs {
  // preempt.cpp
  PreemptMode way_out(PreemptMode mode, bool whole_node, const Job& loser,
                      const TaskRecord& attempt) const;
  PreemptMode gives_way(const Job& winner, const Job& loser, const TaskRecord& attempt) const;
  using GivesWay = std::function<PreemptMode(const Job&, const TaskRecord&)>;
  PreemptProblem problem_for(rm::ClassId what, rm::PathId path, Duration length,
                             const GivesWay& goes) const;
  bool is_in_reach(const TaskRecord& attempt) const;
  Victim victim_of(const TaskRecord& attempt) const;
  void preempt_for_head(Partition& partition);
  // clearings.cpp
  bool keeps_timelines() const;
  bool may_clear_for(JobId winner) const;
  void clear_for(Job& winner, std::vector<NodeId> where,
                 const std::vector<std::pair<TaskId, PreemptMode>>& going, bool for_quota);
  void promise_room(const Job& winner, Clearing& clearing);
  void give_notice(Job& loser, Task& task, Duration grace);
  void warn(const Job& loser, const TaskRecord& record);
  void end_victim(Job& loser, Task& task);
  void end_notices();
  void forget_notice(const TaskId& id);
  // Most clusters never clear room for anybody, and ask at each move.
  void victim_gone(const TaskId& task) {
    if (!victims.empty()) forget_victim(task);
  }
  void forget_victim(const TaskId& task);
  void drop_clearing(JobId winner, bool has_started = false) {
    if (!clearings.empty()) end_clearing(winner, has_started);
  }
  void end_clearing(JobId winner, bool has_started);
  void lift_promise(Clearing& clearing);
  void serve_clearings(Partition& partition) {
    if (!clearings.empty()) serve_fresh_clearings(partition);
  }
  void serve_fresh_clearings(Partition& partition);
  void drop_broken_clearings();
  void restore_clearings(Now now);
  // suspend.cpp
  void suspend_task(Job& job, Task& task, Reason reason);
  bool resume_task(Job& job, Task& task, bool heeds_claims);
  void leave_sleep(Job& job, Task& task) {
    if (!sleepers.empty()) end_sleep(job, task);
  }
  void end_sleep(Job& job, Task& task);
  void wake_those_aside();
  void follow_sleep(Job& job);
  void order_pause(const TaskRecord& record, bool suspended);
  Duration time_left(const Job& job, const TaskRecord& record) const;
  OrderKey key_of_job(const Partition& partition, const Job& job) const;
  enum class Waking : std::uint8_t { Ahead, All, Last };
  void wake_sleepers(Partition& partition, Waking whom) {
    if (!sleepers.empty()) resume_sleepers(partition, whom);
  }
  void resume_sleepers(Partition& partition, Waking whom);
  Result<std::uint64_t> suspend(Job& job, const Command& in);
  Result<std::uint64_t> resume(Job& job, const Command& in);
  // reclaim.cpp
  PreemptMode reclaim_mode_of(const Job& winner, const Job& loser, const TaskRecord& attempt,
                              rm::Kind kind) const;
  static bool may_be_taken(const TaskRecord& attempt);
  std::vector<const TaskRecord*> borrowers(const rm::Claim& claim) const;
  rm::Claim prefer_room(const Job& winner, const rm::Claim& claim,
                        std::vector<const TaskRecord*>& order, std::vector<NodeId>& where) const;
  void reclaim_for(Job& winner);
  void reclaim_guarantees();

 protected:
  Controller::State& self();
  const Controller::State& self() const;
};

}  // namespace drover::sched
