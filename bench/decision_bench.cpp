// bench/decision_bench.cpp - decisions per second of the whole controller on a large cluster.
// Exec mode: decision only (no network, no store, no process).
// LINK: drover_allocator drover::sched
// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <queue>

#include "base/prng.hpp"
#include "dag/compile.hpp"
#include "sched/controller.hpp"

extern "C" __attribute__((weak)) int mallctl(const char* name, void* old, std::size_t* old_size,
                                             void* now, std::size_t now_size);

namespace drover::sched {
namespace {

// Allocated and not freed, by whatever allocator this is linked with.
std::size_t heap_bytes() {
  if (mallctl == nullptr) return mallinfo2().uordblks;
  std::uint64_t epoch = 1;  // writing it brings the statistics up to date
  std::size_t bytes = 0, size = sizeof epoch;
  mallctl("epoch", &epoch, &size, &epoch, size);
  size = sizeof bytes;
  mallctl("stats.allocated", &bytes, &size, nullptr, 0);
  return bytes;
}

constexpr std::uint32_t kNodes = 10'000;
constexpr std::int64_t kStepUs = 1'000;

std::shared_ptr<const dag::PhysicalPlan> plan() {
  dag::StepRequest step;
  step.argv = {"true"};
  dag::JobRequest request;
  request.name = "bench";
  request.steps.push_back(step);
  return dag::compile(std::move(request)).value();
}

// A request in three resources; every class is another one.
std::shared_ptr<const JobSpec> spec_of(std::uint32_t number, std::uint32_t user, bool gpus) {
  auto spec = std::make_shared<JobSpec>();
  Prng random(number + 1);
  spec->user = "user" + std::to_string(user);
  spec->owner.uid = 1000 + user;
  spec->name = "bench";
  spec->argv = {"true"};
  spec->labels = {{"user", spec->user}, {"creator", "cli"}};
  spec->array = IndexSet::single(0);
  spec->request.cpus = 1 + std::int64_t(random.below(random.chance(10) ? 128 : 16));
  spec->request.mem_mib = 256 * (1 + std::int64_t(random.below(64))) + number;
  spec->request.gpus = gpus && random.chance(20) ? 1 + std::int64_t(random.below(4)) : 0;
  spec->time_limit = seconds(60 * (1 + std::int64_t(random.below(240))));
  return spec;
}

NodeUp node(std::uint32_t number) {
  NodeUp up;
  up.spec.name = "n" + std::to_string(number);
  up.spec.topology = rm::make_topology(2, 4, 16, 1, 65'536);
  for (std::uint16_t g = 0; g < 4; ++g)
    up.spec.topology.gpus.push_back(
        {"a100", "0000:0" + std::to_string(g), g, std::uint16_t(2 * g)});
  up.boot_id = "b";
  up.session = SessionId{number + 1};
  return up;
}

struct Running {
  NodeId node{};
  SessionId session{};
  AttemptId id;
};

struct End {  // small: the benchmark's own heap is not what is measured
  std::int64_t end_us = 0;
  JobId job{};
  std::uint32_t slot = 0;  // of what runs
  friend auto operator<=>(const End&, const End&) = default;
};

class Cluster {
 public:
  Cluster(const std::string& policy, std::size_t classes, std::uint32_t users)
      : controller_(config(policy)) {
    for (std::uint32_t n = 0; n < kNodes; ++n) controller_.apply(node(n), now());
    controller_.finish(now());
    for (std::uint32_t user = 0; user < users; ++user)
      for (std::size_t c = user; c < std::max<std::size_t>(classes, users); c += users)
        specs_.push_back(spec_of(std::uint32_t(c % classes), user, true));
  }
  void submit() {
    controller_.apply(Submit{ReplyToken{0}, specs_[random_.below(specs_.size())], {}}, now());
  }
  // One turn; what was launched ends after a while that is shorter than its limit.
  void turn() {
    const auto begin = std::chrono::steady_clock::now();
    controller_.finish(now(), out_);
    for (const Action& action : out_.actions) {
      const auto* launch = std::get_if<Launch>(&action);
      if (launch == nullptr) continue;
      controller_.apply(TaskStarted{launch->node, launch->session, launch->id, now().wall}, now());
      const std::uint32_t slot = take_slot();
      running_[slot] = {launch->node, launch->session, launch->id};
      ends_.push({now_us_ + kStepUs * (1 + std::int64_t(random_.below(60'000))),
                  launch->id.task.job, slot});
      ++launched_;
    }
    longest_ = std::max(longest_, std::chrono::steady_clock::now() - begin);
  }
  void end_one() {
    if (ends_.empty()) return;
    const End first = ends_.top();
    ends_.pop();
    const Running& done = running_[first.slot];
    free_slots_.push_back(first.slot);
    now_us_ = std::max(now_us_, first.end_us);
    TaskEnded end;
    end.node = done.node;
    end.session = done.session;
    end.id = done.id;
    end.started = end.ended = now().wall;
    controller_.apply(std::move(end), now());
  }
  Now now() const { return {{1'000'000 + now_us_}, {1'000'000 + now_us_}}; }
  std::size_t running() const { return ends_.size(); }
  std::uint64_t launched() const { return launched_; }
  double longest_ms() const { return std::chrono::duration<double, std::milli>(longest_).count(); }
  void forget_longest() { longest_ = {}; }
  const Controller& controller() const { return controller_; }

 private:
  static ControllerConfig config(const std::string& policy) {
    ControllerConfig config;
    config.policy = parse_policy(policy).value();
    config.inline_plan = plan();
    config.keep_records = false;
    return config;
  }

  std::uint32_t take_slot() {
    if (free_slots_.empty()) {
      running_.emplace_back();
      return std::uint32_t(running_.size() - 1);
    }
    const std::uint32_t slot = free_slots_.back();
    free_slots_.pop_back();
    return slot;
  }

  Controller controller_;
  std::vector<std::shared_ptr<const JobSpec>> specs_;
  std::vector<Running> running_;
  std::vector<std::uint32_t> free_slots_;
  std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
  TurnOutput out_;
  Prng random_{7};
  std::int64_t now_us_ = 0;
  std::uint64_t launched_ = 0;
  std::chrono::steady_clock::duration longest_{};
};

// Half full: whatever comes is placed at once, and as much ends.
void without_backlog(benchmark::State& state) {
  Cluster cluster("fcfs", 200, 50);
  for (int i = 0; i < 40'000; ++i) cluster.submit();
  cluster.turn();
  cluster.forget_longest();
  const std::uint64_t before = cluster.launched();
  for (auto _ : state) {
    for (int i = 0; i < 100; ++i) {
      cluster.end_one();
      cluster.submit();
    }
    cluster.turn();
  }
  state.SetItemsProcessed(std::int64_t(cluster.launched() - before));
  state.counters["longest_turn_ms"] = cluster.longest_ms();
  state.counters["running"] = double(cluster.running());
}
BENCHMARK(without_backlog)->Name("Decision/10000_nodes/fifo_without_backlog");

// Full, with a long queue in many classes; an event at a time.
void with_backlog(benchmark::State& state) {
  malloc_trim(0);
  const std::size_t before_heap = heap_bytes();
  Cluster cluster("easy", 1'000, 1'000);
  const auto pending = std::size_t(state.range(0));
  while (cluster.controller().stats().jobs_open == cluster.running()) {
    for (int i = 0; i < 10'000; ++i) cluster.submit();
    cluster.turn();
  }
  const std::size_t full_heap = heap_bytes();
  const std::size_t waiting = cluster.controller().stats().jobs_open - cluster.running();
  for (std::size_t i = waiting; i < pending; ++i) cluster.submit();
  cluster.turn();
  const std::size_t after_heap = heap_bytes();
  cluster.forget_longest();
  const std::uint64_t before = cluster.launched();
  const std::uint64_t tried = cluster.controller().stats().placements_tried;
  for (auto _ : state) {
    cluster.end_one();
    cluster.submit();  // the queue stays as long as it is
    cluster.turn();
  }
  state.SetItemsProcessed(std::int64_t(cluster.launched() - before));
  state.counters["longest_turn_ms"] = cluster.longest_ms();
  state.counters["bytes_per_pending"] = double(after_heap - full_heap) / double(pending - waiting);
  state.counters["heap_mib"] = double(after_heap - before_heap) / 1048576.0;
  state.counters["running"] = double(cluster.running());
  state.counters["tries_per_event"] =
      double(cluster.controller().stats().placements_tried - tried) / double(state.iterations());
}
BENCHMARK(with_backlog)
    ->Arg(10'000)
    ->Arg(1'000'000)
    ->Iterations(20'000)
    ->Name("Decision/10000_nodes/easy_1000_classes/pending");

}  // namespace
}  // namespace drover::sched
