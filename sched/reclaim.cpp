// sched/reclaim.cpp - a queue that is owed its guarantee gets it back from those who borrowed it.
// SPDX-License-Identifier: Apache-2.0
//
// Who is owed, and whose leases may be taken at all, is the ledger's answer
// (rm/quota_promises.cpp). Here the fewest of them are chosen, if possible those that leave room on
// nodes where the job can run.
#include <algorithm>
#include <utility>

#include "sched/controller_state.hpp"

namespace drover::sched {
namespace {

constexpr std::size_t kLooked = 10'000;  // leases that are compared; more are left alone

}  // namespace

// Could it go for a guarantee at all? Whether it is borrowed is the ledger's business.
bool PreemptVerbs::may_be_taken(const TaskRecord& attempt) {
  return attempt.lease && attempt.state != TaskState::Ending && raw(attempt.preempted_by) == 0;
}

// Who only stands still gives nothing back but CPUs, and is in the way of who wants a node alone.
PreemptMode PreemptVerbs::reclaim_mode_of(const Job& winner, const Job& loser,
                                          const TaskRecord& attempt, rm::Kind kind) const {
  PreemptMode mode = ranking.reclaim(loser.standing);
  const bool may_stand = kind == rm::Kind::CpuMilli && attempt.state == TaskState::Running &&
                         is_in_reach(attempt) && !rm.request(winner.what).exclusive;
  if (mode == PreemptMode::Suspend && !may_stand) mode = PreemptMode::Requeue;
  if (mode == PreemptMode::Requeue && !loser.requeue) mode = PreemptMode::Cancel;
  return mode;
}

// In the order in which they are to be taken: most of what is missing first, so that few go; of
// equals those that lose least.
std::vector<const TaskRecord*> PreemptVerbs::borrowers(const rm::Claim& claim) const {
  struct Row {
    std::int64_t amount = 0;
    Victim victim;
    const TaskRecord* record = nullptr;
  };
  std::vector<Row> rows;
  for (const auto& [id, node] : nodes)
    for (const TaskId& task : node.tasks) {
      const TaskRecord& record = self().find(task.job)->more->tasks.at(raw(task.index)).record;
      if (record.lease->node != id || !may_be_taken(record) || rows.size() == kLooked) continue;
      const rm::Lease* lease = &*record.lease;
      if (rm.victims(claim, {&lease, 1}).empty()) continue;
      rows.push_back(
          {std::min(claim.owed, lease->total()[claim.kind]), victim_of(record), &record});
    }
  std::ranges::sort(rows, [](const Row& a, const Row& b) {
    return std::tuple(-a.amount, a.victim.lost_milli_cpu_s, a.victim.age, a.victim.task) <
           std::tuple(-b.amount, b.victim.lost_milli_cpu_s, b.victim.age, b.victim.task);
  });
  std::vector<const TaskRecord*> records;
  records.reserve(rows.size());
  for (const Row& row : rows) records.push_back(row.record);
  return records;
}

// Those first whose end also makes room on a node, if somebody has to go from there anyway.
rm::Claim PreemptVerbs::prefer_room(const Job& winner, const rm::Claim& claim,
                                    std::vector<const TaskRecord*>& order,
                                    std::vector<NodeId>& where) const {
  std::set<TaskId> borrowed;
  for (const TaskRecord* record : order) borrowed.insert(record->id);
  const PreemptProblem problem = problem_for(
      winner.what, winner.path, shapes[winner.shape].length,
      [&](const Job& job, const TaskRecord& task) {
        return borrowed.contains(task.id) ? reclaim_mode_of(winner, job, task, claim.kind)
                                          : PreemptMode::Off;
      });
  const auto choice = choose_victims(problem);
  rm::Claim wider = claim;
  if (!choice || choice->victims.empty()) return wider;
  std::set<TaskId> first;
  for (const std::uint32_t victim : choice->victims) first.insert(problem.victims[victim].task);
  const auto is_first = [&](const TaskRecord* record) { return first.contains(record->id); };
  std::stable_partition(order.begin(), order.end(), is_first);
  std::int64_t sum = 0;
  for (const TaskRecord* record : order)
    if (is_first(record)) sum += record->lease->total()[claim.kind];
  wider.owed = std::max(wider.owed, sum);
  where = choice->nodes;
  return wider;
}

// The job was just told that a quota stops it.
void PreemptVerbs::reclaim_for(Job& winner) {
  if (!may_clear_for(winner.id)) return;
  std::vector<NodeId> where;
  std::map<TaskId, PreemptMode> going;
  for (const rm::Claim& claim : rm.claims()) {
    if (!rm.is_claimant(claim, winner.path)) continue;
    std::vector<const TaskRecord*> order = borrowers(claim);
    std::erase_if(order, [&](const TaskRecord* record) { return going.contains(record->id); });
    if (order.empty()) continue;
    rm::Claim wider = claim;
    if (const auto fit = rm.explain(winner.what); fit.fit_now < fit.nodes_needed)
      wider = prefer_room(winner, claim, order, where);
    std::vector<const rm::Lease*> leases;
    leases.reserve(order.size());
    for (const TaskRecord* record : order) leases.push_back(&*record->lease);
    for (const rm::Lease* taken : rm.victims(wider, leases)) {
      const auto at = std::ranges::find(leases, taken);
      const TaskRecord& record = *order[std::size_t(at - leases.begin())];
      const Job& loser = *self().find(record.id.job);
      going.emplace(record.id, reclaim_mode_of(winner, loser, record, claim.kind));
    }
  }
  if (going.empty()) return;
  clear_for(winner, std::move(where), {going.begin(), going.end()}, true);
  serve_again |= clearings.at(winner.id).is_fresh;
}

void PreemptVerbs::reclaim_guarantees() {
  if (owed.empty()) return;
  const bool anybody = std::ranges::any_of(
      quotas.rules, [](const rm::QuotaRule& rule) { return rule.reclaim == rm::Reclaim::Preempt; });
  for (const JobId id : std::exchange(owed, {}))
    if (Job* job = self().find(id); anybody && job != nullptr && job->lane != kNoLane)
      reclaim_for(*job);
}

}  // namespace drover::sched
