// bench/decision_bench.cpp - decisions per second of the whole controller on a large cluster.
// Exec mode: decision only (no network, no store, no process).
// LINK: drover_allocator drover::sched
// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

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

constexpr std::uint32_t kNone = ~std::uint32_t(0);

struct Running {
  NodeId node{};
  SessionId session{};
  AttemptId id;
  std::uint32_t next = kNone;  // of those that end in the same millisecond
};

// What runs, by the millisecond in which it ends: a ring of lists, longer than anything runs.
// Cheap, since it is not what is measured.
class Ends {
 public:
  static constexpr std::size_t kRing = 65'536;
  bool empty() const { return count_ == 0; }
  std::size_t size() const { return count_; }
  std::int64_t now_ms() const { return now_ms_; }
  void add(std::int64_t end_ms, Running running) {
    std::uint32_t& first = first_[std::size_t(end_ms) % kRing];
    running.next = first;
    first = free_;
    if (free_ == kNone) {
      first = std::uint32_t(all_.size());
      all_.push_back(running);
    } else {
      free_ = std::exchange(all_[first], running).next;
    }
    ++count_;
  }
  Running take() {  // time goes on to its end
    while (first_[std::size_t(now_ms_) % kRing] == kNone) ++now_ms_;
    std::uint32_t& first = first_[std::size_t(now_ms_) % kRing];
    const std::uint32_t slot = first;
    const Running done = all_[slot];
    first = std::exchange(all_[slot].next, free_);
    free_ = slot;
    --count_;
    return done;
  }

 private:
  std::vector<std::uint32_t> first_ = std::vector<std::uint32_t>(kRing, kNone);
  std::vector<Running> all_;
  std::uint32_t free_ = kNone;  // the first of all_ that is not in use
  std::size_t count_ = 0;
  std::int64_t now_ms_ = 0;
};

class Cluster {
 public:
  // The first `limited` users may hold 800 CPUs each, less than they ask for.
  Cluster(const std::string& policy, std::size_t classes, std::uint32_t users,
          std::uint32_t limited = 0)
      : controller_(config(policy, limited)) {
    for (std::uint32_t n = 0; n < kNodes; ++n) controller_.apply(node(n), now());
    controller_.finish(now());
    for (std::uint32_t user = 0; user < users; ++user)
      for (std::size_t c = user; c < std::max<std::size_t>(classes, users); c += users)
        specs_.push_back(spec_of(std::uint32_t(c % classes), user, true));
  }
  void submit() { controller_.apply(new_job(), now()); }
  // So many ends and as many submissions, all told at one moment, as a daemon tells what has come.
  void end_and_submit(int count) {
    constexpr std::size_t kAhead = 8;
    for (int i = 0; i < count; ++i) {
      if (!ends_.empty()) inputs_.push_back(end_of(ends_.take()));
      inputs_.push_back(new_job());
    }
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (i % kAhead == 0)
        for (std::size_t j = i; j < std::min(i + kAhead, inputs_.size()); ++j)
          controller_.expect(inputs_[j]);
      controller_.apply(std::move(inputs_[i]), now());
    }
    inputs_.clear();
  }
  // One turn; what was launched ends after a while that is shorter than its limit.
  void turn() {
    const auto begin = std::chrono::steady_clock::now();
    controller_.finish(now(), out_);
    for (const Action& action : out_.actions) {
      const auto* launch = std::get_if<Launch>(&action);
      if (launch == nullptr) continue;
      controller_.apply(TaskStarted{launch->node, launch->session, launch->id, now().wall}, now());
      ends_.add(ends_.now_ms() + 1 + std::int64_t(random_.below(60'000)),
                {launch->node, launch->session, launch->id});
      ++launched_;
    }
    longest_ = std::max(longest_, std::chrono::steady_clock::now() - begin);
  }
  Now now() const {
    const Time at{1'000'000 + kStepUs * ends_.now_ms()};
    return {at, at};
  }
  std::size_t running() const { return ends_.size(); }
  std::uint64_t launched() const { return launched_; }
  double longest_ms() const { return std::chrono::duration<double, std::milli>(longest_).count(); }
  void forget_longest() { longest_ = {}; }
  const Controller& controller() const { return controller_; }

 private:
  static ControllerConfig config(const std::string& policy, std::uint32_t limited) {
    ControllerConfig config;
    for (std::uint32_t user = 0; user < limited; ++user) {
      rm::QuotaRule& rule = config.quotas.emplace_back();
      rule.match = {{"user", "user" + std::to_string(user)}};
      rule.max[rm::Kind::CpuMilli] = 800'000;
    }
    config.policy = parse_policy(policy).value();
    config.inline_plan = plan();
    config.keep_records = false;
    return config;
  }

  Submit new_job() { return {ReplyToken{0}, specs_[random_.below(specs_.size())], {}}; }
  TaskEnded end_of(const Running& done) const {
    TaskEnded end;
    end.node = done.node;
    end.session = done.session;
    end.id = done.id;
    end.started = end.ended = now().wall;
    return end;
  }

  Controller controller_;
  std::vector<std::shared_ptr<const JobSpec>> specs_;
  Ends ends_;
  std::vector<Input> inputs_;  // of a turn
  TurnOutput out_;
  Prng random_{7};
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
    cluster.end_and_submit(100);
    cluster.turn();
  }
  state.SetItemsProcessed(std::int64_t(cluster.launched() - before));
  state.counters["longest_turn_ms"] = cluster.longest_ms();
  state.counters["running"] = double(cluster.running());
}
BENCHMARK(without_backlog)->Name("Decision/10000_nodes/fifo_without_backlog");

// Full, with a long queue in many classes; an event at a time. With quotas half of the users are
// at their limits, all the time.
void with_backlog(benchmark::State& state, std::uint32_t limited) {
  malloc_trim(0);
  const std::size_t before_heap = heap_bytes();
  Cluster cluster("easy", 1'000, 1'000, limited);
  const auto pending = std::size_t(state.range(0));
  for (std::uint64_t started = 10'000; started > 100;) {  // until there is no room any more
    const std::uint64_t before = cluster.launched();
    for (int i = 0; i < 10'000; ++i) cluster.submit();
    cluster.turn();
    started = cluster.launched() - before;
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
    cluster.end_and_submit(1);  // the queue stays as long as it is
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
BENCHMARK_CAPTURE(with_backlog, easy, 0)
    ->Arg(10'000)
    ->Arg(1'000'000)
    ->Iterations(20'000)
    ->Name("Decision/10000_nodes/easy_1000_classes/pending");
BENCHMARK_CAPTURE(with_backlog, easy_quotas, 500)
    ->Arg(1'000'000)
    ->Iterations(20'000)
    ->Name("Decision/10000_nodes/easy_1000_classes_500_quotas/pending");

}  // namespace
}  // namespace drover::sched
