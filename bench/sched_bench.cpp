// bench/sched_bench.cpp - what the controller costs: a job's walk, and memory of one that waits.
// LINK: drover::sched
// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstdlib>

#include "dag/compile.hpp"
#include "sched/controller.hpp"

namespace drover::sched {
namespace {

std::shared_ptr<const dag::PhysicalPlan> plan() {
  dag::StepRequest step;
  step.argv = {"true"};
  dag::JobRequest request;
  request.name = "bench";
  request.steps.push_back(step);
  return dag::compile(std::move(request)).value();
}

std::shared_ptr<const JobSpec> spec_of(std::uint64_t user) {
  auto spec = std::make_shared<JobSpec>();
  spec->user = "user" + std::to_string(user);
  spec->owner.uid = std::uint32_t(1000 + user);
  spec->name = "bench";
  spec->argv = {"true"};
  spec->labels = {{"user", spec->user}, {"creator", "cli"}};
  spec->array = IndexSet::single(0);
  return spec;
}

NodeUp node(std::uint16_t cores) {
  NodeUp up;
  up.spec.name = "n1";
  up.spec.topology = rm::make_topology(1, 1, cores, 1, 100'000);
  up.boot_id = "b";
  up.session = SessionId{1};
  return up;
}

// Submit, compile, launch, start and end `batch` jobs of one group in three turns.
void walk(Controller& controller, const std::shared_ptr<const JobSpec>& spec,
          const std::shared_ptr<const dag::PhysicalPlan>& shape, std::int64_t batch, Now now) {
  for (std::int64_t i = 0; i < batch; ++i) controller.apply(Submit{ReplyToken{1}, spec, {}}, now);
  std::int64_t ended = 0;
  for (int turns = 0; ended < batch && turns < 100'000; ++turns) {
    for (const Action& action : controller.finish(now).actions) {
      if (const auto* compile = std::get_if<CompileJob>(&action))
        controller.apply(PlanReady{compile->job, compile->group, shape}, now);
      if (const auto* launch = std::get_if<Launch>(&action)) {
        controller.apply(TaskStarted{launch->node, launch->session, launch->id, now.wall}, now);
        TaskEnded end;
        end.node = launch->node;
        end.session = launch->session;
        end.id = launch->id;
        end.started = end.ended = now.wall;
        controller.apply(std::move(end), now);
        ++ended;
      }
    }
  }
  if (ended != batch || controller.stats().tasks_active != 0) std::abort();
}

void whole_walk(benchmark::State& state) {
  const Now now{{1'000'000}, {1'000'000}};
  Controller controller({});
  controller.apply(node(64), now);
  const auto spec = spec_of(1);
  const auto shape = plan();
  for (auto _ : state) walk(controller, spec, shape, state.range(0), now);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(whole_walk)->Arg(1)->Arg(64)->Name("Controller/walk");

// Jobs that wait, spread over groups; the counter is bytes of heap per job.
void waiting_jobs(benchmark::State& state) {
  const Now now{{1'000'000}, {1'000'000}};
  const auto users = std::uint64_t(state.range(1));
  std::vector<std::shared_ptr<const JobSpec>> specs;
  for (std::uint64_t u = 0; u < users; ++u) specs.push_back(spec_of(u));
  double bytes = 0;
  for (auto _ : state) {
    Controller controller({});
    const std::size_t before = mallinfo2().uordblks;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      controller.apply(Submit{ReplyToken{0}, specs[std::uint64_t(i) % users], {}}, now);
      if (i % 1000 == 0) benchmark::DoNotOptimize(controller.finish(now));
    }
    benchmark::DoNotOptimize(controller.finish(now));
    bytes = double(mallinfo2().uordblks - before) / double(state.range(0));
  }
  state.counters["bytes_per_job"] = bytes;
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(waiting_jobs)
    ->Args({1'000'000, 1})
    ->Args({1'000'000, 50'000})
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1)
    ->Name("Controller/waiting");

void array_of_a_million(benchmark::State& state) {
  const Now now{{1'000'000}, {1'000'000}};
  auto spec = std::make_shared<JobSpec>(*spec_of(1));
  spec->is_array = true;
  spec->array = IndexSet::from_runs({{0, 999'999, 1}});
  Controller controller({});
  for (auto _ : state) {
    controller.apply(Submit{ReplyToken{1}, spec, {}}, now);
    benchmark::DoNotOptimize(controller.finish(now));
  }
}
BENCHMARK(array_of_a_million)->Iterations(1000)->Name("Controller/submit_array:1000000");

}  // namespace
}  // namespace drover::sched
