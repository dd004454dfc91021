// sim/options.hpp - what the verbs of drover-sim share: options, loading, one simulation.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "sim/replay.hpp"
#include "sim/write_report.hpp"

namespace drover::sim {

// Options of run and compare as they were written.
struct SimOptions {
  std::vector<std::string> traces, policies, estimates;
  std::string cluster, load = "1", missing_estimate = "runtime", clock = "batch", out;
  std::int64_t procs = 0;
  std::uint64_t limit = 0;
  double trim = 0;
  bool json = false;
};

CLI::Validator file_name();  // refuses an empty one

void add_sim_options(CLI::App& verb, SimOptions& options);
void add_trim(CLI::App& verb, SimOptions& options);  // of the verbs that tell of waits

// A trace with the machine that it runs on.
struct Scenario {
  Workload workload;
  Cluster cluster;
  std::string estimates;
  double load_s = 0;
};
Result<Scenario> load_scenario(const SimOptions& options, const std::string& trace,
                               const std::string& estimates);

struct Finished {
  Run run;
  Replay replay;
};
// Fails also when every job is refused: there is no result then.
Result<Finished> simulate(const Scenario& scenario, const std::string& policy,
                          const SimOptions& options);

// What to do when no job fits; empty when there is nothing to say.
std::string cluster_hint(const SimOptions& options);

// On the standard error: how many jobs could never run on this machine, and why not the first.
void note_refused(const Scenario& scenario, const Finished& done);

// The verbs: each adds its subcommand, which sets `exit` when it has run.
struct Exit {
  int code = 0;
  void set(const Result<int>& result);  // prints an error as the CLI does
};
void add_run(CLI::App& app, Exit& exit);
void add_compare(CLI::App& app, Exit& exit);
void add_pack(CLI::App& app, Exit& exit);
void add_gen(CLI::App& app, Exit& exit);
void add_import(CLI::App& app, Exit& exit);

}  // namespace drover::sim
