// sim/verb_pack.cpp - `drover sim pack`: how well requests pack, beside first fit and best fit.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/counted_words.hpp"
#include "sim/file_bytes.hpp"
#include "sim/option_checks.hpp"
#include "sim/options.hpp"
#include "sim/packing.hpp"

namespace drover::sim {
namespace {

struct PackWords {
  SimOptions sim;
  PackOptions pack;
  bool churn = false;
};

nlohmann::ordered_json to_json(const PackResult& result) {
  return {{"placement", result.placement},
          {"placed", result.placed},
          {"turned_away", result.turned_away},
          {"impossible", result.impossible},
          {"cpu_share", result.cpu_share},
          {"memory_share", result.mem_share},
          {"gpu_share", result.gpu_share},
          {"turned_away_share", result.turned_away_share},
          {"share_at_first_refusal", result.share_at_first_refusal},
          {"stranded_share", result.stranded_share}};
}

Result<int> run(const PackWords& words) {
  if (words.sim.traces.size() != 1) return fail(Errc::BadInput, "pack takes one trace");
  const auto scenario = load_scenario(words.sim, words.sim.traces.front(), "user");
  if (!scenario) return fail(scenario.error());
  PackOptions options = words.pack;
  options.fill = !words.churn;
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  std::string text = fmt::format(
      "{} on {}, {}, {}: {}\n"
      "{:<10}  {:>8}  {:>11}  {:>7}  {:>7}  {:>7}  {:>14}  {:>13}  {:>8}\n",
      scenario->workload.name, counted(std::int64_t(scenario->cluster.nodes.size()), "node"),
      counted(scenario->cluster.cpus(), "CPU"), counted(scenario->cluster.gpus(), "GPU"),
      options.fill ? "filled up, nothing ends" : "jobs come and go", "PLACEMENT", "PLACED",
      "TURNED AWAY", "CPU", "MEMORY", "GPU", "WORK REFUSED", "FIRST REFUSAL", "STRANDED");
  for (const Placement placement :
       {Placement::Production, Placement::FirstFit, Placement::BestFit}) {
    const PackResult r = pack(scenario->workload, scenario->cluster, placement, options);
    if (r.impossible == scenario->workload.jobs.size())
      return fail(Errc::Limit,
                  fmt::format("{}: no job fits on the empty cluster: {} refused",
                              scenario->workload.name, counted(std::int64_t(r.impossible), "job")),
                  cluster_hint(words.sim));
    all.push_back(to_json(r));
    text += fmt::format(
        "{:<10}  {:>8}  {:>11}  {:>6.2f}%  {:>6.2f}%  {:>6.2f}%  {:>13.2f}%  {:>12.2f}%  "
        "{:>7.2f}%\n",
        r.placement, r.placed, r.turned_away, r.cpu_share * 100, r.mem_share * 100,
        r.gpu_share * 100, r.turned_away_share * 100, r.share_at_first_refusal * 100,
        r.stranded_share * 100);
  }
  if (words.sim.json) text = all.dump(2) + "\n";
  if (auto ok = print(text); !ok) return fail(ok.error());
  return 0;
}

}  // namespace

void add_pack(CLI::App& app, Exit& exit) {
  CLI::App* verb = app.add_subcommand("pack", "how well requests pack on a cluster");
  auto words = std::make_shared<PackWords>();
  add_sim_options(*verb, words->sim);
  verb->add_flag("--churn", words->churn,
                 "jobs come and go as in the trace (default: nothing ends, the cluster fills up)");
  verb->add_option("--offered", words->pack.offered,
                   "filling: until so much of all GPUs (CPUs without any) has been asked for")
      ->type_name("F")
      ->check(number_in(0.01, 100))
      ->capture_default_str();
  verb->add_option("--seed", words->pack.seed,
                   "filling: the order of the jobs; 0 = as in the trace")
      ->type_name("N")
      ->check(whole_number(0))
      ->capture_default_str();
  verb->footer(
      "Each job is placed at once or turned away; only the choice of nodes differs between the "
      "rows.\n"
      "STRANDED: of what is free, the part on nodes where an average job of the trace does not "
      "fit.\n\n"
      "examples:\n"
      "  drover sim pack gpu.jsonl --cluster nodes.csv.gz\n"
      "  drover sim pack wagap.jsonl --cluster wagap-2013.swf.machines --churn --load 2");
  verb->callback([words, &exit] { exit.set(run(*words)); });
}

}  // namespace drover::sim
