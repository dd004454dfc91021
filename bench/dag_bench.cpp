// bench/dag_bench.cpp - what compiling and executing cost per task, beside a oneTBB flow graph.
// LINK: drover::cli drover::dag TBB::tbb
// SPDX-License-Identifier: Apache-2.0
//
// Exec mode: none. Tasks do nothing; what is measured is the bookkeeping of who may run next.
#include <benchmark/benchmark.h>
#include <malloc.h>
#include <tbb/flow_graph.h>
#include <tbb/global_control.h>

#include <atomic>
#include <cstdlib>
#include <deque>
#include <queue>

#include "base/prng.hpp"
#include "cli/file_text.hpp"
#include "dag/compile.hpp"
#include "dag/execution.hpp"
#include "dag/read_workflow.hpp"
#include "dag/wfformat.hpp"
#include "dag/workflow_plan.hpp"

namespace {

using namespace drover;
using namespace drover::dag;

constexpr std::int64_t kLayer = 1000;

StepRequest step(std::int64_t number) {
  StepRequest step;
  step.name = "s" + std::to_string(number);
  step.code = "#!/bin/sh\ntrue\n";
  return step;
}

// A chain with a fan in every step: edges grow with the steps.
JobRequest chain(std::int64_t steps) {
  JobRequest request;
  request.name = "bench";
  for (std::int64_t s = 0; s < steps; ++s) {
    request.steps.push_back(step(s));
    if (steps == 1) request.steps.back().name.clear();
    for (std::int64_t back = 1; back <= 3 && back <= s; ++back)
      request.steps.back().after.push_back("s" + std::to_string(s - back));
  }
  return request;
}

// Layers of 1,000; each task waits for two of the layer before: itself, so to say, and any.
JobRequest layers(std::int64_t steps) {
  JobRequest request;
  request.name = "bench";
  Prng random(1);
  for (std::int64_t s = 0; s < steps; ++s) {
    request.steps.push_back(step(s));
    if (s < kLayer) continue;
    const std::int64_t layer = s / kLayer * kLayer - kLayer;
    request.steps.back().after = {"s" + std::to_string(s - kLayer),
                                  "s" + std::to_string(layer + std::int64_t(random.below(kLayer)))};
  }
  return request;
}

// top -> two -> bottom, which is the next one's top.
JobRequest diamonds(std::int64_t steps) {
  JobRequest request;
  request.name = "bench";
  for (std::int64_t s = 0; s < steps; ++s) {
    request.steps.push_back(step(s));
    std::vector<std::string>& after = request.steps.back().after;
    if (s % 3 == 0 && s > 0)
      after = {"s" + std::to_string(s - 1), "s" + std::to_string(s - 2)};
    else if (s > 0)
      after = {"s" + std::to_string(s / 3 * 3)};
  }
  return request;
}

using Shape = JobRequest (*)(std::int64_t);

void compile_known_shape(benchmark::State& state) {
  PlanCache cache;
  const JobRequest request = chain(state.range(0));
  if (!compile(request, cache)) return state.SkipWithError("the request does not compile");
  for (auto _ : state) benchmark::DoNotOptimize(compile(request, cache));
}
BENCHMARK(compile_known_shape)->Name("CompileKnownShape/steps")->Arg(1)->Arg(10)->Arg(64);

// The request is copied outside the time that is measured; `bytes_per_task`: what the plan keeps.
void compile_new_shape(benchmark::State& state, Shape shape) {
  const JobRequest request = shape(state.range(0));
  std::size_t bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    JobRequest copy = request;
    state.ResumeTiming();
    const auto plan = compile(std::move(copy));
    if (!plan) return state.SkipWithError(plan.error().message.c_str());
    bytes = (*plan)->bytes();
  }
  state.SetItemsProcessed(state.range(0) * state.iterations());
  state.counters["bytes_per_task"] = double(bytes) / double(state.range(0));
}
BENCHMARK_CAPTURE(compile_new_shape, chain, chain)->Arg(1)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(compile_new_shape, layers, layers)
    ->Arg(10'000)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(compile_new_shape, diamonds, diamonds)
    ->Arg(10'000)
    ->Arg(100'000)
    ->Unit(benchmark::kMillisecond);

// Whoever became ready first ends first.
void execute(benchmark::State& state, Shape shape) {
  const auto plan = compile(shape(state.range(0)));
  if (!plan) return state.SkipWithError(plan.error().message.c_str());
  std::vector<PlanNode> running;
  for (auto _ : state) {
    Execution execution(*plan);
    running = execution.ready();
    for (std::size_t i = 0; i < running.size(); ++i) {
      const auto step = execution.complete(running[i], Mark::Succeeded);
      running.insert(running.end(), step->ready.begin(), step->ready.end());
    }
    if (!execution.is_ok()) return state.SkipWithError("the plan did not succeed");
  }
  state.SetItemsProcessed(state.range(0) * state.iterations());
}
BENCHMARK_CAPTURE(execute, chain, chain)->Arg(1)->Arg(1000);
BENCHMARK_CAPTURE(execute, layers, layers)
    ->Arg(10'000)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(execute, diamonds, diamonds)
    ->Arg(10'000)
    ->Arg(100'000)
    ->Unit(benchmark::kMillisecond);

// The same plan as a flow graph of continue_nodes on one thread; making it is not measured.
void flow_graph(benchmark::State& state, Shape shape) {
  const auto compiled = compile(shape(state.range(0)));
  if (!compiled) return state.SkipWithError(compiled.error().message.c_str());
  const PhysicalPlan& plan = **compiled;
  const tbb::global_control one(tbb::global_control::max_allowed_parallelism, 1);
  using Node = tbb::flow::continue_node<tbb::flow::continue_msg>;
  tbb::flow::graph graph;
  std::atomic<std::int64_t> ran = 0;
  std::deque<Node> nodes;
  for (std::uint32_t v = 0; v < plan.size(); ++v)
    nodes.emplace_back(graph, [&ran](const tbb::flow::continue_msg& done) {
      ran.fetch_add(1, std::memory_order_relaxed);
      return done;
    });
  for (std::uint32_t v = 0; v < plan.size(); ++v)
    for (const PlanNode next : plan.successors(PlanNode{v}))
      tbb::flow::make_edge(nodes[v], nodes[std::size_t(next)]);
  for (auto _ : state) {
    ran = 0;
    for (std::uint32_t v = 0; v < plan.size(); ++v)
      if (plan.predecessors(PlanNode{v}) == 0) nodes[v].try_put({});
    graph.wait_for_all();
    if (ran != plan.size()) return state.SkipWithError("not every node ran");
  }
  state.SetItemsProcessed(state.range(0) * state.iterations());
}
BENCHMARK_CAPTURE(flow_graph, layers, layers)
    ->Arg(10'000)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(flow_graph, diamonds, diamonds)->Arg(100'000)->Unit(benchmark::kMillisecond);

// Recorded workflows on virtual time, one processor per task. They are not ours to ship: what is
// not in $DROVER_TRACES/dag (default ../shared/traces/dag) is left out.
struct Recorded {
  RecordedWorkflow tasks;
  WorkflowPlan plan;
};

Result<Recorded> recorded(const std::string& file) {
  const char* directory = std::getenv("DROVER_TRACES");
  const std::string path =
      std::string(directory != nullptr ? directory : "../shared/traces") + "/dag/" + file;
  auto text = cli::file_text(path, kRecordBytesMax);
  if (!text) return fail(text.error());
  auto tasks = read_wfformat(*text, file);
  if (!tasks) return fail(tasks.error());
  Bundle bundle;
  bundle.origin = file;
  bundle.text = to_toml(*tasks);
  const auto flow = read_workflow(bundle);
  if (!flow) return fail(flow.error());
  auto plan = plan_workflow(*flow);
  if (!plan) return fail(plan.error());
  return Recorded{std::move(*tasks), std::move(*plan)};
}

enum class Serve : std::uint8_t { List, LongestPath, Submission };

// How many tasks lie before each on the longest way to it.
std::vector<std::int64_t> depths(const RecordedWorkflow& of) {
  std::vector<std::int64_t> depth(of.tasks.size());
  for (bool more = true; more;) {
    more = false;
    for (std::size_t t = 0; t < depth.size(); ++t)
      for (const std::uint32_t before : of.tasks[t].after)
        if (depth[t] <= depth[before]) depth[t] = depth[before] + 1, more = true;
  }
  return depth;
}

// First ready first served, ties in the file's order; or by the plan's order; or in the order in
// which `drover sim` submits the tasks as jobs that wait for others: by depth, then in the file's.
Duration makespan(const Recorded& of, std::size_t processors, Serve serve) {
  Execution execution(of.plan.physical);
  using Entry = std::pair<std::int64_t, std::uint32_t>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> waiting, running;
  const PhysicalPlan& plan = *of.plan.physical;
  const std::vector<std::int64_t> depth = depths(of.tasks);
  std::int64_t now = 0;
  const auto wait = [&](PlanNode node) {
    const std::uint32_t task = plan.step(node);
    waiting.emplace(serve == Serve::List          ? now
                    : serve == Serve::LongestPath ? std::int64_t(plan.position(node))
                                                  : depth[task],
                    task);
  };
  for (const PlanNode node : execution.ready()) wait(node);
  while (!waiting.empty() || !running.empty()) {
    for (; !waiting.empty() && running.size() < processors; waiting.pop()) {
      const std::uint32_t task = waiting.top().second;
      running.emplace(now + of.tasks.tasks[task].run.us, task);
    }
    for (now = running.top().first; !running.empty() && running.top().first == now; running.pop()) {
      const auto step =
          execution.complete(of.plan.parts[running.top().second].node, Mark::Succeeded);
      for (const PlanNode node : step->ready) wait(node);
    }
  }
  return Duration{now};
}

struct Known {  // in milliseconds; 0 processors = no limit
  const char* file;
  std::size_t processors;
  std::int64_t list_ms;
  std::int64_t submission_ms;  // what `drover sim` says of the trace
};
constexpr Known kKnown[] = {{"rnaseq-dirt02-001.json.gz", 0, 759'454, 759'454},
                            {"rnaseq-dirt02-001.json.gz", 4, 886'136, 888'579},
                            {"rnaseq-dirt02-001.json.gz", 16, 759'454, 759'454},
                            {"1000genome-chameleon-2ch-100k-001.json.gz", 0, 204'686, 204'686},
                            {"1000genome-chameleon-2ch-100k-001.json.gz", 4, 766'960, 766'960},
                            {"1000genome-chameleon-2ch-100k-001.json.gz", 16, 261'010, 261'010}};

void recorded_workflow(benchmark::State& state) {
  const Known& known = kKnown[state.range(0)];
  const auto of = recorded(known.file);
  if (!of && of.error().code == Errc::NotFound) return state.SkipWithError("no such trace here");
  if (!of) return state.SkipWithError(of.error().message.c_str());
  const std::size_t processors = known.processors > 0 ? known.processors : SIZE_MAX;
  Duration list, path, submission;
  for (auto _ : state) {
    list = makespan(*of, processors, Serve::List);
    path = makespan(*of, processors, Serve::LongestPath);
    submission = makespan(*of, processors, Serve::Submission);
  }
  if (list != millis(known.list_ms)) return state.SkipWithError("another makespan than is known");
  if (submission != millis(known.submission_ms))
    return state.SkipWithError("another makespan than the simulator's");
  if (path > list) return state.SkipWithError("the longest path first is worse");
  state.SetLabel(known.file);
  state.counters["processors"] = double(known.processors);
  state.counters["list_s"] = double(list.us) / 1e6;
  state.counters["submission_s"] = double(submission.us) / 1e6;
  state.counters["longest_path_s"] = double(path.us) / 1e6;
}
BENCHMARK(recorded_workflow)->Name("RecordedWorkflow")->DenseRange(0, std::size(kKnown) - 1);

}  // namespace
