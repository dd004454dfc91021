// tests/unit/store/model.hpp - what a store should contain, kept in plain maps beside it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "tests/unit/store/store_fixture.hpp"

namespace drover::store {

struct Model {
  std::map<JobId, sched::JobSpec> specs;
  std::map<JobId, sched::JobRecord> jobs;
  std::map<TaskId, sched::TaskRecord> tasks;
  std::map<NodeId, sched::NodeRecord> nodes;
  std::map<EventSeq, sched::Event> events;
  std::map<std::pair<std::uint32_t, std::string>, IdempotencyEntry> keys;
  Counters counters;

  // A random turn that fits: new jobs, changes to old ones, tasks, events, keys.
  CommitBatch draw(RandomValues& values, std::uint64_t new_jobs);
  void apply(const CommitBatch& batch);
  // Drops what a store with retention limits has dropped: events and closed jobs, never open ones.
  void forget_with(const Snapshot& view);
  // Everything that differs between the model and what `view` answers; empty when equal.
  std::string difference(const Snapshot& view) const;
  std::string statements_difference(const Snapshot& view) const;
};

inline CommitBatch Model::draw(RandomValues& values, std::uint64_t new_jobs) {
  CommitBatch batch;
  std::uint64_t next_job = counters.next_job_id, next_event = counters.next_event_seq;
  for (std::uint64_t i = 0; i < new_jobs; ++i) {
    const auto id = JobId(next_job++);
    batch.changes.new_jobs.push_back({id, std::make_shared<sched::JobSpec>(values.spec())});
    batch.changes.jobs.push_back(values.job(id));
    if (values.prng.chance(50)) {
      const std::string key = values.bytes(100) + std::to_string(raw(id));
      batch.idempotency.push_back({{7, key}, std::string(16, 'h'), id, values.time()});
    }
  }
  std::set<JobId> touched;
  for (std::uint64_t i = values.prng.below(4); i > 0 && !jobs.empty(); --i) {
    const auto id = JobId(1 + values.prng.below(counters.next_job_id - 1));
    if (jobs.contains(id) && touched.insert(id).second)
      batch.changes.jobs.push_back(values.job(id));
  }
  if (values.prng.chance(30) && !specs.empty()) {  // the script and its environment stay
    auto altered = std::make_shared<sched::JobSpec>(values.spec());
    altered->script = specs.rbegin()->second.script;
    altered->env = specs.rbegin()->second.env;
    altered->items = specs.rbegin()->second.items;
    batch.changes.altered.push_back({specs.rbegin()->first, std::move(altered)});
  }
  std::map<TaskId, sched::TaskRecord> changed;
  for (std::uint64_t i = values.prng.below(6); i > 0 && !jobs.empty(); --i) {
    const TaskId id{jobs.begin()->first, TaskIndex(values.prng.below(20))};
    changed[id] = values.task(id);
  }
  for (const auto& [id, task] : changed) batch.changes.tasks.push_back(task);
  if (values.prng.chance(20))
    batch.changes.nodes.push_back(values.node(NodeId(values.prng.below(9))));
  for (std::uint64_t i = values.prng.below(5) + 1; i > 0; --i)
    batch.changes.events.push_back(values.event(EventSeq(next_event++)));
  batch.changes.next_job_id = next_job;
  batch.changes.next_event_seq = next_event;
  batch.changes.next_epoch = 1'000'000;
  batch.changes.next_node_id = 10;
  return batch;
}

inline void Model::apply(const CommitBatch& batch) {
  for (const auto& job : batch.changes.new_jobs) specs[job.id] = *job.spec;
  for (const auto& job : batch.changes.altered) specs[job.id] = *job.spec;
  for (const auto& job : batch.changes.jobs) jobs[job.id] = job;
  for (const auto& task : batch.changes.tasks) tasks[task.id] = task;
  for (const auto& node : batch.changes.nodes) nodes[node.id] = node;
  for (const auto& event : batch.changes.events) events[event.seq] = event;
  for (const auto& entry : batch.idempotency) keys[{entry.key.uid, entry.key.key}] = entry;
  counters = {batch.changes.next_job_id, batch.changes.next_epoch, batch.changes.next_node_id,
              batch.changes.next_event_seq};
}

inline void Model::forget_with(const Snapshot& view) {
  std::erase_if(events, [&](const auto& event) { return event.first < *view.first_event(); });
  std::erase_if(tasks, [&](const auto& task) {
    return is_final(jobs.at(task.first.job).state) && !view.task(task.first)->has_value();
  });
  std::erase_if(
      jobs, [&](const auto& job) { return is_final(job.second.state) && !view.job(job.first); });
  std::erase_if(specs, [&](const auto& spec) { return !jobs.contains(spec.first); });
  std::erase_if(keys, [&](const auto& key) { return !jobs.contains(key.second.job); });
}

inline bool same_event(const sched::Event& a, const sched::Event& b) {
  return a.seq == b.seq && a.at == b.at && a.kind == b.kind && a.job == b.job && a.task == b.task &&
         a.attempt == b.attempt && a.uid == b.uid && a.node == b.node && a.state == b.state &&
         a.reason == b.reason && a.exit_code == b.exit_code;
}

// Each user's statements, the newest first; of who has none, none.
inline std::string Model::statements_difference(const Snapshot& view) const {
  std::map<std::uint32_t, std::vector<JobId>> want;
  for (auto at = specs.rbegin(); at != specs.rend(); ++at) {
    auto& list = want[at->second.owner.uid];
    if (at->second.statement) list.push_back(at->first);
  }
  for (const auto& [uid, list] : want) {
    std::vector<JobId> found;
    const auto good = view.visit_statements(uid, JobId{}, [&](const auto& job, const auto& spec) {
      if (spec.owner.uid == uid && spec.statement) found.push_back(job.id);
      return true;
    });
    if (!good) return good.error().message;
    if (found != list)
      return "statements of " + std::to_string(uid) + ": " + std::to_string(found.size()) + " of " +
             std::to_string(list.size());
  }
  return {};
}

inline std::string Model::difference(const Snapshot& view) const {
  const auto found = view.counters();
  if (!found) return found.error().message;
  if (found->next_job_id != counters.next_job_id || found->next_epoch != counters.next_epoch ||
      found->next_event_seq != counters.next_event_seq)
    return "counters";
  for (const auto& [id, spec] : specs) {
    const auto read = view.spec(id, true);
    if (!read) return read.error().message;
    if (*read != spec) return "spec " + std::to_string(raw(id));
  }
  auto expected = jobs.rbegin();
  std::string wrong;
  const auto visited = view.visit_jobs(JobId{}, false, [&](const auto& job, const auto& spec) {
    if (expected == jobs.rend() || job != expected->second) wrong = "visit";
    if (wrong.empty() &&
        (!spec.script.empty() || !spec.env.empty() || spec.comment != specs.at(job.id).comment))
      wrong = "visited spec";
    if (wrong.empty()) ++expected;
    return wrong.empty();
  });
  if (!visited) return visited.error().message;
  if (!wrong.empty() || expected != jobs.rend()) return "jobs: " + wrong;
  if (const std::string listed = statements_difference(view); !listed.empty()) return listed;
  for (const auto& [id, task] : tasks) {
    const auto read = view.task(id);
    if (!read) return read.error().message;
    if (*read != task) return "task " + std::to_string(raw(id.job));
  }
  const auto all_nodes = view.nodes();
  if (!all_nodes) return all_nodes.error().message;
  if (all_nodes->size() != nodes.size()) return "nodes";
  for (const auto& node : *all_nodes)
    if (nodes.at(node.id) != node) return "node " + node.name;
  const auto log = view.events(EventSeq{}, 1'000'000);
  if (!log) return log.error().message;
  if (log->size() != events.size()) return "events: " + std::to_string(log->size());
  for (const auto& event : *log)
    if (!same_event(events.at(event.seq), event)) return "event";
  for (const auto& [key, entry] : keys) {
    const auto read = view.find_idempotent({key.first, key.second});
    if (!read) return read.error().message;
    if (!*read || (*read)->job != entry.job || (*read)->body_hash != entry.body_hash) return "key";
  }
  return "";
}

}  // namespace drover::store
