// sim/verb_run.cpp - `drover sim run`: one trace, one policy.
// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "sim/file_bytes.hpp"
#include "sim/options.hpp"

namespace drover::sim {
namespace {

Result<void> write_outputs(const std::string& dir, const Scenario& scenario, const Finished& done) {
  std::error_code failed;
  const bool is_new = std::filesystem::create_directories(dir, failed);
  if (failed) return fail(Errc::Io, "cannot create " + dir + ": " + failed.message());
  const std::string summary = to_json(done.run).dump(2) + "\n";
  const std::string jobs = jobs_csv(scenario.workload, scenario.cluster, done.replay);
  const std::string series = series_csv(scenario.cluster, done.replay);
  auto written = write_files(
      {{dir + "/summary.json", summary}, {dir + "/jobs.csv", jobs}, {dir + "/series.csv", series}});
  if (!written && is_new) std::filesystem::remove(dir, failed);
  return written;
}

Result<int> run(const SimOptions& options) {
  if (options.traces.size() != 1)
    return fail(Errc::BadInput, "run takes one trace", "drover sim compare takes several");
  const std::string estimates = options.estimates.empty() ? "user" : options.estimates.front();
  const std::string policy = options.policies.empty() ? "easy" : options.policies.front();
  if (options.policies.size() > 1 || options.estimates.size() > 1)
    return fail(Errc::BadInput, "run takes one policy and one kind of estimates",
                "drover sim compare takes several");
  const auto scenario = load_scenario(options, options.traces.front(), estimates);
  if (!scenario) return fail(scenario.error());
  const auto done = simulate(*scenario, policy, options);
  if (!done) return fail(done.error());
  if (!options.out.empty())
    if (auto ok = write_outputs(options.out, *scenario, *done); !ok) return fail(ok.error());
  const std::string text = options.json ? to_json(done->run).dump(2) + "\n" : to_text(done->run);
  if (auto ok = print(text); !ok) return fail(ok.error());
  if (done->replay.refused > 0) note_refused(*scenario, *done);
  return done->run.summary.lost > 0 ? 1 : 0;
}

}  // namespace

void add_run(CLI::App& app, Exit& exit) {
  CLI::App* verb = app.add_subcommand("run", "replay a trace under one policy");
  auto options = std::make_shared<SimOptions>();
  add_sim_options(*verb, *options);
  add_trim(*verb, *options);
  verb->add_option(
          "--policy", options->policies,
          "fcfs, easy, easy-sjbf, conservative, depth-k:N, saf-guard[:24h], or "
          "ORDER+BACKFILL with orders fifo, priority, saf-guard[:TIME] and backfills none, "
          "easy, easy-sjbf, conservative, depth-k:N (default: easy)")
      ->type_name("P")
      ->allow_extra_args(false);
  verb->add_option("--estimates", options->estimates,
                   "user: as in the trace; exact: the run time; xF: F times the run time")
      ->type_name("user|exact|xF")
      ->allow_extra_args(false);
  verb->add_option("-o,--out", options->out, "write summary.json, jobs.csv and series.csv there")
      ->type_name("DIR")
      ->check(file_name());
  verb->footer(
      "examples:\n"
      "  drover sim run SDSC-SP2-1998-4.2-cln.swf.gz --policy easy\n"
      "  drover sim run trace.swf --procs 256 --policy saf-guard+easy-sjbf --out results\n"
      "  drover sim run trace.jsonl --cluster cluster.toml --estimates exact --json\n"
      "  drover sim gen --model lublin --jobs 1000 | drover sim run - --load 1.2");
  verb->callback([options, &exit] { exit.set(run(*options)); });
}

}  // namespace drover::sim
