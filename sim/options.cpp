// sim/options.cpp - from words on the command line to one simulation.
// SPDX-License-Identifier: Apache-2.0
#include "sim/options.hpp"

#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <cstdio>

#include "base/counted_words.hpp"
#include "dag/compile.hpp"
#include "sched/policy.hpp"
#include "sim/option_checks.hpp"

namespace drover::sim {
namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::int64_t peak_memory_kib() {
  struct rusage usage {};
  return ::getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss : 0;
}

Result<void> read_estimates(const std::string& text, ReadOptions& options) {
  if (text == "user") return {};
  if (text == "exact") {
    options.estimates = Estimates::Exact;
    return {};
  }
  if (!text.starts_with('x'))
    return fail(Errc::BadInput, "there are no estimates \"" + text + "\"",
                "user, exact, or a factor of the run time such as x2", "estimates");
  const auto factor = parse_factor(text.substr(1), "estimates");
  if (!factor) return fail(factor.error());
  if (*factor < 1'000'000)
    return fail(Errc::BadInput, "a factor below 1 would end jobs before they are done",
                "x1 or more", "estimates");
  options.estimates = Estimates::Factor;
  options.factor_ppm = *factor;
  return {};
}

Result<ReadOptions> read_options(const SimOptions& options, const std::string& estimates) {
  ReadOptions read;
  read.limit = options.limit;
  read.drop_without_estimate = options.missing_estimate == "drop";
  const auto load = parse_factor(options.load, "load");
  if (!load) return fail(load.error());
  read.load_ppm = *load;
  if (auto ok = read_estimates(estimates, read); !ok) return fail(ok.error());
  return read;
}

std::shared_ptr<const dag::PhysicalPlan> one_step_plan() {
  dag::StepRequest step;
  step.argv = {"run"};
  dag::JobRequest request;
  request.name = "sim";
  request.steps.push_back(std::move(step));
  return dag::compile(std::move(request)).value();
}

// What production would use, without the limits that protect a daemon.
sched::ControllerConfig config_for(const Workload& workload) {
  sched::ControllerConfig config;
  config.group_limits = {};
  config.open_jobs_max = std::uint64_t(1) << 40;
  config.inline_plan = one_step_plan();
  config.keep_records = false;
  bool labelled = false;
  for (const auto& spec : workload.specs) labelled = labelled || !spec->labels.empty();
  if (!labelled) config.group_by.clear();  // everybody in one queue
  return config;
}

// "3 jobs refused, the first, job 7: no node has 4G of memory"
std::string refused_text(const Workload& workload, const Replay& replay) {
  return counted(std::int64_t(replay.refused), "job") + " refused" +
         (replay.refused > 1 ? ", the first, job " : ", job ") +
         workload.name_of(replay.first_refused) + ": " + replay.first_refusal;
}

}  // namespace

std::string cluster_hint(const SimOptions& options) {
  return options.cluster.empty()
             ? "a flat machine has no memory, GPUs or labels: give --cluster FILE"
             : "";
}

CLI::Validator file_name() {
  return {[](const std::string& text) {
            return std::string(text.empty() ? "the name is empty: is a shell variable unset?" : "");
          },
          ""};
}

void add_sim_options(CLI::App& verb, SimOptions& options) {
  verb.add_option("trace,--trace", options.traces,
                  "workload: SWF or JSON lines, plain or .gz; - is the standard input")
      ->type_name("FILE")
      ->required();
  verb.add_option("--procs", options.procs,
                  "a flat machine of N processors (default: MaxProcs, else MaxNodes of the trace)")
      ->type_name("N")
      ->check(CLI::Range(1, 65535));
  verb.add_option("--cluster", options.cluster,
                  "nodes from a .toml, .machines or .csv file instead of a flat machine; "
                  "`drover sim` also takes live: the nodes of the running server")
      ->type_name("FILE")
      ->check(file_name())
      ->excludes("--procs");
  verb.add_option("--load", options.load,
                  "divide the gaps between arrivals by F: 1.2 is 20 % more load")
      ->type_name("F")
      ->capture_default_str();
  verb.add_option("--limit", options.limit, "take the first N usable jobs only")
      ->type_name("N")
      ->check(whole_number(1));
  verb.add_option("--missing-estimate", options.missing_estimate,
                  "jobs without an estimate: take the run time, or drop them")
      ->type_name("runtime|drop")
      ->check(CLI::IsMember({"runtime", "drop"}))
      ->capture_default_str();
  verb.add_option("--clock", options.clock,
                  "batch: at each moment all ends, then all submissions, then one pass")
      ->type_name("batch")
      ->check(CLI::IsMember({"batch"}))
      ->capture_default_str();
  verb.add_flag("--json", options.json, "print JSON instead of a table");
}

void add_trim(CLI::App& verb, SimOptions& options) {
  verb.add_option("--trim", options.trim,
                  "leave this share of the jobs at each end out of waits and slowdowns")
      ->type_name("0-0.49")
      ->check(number_in(0, 0.49))
      ->capture_default_str();
}

Result<Scenario> load_scenario(const SimOptions& options, const std::string& trace,
                               const std::string& estimates) {
  const auto begin = std::chrono::steady_clock::now();
  auto read = read_options(options, estimates);
  if (!read) return fail(read.error());
  Scenario scenario;
  scenario.estimates = estimates;
  if (!options.cluster.empty()) {
    auto cluster = read_cluster(options.cluster);
    if (!cluster) return fail(cluster.error());
    scenario.cluster = *std::move(cluster);
    read->procs = scenario.cluster.cpus();
  } else {
    read->procs = options.procs;
  }
  auto workload = read_workload(trace, *read);
  if (!workload) return fail(workload.error());
  scenario.workload = *std::move(workload);
  if (scenario.cluster.nodes.empty()) {
    const std::int64_t procs = options.procs > 0 ? options.procs : scenario.workload.procs;
    if (procs == 0)
      return fail(Errc::BadInput, trace + " does not say how large its machine is",
                  "give --procs N or --cluster FILE", "procs");
    auto flat = flat_cluster(procs);
    if (!flat) return fail(flat.error(), trace);
    scenario.cluster = *std::move(flat);
  }
  scenario.load_s = seconds_since(begin);
  return scenario;
}

Result<Finished> simulate(const Scenario& scenario, const std::string& policy,
                          const SimOptions& options) {
  const auto parsed = sched::parse_policy(policy);
  if (!parsed) return fail(parsed.error());
  ReplayOptions replay_options;
  replay_options.config = config_for(scenario.workload);
  replay_options.config.policy = *parsed;
  replay_options.series = !options.out.empty();
  const auto begin = std::chrono::steady_clock::now();
  auto replayed = replay(scenario.workload, scenario.cluster, replay_options);
  if (!replayed) return fail(replayed.error());
  if (replayed->refused > 0 && replayed->refused == scenario.workload.jobs.size())
    return fail(Errc::Limit,
                scenario.workload.name +
                    ": no job could run: " + refused_text(scenario.workload, *replayed),
                cluster_hint(options));
  Finished done{{}, *std::move(replayed)};
  Run& run = done.run;
  run.simulate_s = seconds_since(begin);
  run.load_s = scenario.load_s;
  run.trace = scenario.workload.name;
  run.policy = policy;
  run.estimates = scenario.estimates;
  run.cpus = scenario.cluster.cpus();
  run.gpus = scenario.cluster.gpus();
  run.nodes = std::int64_t(scenario.cluster.nodes.size());
  run.cleaning = scenario.workload.cleaning;
  run.summary =
      summarise(scenario.workload, scenario.cluster, done.replay, std::llround(options.trim * 1e6));
  run.passes = done.replay.passes;
  run.submitted = done.replay.submitted;
  run.started = done.replay.started;
  run.ended = done.replay.ended;
  run.peak_memory_kib = peak_memory_kib();
  return done;
}

void note_refused(const Scenario& scenario, const Finished& done) {
  std::fprintf(stderr, "note: %s: %s\n", scenario.workload.name.c_str(),
               refused_text(scenario.workload, done.replay).c_str());
}

void Exit::set(const Result<int>& result) {
  if (result) {
    code = *result;
    return;
  }
  const Error& error = result.error();
  std::fprintf(stderr, "error: %s\n", error.message.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "  hint: %s\n", error.hint.c_str());
  code = error.code == Errc::BadInput || error.code == Errc::Unsupported ? 2
         : error.code == Errc::NotFound                                  ? 3
                                                                         : 1;
}

}  // namespace drover::sim
