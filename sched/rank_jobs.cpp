// sched/rank_jobs.cpp - the controller's side of policy: partitions, scores, and shares that move.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <deque>

#include "sched/controller_state.hpp"

namespace drover::sched {
namespace {

constexpr std::size_t kRekeysPerPass = 1000;  // so that no event pays for ten thousand users

constexpr std::string_view kEngines = "engines";  // the partition of statements

}  // namespace

// Those of higher priority are served first; equal ones by name.
void Controller::State::make_partitions() {
  std::vector<const PartitionSpec*> specs;
  for (const PartitionSpec& spec : ranking.book().partitions.all()) specs.push_back(&spec);
  std::ranges::stable_sort(specs, [](const PartitionSpec* a, const PartitionSpec* b) {
    return a->priority > b->priority;
  });
  std::vector<Partition*> at(std::max<std::size_t>(1, specs.size()));
  if (specs.empty()) at[0] = add_partition("main", config.policy);
  for (const PartitionSpec* spec : specs)
    at[std::size_t(spec - ranking.book().partitions.all().data())] =
        add_partition(spec->name, spec->policy);
  partition_at = std::move(at);
  for (std::uint32_t i = 0; i < partition_at.size(); ++i) partition_at[i]->index = i;
  statements =
      add_partition(std::string(kEngines), {.order = Order::Fifo, .backfill = Backfill::None});
}

Partition* Controller::State::add_partition(const std::string& name,
                                            const PartitionPolicy& policy) {
  const bool fills_behind = policy.backfill != Backfill::None || name == kEngines;
  Partition& made = partitions.emplace_back(name, policy, fills_behind);
  made.keeps_place = keeps_place(made);
  made.queue.set_key_of([this, &made](const JobQueue::Lane& lane, const Place& place,
                                      OrderKey& key) { key = key_of(made, lane, place); });
  if (const PartitionSpec* spec = ranking.book().partitions.find(name))
    made.priority = spec->priority;
  made.index = std::uint32_t(partition_at.size());
  partition_at.push_back(&made);
  return &made;
}

// Without backfill its own jobs wait behind the first; what others may take before it, nodes that
// partitions share, or licences while it waits for more of them, it might lack for ever.
bool Controller::State::keeps_place(const Partition& partition) const {
  if (partition.policy.backfill != Backfill::None || partition.name == kEngines) return false;
  return ranking.book().partitions.all().size() > 1 || !config.licences.empty();
}

Partition& Controller::State::partition_of(const Job& job) {
  if (job.is_statement) return *statements;
  const std::uint32_t base = ranking.at(job.standing).partition;
  const rm::ReservedId by = job.reservation();
  return by == rm::kUnreserved ? *partition_at[base] : *reserved[std::size_t(by)].queues.at(base);
}
const Partition& Controller::State::partition_of(const Job& job) const {
  if (job.is_statement) return *statements;
  const std::uint32_t base = ranking.at(job.standing).partition;
  const rm::ReservedId by = job.reservation();
  return by == rm::kUnreserved ? *partition_at[base] : *reserved[std::size_t(by)].queues.at(base);
}

const Partition& Controller::State::partition_for(const JobSpec& spec) const {
  if (spec.statement) return *statements;
  const auto label = spec.labels.find("partition");
  const PartitionTable& table = ranking.book().partitions;
  const PartitionSpec* known = label == spec.labels.end() ? nullptr : table.find(label->second);
  return *partition_at[known == nullptr ? 0 : std::size_t(known - table.all().data())];
}

// Once the moment of submission is known.
void Controller::State::rank(Job& job, const JobSpec& spec) {
  if (!ranks_by_priority()) return;  // nobody asks for the score
  job.score =
      ranking.static_score(spec, job.standing, job.submitted) + ranking.path_score(job.steps_after);
}

// `job` has come to wait for others: they, and whom these wait for, have a longer way behind them.
// A path never becomes shorter again while the job is open. Where more than kPathLooks entries
// would have to be looked at the rest keeps the shorter path it has: a submission must not cost by
// the size of what it hangs on.
void Controller::State::lengthen_paths(const Job& job) {
  constexpr std::size_t kPathLooks = 1000;
  if (!ranks_by_priority()) return;
  std::size_t looks = 0;
  std::deque<const Job*> longer{&job};
  while (!longer.empty()) {
    const Job& after = *longer.front();
    longer.pop_front();
    if (after.more == nullptr || after.steps_after >= kStepsFull) continue;
    std::vector<JobId> targets;
    for (const Dependency& wait : after.more->waits_for) targets.push_back(wait.job);
    if (const Counterparts* elements = after.more->counterparts.get())
      targets.insert(targets.end(), elements->targets.begin(), elements->targets.end());
    for (const JobId target : targets) {
      if (++looks > kPathLooks) return;
      Job* before = find(target);
      if (before == nullptr || before->steps_after > after.steps_after) continue;
      before->score -= ranking.path_score(before->steps_after);
      before->steps_after = after.steps_after + 1;
      before->score += ranking.path_score(before->steps_after);
      if (before->lane != kNoLane) partition_of(*before).queue.rekey(before->lane);
      longer.push_back(before);
    }
  }
}

void Controller::State::note_lane(const Job& job) {
  const Partition& partition = partition_of(job);
  if (partition.policy.order != Order::Priority) return;
  const Ranking::Entry& entry = ranking.at(job.standing);
  const auto leaf = std::size_t(entry.leaf);
  if (leaf >= lanes_of.size()) lanes_of.resize(leaf + 1);
  lanes_of[leaf].insert({partition.index, job.lane});
}

bool Controller::State::ranks_by_priority() const {
  return std::ranges::any_of(partitions, [](const Partition& partition) {
    return partition.policy.order == Order::Priority;
  });
}

bool Controller::State::uses_shares() const {
  return std::ranges::any_of(partitions, [](const Partition& partition) {
    return partition.policy.order == Order::Priority && partition.queue.lanes() > 0;
  });
}

// Users whose factor moved take other places with all their lanes, a few at a time: a lane keeps
// its old place, which was right a moment ago, until it is its turn.
void Controller::State::follow_shares(Now now) {
  // Also while nobody waits: whoever comes in this pass must not find the moment long past.
  const bool ranked = ranks_by_priority() && ranking.refresh(now);
  // Nodes seldom change their size: looked at when there are more of them, and with each ranking.
  if (ranking.book().weights.fairness == Fairness::Drf &&
      (ranked || nodes_counted != nodes.size())) {
    nodes_counted = nodes.size();
    rm::Amounts sum;
    for (const rm::NodeView& node : rm.nodes()) sum += node.capacity;
    ranking.set_capacity(sum);
  }
  if (!ranking.has_changed() && to_rekey.empty()) return;
  for (const LeafId leaf : ranking.take_changed()) {
    if (std::size_t(leaf) >= lanes_of.size()) continue;
    auto& lanes = lanes_of[std::size_t(leaf)];
    std::erase_if(lanes, [&](const auto& at) {
      const JobQueue& queue = partition_at[at.first]->queue;
      return queue.jobs_of(at.second).empty() ||
             ranking.at(queue.lane(at.second).standing).leaf != leaf;
    });
    to_rekey.insert(to_rekey.end(), lanes.begin(), lanes.end());
  }
  for (std::size_t n = 0; n < kRekeysPerPass && !to_rekey.empty(); ++n) {
    const auto [partition, lane] = to_rekey.front();
    to_rekey.pop_front();
    JobQueue& queue = partition_at[partition]->queue;
    if (!queue.jobs_of(lane).empty()) queue.rekey(lane);
  }
}

void Controller::State::check_shares(std::vector<std::string>& problems) const {
  std::map<StandingId, std::vector<rm::Amounts>> live;
  for (const Job& job : jobs) {
    if (job.more == nullptr) continue;
    for (const auto& [index, task] : job.more->tasks)
      if (task.record.lease) live[job.standing].push_back(task.record.lease->total());
  }
  for (const auto& [task, winner] : victims) {
    const Job* job = find(task.job);
    const bool there = job != nullptr && job->more != nullptr &&
                       job->more->tasks.contains(raw(task.index)) &&
                       job->more->tasks.at(raw(task.index)).record.lease &&
                       clearings.contains(winner) && clearings.at(winner).victims.contains(task);
    if (!there) problems.push_back("a victim is remembered that is gone");
  }
  for (const auto& [at, task] : notices)
    if (!victims.contains(task)) problems.push_back("somebody has notice who is no victim");
  for (std::string& problem : ranking.check(live)) problems.push_back(std::move(problem));
}

std::vector<ShareView> Controller::shares(Now now) const {
  return state_->ranking.shares().views(now.wall);
}

const PolicyBook& Controller::policy_book() const { return state_->ranking.book(); }

std::optional<PriorityParts> Controller::priority(JobId id, const JobSpec& spec, Now now) const {
  const Job* job = state_->find(id);
  if (job == nullptr) return std::nullopt;
  return state_->ranking.parts(spec, job->standing, job->submitted, job->steps_after, now.wall);
}

void Controller::restore_usage(const std::vector<UsageRecord>& usage) {
  for (const UsageRecord& record : usage) state_->ranking.shares().restore(record);
}

}  // namespace drover::sched
