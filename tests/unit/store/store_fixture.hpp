// tests/unit/store/store_fixture.hpp - random values and a private folder for store tests.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.hpp"
#include "store/store.hpp"

namespace drover::store {

// A folder of our own that disappears at the end.
class PrivateFolder {
 public:
  // In memory where possible: no test here is about the disk's speed.
  PrivateFolder() {
    const bool memory = ::access("/dev/shm", W_OK) == 0;
    std::string name =
        (memory ? std::string("/dev/shm") : ::testing::TempDir()) + "/drover-store-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  ~PrivateFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline StoreOptions small_options(const std::string& dir) {
  StoreOptions options;
  options.dir = dir;
  options.map_initial_mib = 1;
  options.map_max_mib = 1024;
  options.reserve_mib = 0;
  return options;
}

// SEED=n in the environment replays a run; the seed is part of every failure.
inline std::uint64_t test_seed() {
  const char* given = std::getenv("SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 20261;
}

struct RandomValues {
  Prng prng;

  std::string bytes(std::size_t most) {
    std::string text(prng.below(most + 1), '\0');
    for (char& c : text) c = char(prng.next());
    return text;
  }
  std::string word() { return "w" + std::to_string(prng.below(1000)); }
  std::int64_t number() { return std::int64_t(prng.next() >> prng.below(64)); }
  std::int32_t small() { return std::int32_t(prng.next()); }
  Time time() { return {number()}; }
  rm::Labels labels() {
    rm::Labels made;
    for (std::uint64_t i = prng.below(4); i > 0; --i) made[word()] = bytes(20);
    return made;
  }

  sched::JobSpec spec();
  void later_fields(sched::JobSpec& spec);
  sched::JobRecord job(JobId id);
  sched::TaskRecord task(TaskId id);
  sched::NodeRecord node(NodeId id);
  sched::Event event(EventSeq seq);
};

inline sched::JobSpec RandomValues::spec() {
  sched::JobSpec spec;
  spec.owner = {std::uint32_t(prng.next()), std::uint32_t(prng.next())};
  spec.user = word();
  spec.name = bytes(20);
  // Few different long contents, so that blobs are shared; some short ones that stay inline.
  if (prng.chance(70)) spec.script = "#!/bin/sh\n" + std::string(prng.below(4) * 400, 'x');
  if (prng.chance(20)) spec.script += bytes(2000);
  for (std::uint64_t i = prng.below(3); i > 0; --i) spec.argv.push_back(bytes(30));
  for (std::uint64_t i = prng.below(40); i > 0; --i) spec.env.push_back("NAME=" + word());
  spec.cwd = "/" + bytes(40);
  spec.out = bytes(20);
  spec.err = bytes(20);
  spec.in = bytes(20);
  spec.append_output = prng.chance(50);
  spec.request.cpus = number(), spec.request.mem_mib = number(), spec.request.gpus = number();
  spec.request.gpu_model = word(), spec.request.exclusive = prng.chance(50);
  spec.request.node_labels = labels();
  spec.request.constraint = word();
  for (std::uint64_t i = prng.below(3); i > 0; --i) spec.request.licences[word()] = number();
  for (std::uint64_t i = prng.below(3); i > 0; --i) spec.request.resources[word()] = number();
  spec.request.gpu_share = number();
  spec.request.nodes = std::int64_t(1 + prng.below(9));
  spec.ntasks_per_node = small();
  spec.ntasks = small();
  spec.cpus_per_task = small();
  spec.time_limit = {number()};
  spec.warn = {small(), small()};
  spec.is_array = prng.chance(50);
  spec.array = spec.is_array
                   ? IndexSet::from_runs({{0, 8, 2}, {100, 101 + std::uint32_t(prng.below(99)), 1}})
                   : IndexSet::single(0);
  spec.array_throttle = std::uint32_t(prng.next());
  spec.hold = prng.chance(50);
  spec.begin = time();
  spec.priority = small();
  spec.comment = bytes(40);
  spec.labels = labels();
  spec.requeue = prng.chance(50);
  for (std::uint64_t i = prng.below(3); i > 0; --i)
    spec.dependencies.push_back(
        {sched::DependencyKind(prng.below(5)), JobId(prng.next()), small()});
  spec.dependency_any = prng.chance(50);
  spec.keep_invalid = prng.chance(50);
  spec.nice = small();
  spec.deadline = {std::int64_t(prng.below(1u << 30))};
  spec.max_failures = std::uint32_t(prng.below(9));
  if (prng.chance(50)) {
    const auto small = [&] { return std::int32_t(prng.below(5)); };
    spec.request.cores = {small(), prng.chance(50), small(), prng.chance(50),
                          small(), small(),         small()};
    spec.request.nodes_max = small();
    spec.request.tasks = small();
    spec.request.contiguous = prng.chance(50);
    spec.layout = {rm::NodeDealing(prng.below(3)),
                   small(),
                   rm::SocketDealing(prng.below(3)),
                   small(),
                   small(),
                   small(),
                   small(),
                   small(),
                   rm::CpuBind(prng.below(6)),
                   rm::MemBind(prng.below(2)),
                   prng.chance(50)};
  }
  later_fields(spec);
  spec.singleton = prng.chance(50);
  return spec;
}

inline void RandomValues::later_fields(sched::JobSpec& spec) {
  spec.reservation = bytes(8);
  spec.request.sole_user = number();
  for (std::uint64_t i = prng.chance(20) ? 1 + prng.below(3) : 0; i > 0; --i) {
    rm::Request component;
    component.cpus = number();
    component.nodes = 1 + std::int64_t(prng.below(9));
    component.licences["matlab"] = 1 + std::int64_t(prng.below(9));
    component.constraint = bytes(9);
    spec.request.more.add(component);
    rm::TaskRules rules;
    rules.plane = small();
    spec.more_tasks.push_back({small(), small(), small(), rules});
  }
  if (prng.chance(30))
    spec.retry = {
        std::uint32_t(prng.below(9)),    std::uint32_t(prng.next()), {number()}, {number()},
        sched::RetryOn(prng.below(128)), {small(), small()}};
  for (std::uint64_t i = prng.chance(30) ? prng.below(50) : 0; i > 0; --i)
    spec.items.add(bytes(30));
  if (prng.chance(30))
    spec.statement = sched::Statement{word(), word(), word(), word(), word(), bytes(200)};
  if (spec.statement && prng.chance(30))
    spec.statement->runs_as =
        sched::Account{{std::uint32_t(prng.next()), std::uint32_t(prng.next())}, "a" + word()};
}

inline sched::JobRecord RandomValues::job(JobId id) {
  sched::JobRecord job;
  job.id = id;
  job.state = sched::JobState(prng.below(8));
  job.reason = sched::Reason(prng.below(20));
  job.detail = bytes(30);
  job.submitted = time();
  job.started = time();
  job.ended = time();
  job.priority = small();
  job.held = prng.chance(50);
  job.cursor = std::uint32_t(prng.next());
  job.cursor_set = prng.chance(50);
  job.counts = {prng.next(), prng.next(), prng.next(), prng.next(), prng.next()};
  job.exit_code = small();
  job.throttle = std::uint32_t(prng.next());
  job.revision = std::uint32_t(prng.next());
  job.counterparts = std::uint32_t(prng.next());
  job.dependencies_met = prng.chance(50);
  job.dependencies_never = prng.chance(50);
  job.singleton_met = prng.chance(50);
  job.starts_known = prng.chance(50);
  for (auto n = prng.below(3); n-- > 0;) job.starts_left.push_back(JobId{prng.next()});
  job.begin = {std::int64_t(prng.below(1u << 30))};
  if (prng.chance(30)) job.place_from = time();
  for (auto n = prng.below(4); n-- > 0;) job.place_on.push_back(NodeId{std::uint32_t(prng.next())});
  return job;
}

inline sched::TaskRecord RandomValues::task(TaskId id) {
  sched::TaskRecord task;
  task.id = id;
  task.state = sched::TaskState(prng.below(8));
  task.reason = sched::Reason(prng.below(20));
  task.attempt = AttemptNo(prng.next());
  task.epoch = Epoch(prng.below(1'000'000));
  task.node = word();
  if (!is_final(task.state) && prng.chance(70)) {
    rm::Lease& lease = task.lease.emplace();
    lease.node = NodeId(prng.next());
    for (std::int64_t& amount : lease.amounts.of) amount = number() & (rm::kMaxAmount - 1);
    for (std::uint64_t i = prng.below(5); i > 0; --i)
      lease.pus.push_back(std::uint16_t(prng.next()));
    for (std::uint64_t i = prng.below(3); i > 0; --i)
      lease.gpus.push_back(std::uint16_t(prng.next()));
    lease.used = prng.chance(50);
    lease.sole_user = number();
    for (std::uint64_t n = prng.chance(30) ? prng.below(4) : 0; n > 0; --n) {
      rm::NodePart& part = lease.more.emplace_back();
      part.node = NodeId(prng.next());
      part.component = std::uint16_t(prng.next());
      for (std::int64_t& amount : part.amounts.of) amount = number() & (rm::kMaxAmount - 1);
      part.pus.push_back(std::uint16_t(prng.next()));
    }
  }
  task.host = JobId(prng.next());
  task.exit_code = small();
  task.term_signal = small();
  task.placed = time();
  task.started = time();
  task.ended = time();
  task.usage = {number(), number(), number()};
  task.node_losses = std::uint32_t(prng.next());
  task.preempted_by = JobId(prng.next());
  task.gives_way = sched::PreemptMode(prng.below(4));
  task.notice = time();
  task.suspended = time();
  task.suspended_for = {number()};
  if (prng.chance(20)) task.asleep.emplace_back().node = NodeId(prng.next());
  task.retries = std::uint32_t(prng.next());
  task.retry_at = time();
  task.counterparts = std::uint32_t(prng.next());
  for (std::uint64_t n = prng.below(3); n > 0; --n)
    task.last_pus.push_back(std::uint16_t(prng.next()));
  for (std::uint64_t n = prng.below(3); n > 0; --n)
    task.last_gpus.push_back(std::uint16_t(prng.next()));
  return task;
}

inline sched::NodeRecord RandomValues::node(NodeId id) {
  sched::NodeRecord node{id, word(), bytes(36), sched::Service(prng.below(4)), bytes(40), {}};
  if (prng.chance(50)) node.labels = {labels(), {word()}};
  return node;
}

inline sched::Event RandomValues::event(EventSeq seq) {
  sched::Event event;
  event.seq = seq;
  event.at = time();
  event.kind = sched::EventKind(prng.below(25));
  event.job = JobId(prng.next());
  if (prng.chance(50)) event.task = TaskIndex(prng.next());
  event.attempt = AttemptNo(prng.next());
  event.uid = std::uint32_t(prng.next());
  event.node = word();
  event.state = word();
  event.reason = sched::Reason(prng.below(20));
  event.exit_code = small();
  return event;
}

}  // namespace drover::store
