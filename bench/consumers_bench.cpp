// bench/consumers_bench.cpp - jobs per second through the consumers, and what 10,000 groups cost.
// LINK: drover::sched
// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <condition_variable>
#include <mutex>

#include "sched/consumers.hpp"

namespace {

using namespace drover;
using namespace drover::sched;

constexpr std::size_t kJobs = 50'000;

Result<dag::JobRequest> load(JobId) {
  dag::StepRequest step;
  step.code = "#!/bin/sh\nexec ./run --input data\n";
  dag::JobRequest request;
  request.name = "run";
  request.labels = {{"creator", "cli"}, {"user", "ann"}};
  request.steps.push_back(std::move(step));
  return request;
}

void consume(benchmark::State& state) {
  std::mutex mutex;
  std::condition_variable more;
  std::size_t answered = 0;
  Consumers consumers(unsigned(state.range(0)), load, [&](std::vector<PlanReady> batch) {
    const std::lock_guard lock(mutex);
    for (const PlanReady& one : batch)
      if (one.plan) ++answered;
    more.notify_one();
  });
  std::vector<CompileJob> jobs;
  for (std::uint64_t id = 0; id < kJobs; ++id)
    jobs.push_back({JobId{id}, GroupId(std::uint32_t(id % std::uint64_t(state.range(1))))});
  for (auto _ : state) {
    answered = 0;
    consumers.submit(jobs);
    std::unique_lock lock(mutex);
    more.wait(lock, [&] { return answered == kJobs; });
  }
  state.SetItemsProcessed(std::int64_t(kJobs) * state.iterations());
  state.counters["jobs_per_batch"] =
      double(consumers.stats().compiled) / double(consumers.stats().batches);
}
BENCHMARK(consume)
    ->Name("Consumers")
    ->ArgNames({"threads", "groups"})
    ->ArgsProduct({{1, 2}, {1, 100, 10'000}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
