// sim/verb_compare.cpp - `drover sim compare`: several policies side by side.
// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <nlohmann/json.hpp>

#include "sim/file_bytes.hpp"
#include "sim/options.hpp"

namespace drover::sim {
namespace {

Result<int> compare(SimOptions options) {
  if (options.policies.empty())
    options.policies = {"fcfs", "easy", "easy-sjbf", "conservative", "saf-guard"};
  if (options.estimates.empty()) options.estimates = {"user"};
  std::vector<Run> runs;
  std::uint64_t lost = 0;
  for (const std::string& trace : options.traces) {
    for (const std::string& estimates : options.estimates) {
      const auto scenario = load_scenario(options, trace, estimates);
      if (!scenario) return fail(scenario.error());
      for (const std::string& policy : options.policies) {
        auto done = simulate(*scenario, policy, options);
        if (!done) return fail(done.error());
        lost += done->run.summary.lost;
        if (done->replay.refused > 0 && &policy == &options.policies.front())
          note_refused(*scenario, *done);
        runs.push_back(std::move(done->run));
      }
    }
  }
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Run& run : runs) all.push_back(to_json(run));
  const std::string text = options.json ? all.dump(2) + "\n" : to_table(runs);
  if (auto ok = print(text); !ok) return fail(ok.error());
  return lost > 0 ? 1 : 0;
}

}  // namespace

void add_compare(CLI::App& app, Exit& exit) {
  CLI::App* verb = app.add_subcommand("compare", "several policies on one or more traces");
  auto options = std::make_shared<SimOptions>();
  add_sim_options(*verb, *options);
  add_trim(*verb, *options);
  verb->add_option("--policy", options->policies,
                   "as in run; may be repeated. The first is what the others are measured against "
                   "(default: fcfs, easy, easy-sjbf, conservative, saf-guard)")
      ->type_name("P")
      ->allow_extra_args(false);
  verb->add_option("--estimates", options->estimates, "as in run; may be repeated (default: user)")
      ->type_name("user|exact|xF")
      ->allow_extra_args(false);
  verb->footer(
      "examples:\n"
      "  drover sim compare a.swf.gz b.swf.gz\n"
      "  drover sim compare a.swf.gz --policy easy --policy saf-guard:12h --policy saf-guard:48h\n"
      "  drover sim compare a.swf.gz --policy easy --estimates user --estimates exact --json");
  verb->callback([options, &exit] { exit.set(compare(*options)); });
}

}  // namespace drover::sim
