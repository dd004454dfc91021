// bench/dag_bench.cpp - what the five stages and an execution cost per job.
// LINK: drover::dag
// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include "dag/compile.hpp"
#include "dag/execution.hpp"

namespace {

using namespace drover;
using namespace drover::dag;

// A chain with a fan in every step: edges grow with the steps.
JobRequest workflow(std::int64_t steps) {
  JobRequest request;
  request.name = "bench";
  for (std::int64_t s = 0; s < steps; ++s) {
    StepRequest step;
    step.name = steps == 1 ? "" : "s" + std::to_string(s);
    step.code = "#!/bin/sh\ntrue\n";
    for (std::int64_t back = 1; back <= 3 && back <= s; ++back)
      step.after.push_back("s" + std::to_string(s - back));
    request.steps.push_back(std::move(step));
  }
  return request;
}

void compile_known_shape(benchmark::State& state) {
  PlanCache cache;
  const JobRequest request = workflow(state.range(0));
  if (!compile(request, cache)) return state.SkipWithError("the request does not compile");
  for (auto _ : state) benchmark::DoNotOptimize(compile(request, cache));
  state.SetComplexityN(state.range(0));
}
BENCHMARK(compile_known_shape)
    ->Name("CompileKnownShape/steps")
    ->Arg(1)
    ->Arg(10)
    ->Arg(100)
    ->Arg(1000);

void compile_new_shape(benchmark::State& state) {
  const JobRequest request = workflow(state.range(0));
  if (!compile(request)) return state.SkipWithError("the request does not compile");
  for (auto _ : state) benchmark::DoNotOptimize(compile(request));
  state.SetComplexityN(state.range(0));
}
BENCHMARK(compile_new_shape)->Name("CompileNewShape/steps")->Arg(1)->Arg(10)->Arg(100)->Arg(1000);

void execute(benchmark::State& state) {
  const auto plan = *compile(workflow(state.range(0)));
  for (auto _ : state) {
    Execution execution(plan);
    while (!execution.is_done()) {
      const PlanNode next = execution.ready().front();
      benchmark::DoNotOptimize(execution.complete(next, true));
    }
    if (!execution.is_ok()) return state.SkipWithError("the plan did not succeed");
  }
  state.SetItemsProcessed(state.range(0) * state.iterations());
}
BENCHMARK(execute)->Name("Execute/steps")->Arg(1)->Arg(10)->Arg(100)->Arg(1000);

}  // namespace
