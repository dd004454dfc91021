// sim/verb_gen.cpp - `drover sim gen`: workloads from models.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <memory>

#include "sim/file_bytes.hpp"
#include "sim/generate.hpp"
#include "sim/option_checks.hpp"
#include "sim/options.hpp"
#include "sim/read_jsonl.hpp"

namespace drover::sim {
namespace {

struct GenOptions {
  GenerateOptions model;
  std::string name = "lublin", format, out = "-";
};

std::string text_of(const GenOptions& options, const Workload& workload) {
  const bool is_swf = options.format.empty()
                          ? options.name == "lublin" && !options.out.ends_with(".jsonl")
                          : options.format == "swf";
  if (is_swf)
    return to_swf(
        workload,
        fmt::format("drover sim gen --model {} --jobs {} --procs {} --seed {}{}", options.name,
                    options.model.jobs, options.model.procs, options.model.seed,
                    options.model.load > 0 ? fmt::format(" --load {}", options.model.load)
                                           : std::string()));
  std::string text;
  for (std::size_t i = 0; i < workload.jobs.size(); ++i) text += to_jsonl(workload, i);
  return text;
}

Result<int> gen(const GenOptions& options) {
  const Workload workload = options.name == "poisson" ? generate_poisson(options.model)
                            : options.name == "mixed" ? generate_mixed(options.model)
                                                      : generate_lublin(options.model);
  if (auto ok = write_file(options.out, text_of(options, workload)); !ok) return fail(ok.error());
  return 0;
}

}  // namespace

void add_gen(CLI::App& app, Exit& exit) {
  CLI::App* verb = app.add_subcommand("gen", "make a workload from a model");
  auto options = std::make_shared<GenOptions>();
  GenerateOptions& model = options->model;
  verb->add_option("--model", options->name,
                   "lublin: parallel jobs (Lublin and Feitelson, 2003); poisson: M/M/c, for checks "
                   "against queueing theory; mixed: users, GPUs, memory, estimates, dependencies")
      ->type_name("NAME")
      ->check(CLI::IsMember({"lublin", "poisson", "mixed"}))
      ->capture_default_str();
  verb->add_option("--jobs", model.jobs, "how many")
      ->type_name("N")
      ->check(CLI::Range(1, 100'000'000))
      ->capture_default_str();
  verb->add_option("--seed", model.seed, "equal seeds give equal workloads")
      ->type_name("N")
      ->check(whole_number(0))
      ->capture_default_str();
  verb->add_option("--procs,--servers", model.procs, "processors of the machine")
      ->type_name("N")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  verb->add_option("--load", model.load,
                   "offered load of the machine (default: what the model gives; poisson: 0.8)")
      ->type_name("F")
      ->check(number_in(0.01, 10));
  verb->add_option("--mean-run", model.mean_run_s, "poisson: mean run time in seconds")
      ->type_name("S")
      ->check(number_in(0.001, 1e7))
      ->capture_default_str();
  verb->add_option("--users", model.users, "mixed: how many users")
      ->type_name("N")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  verb->add_option("--node-cpus", model.node_cpus, "mixed: no job needs more CPUs")
      ->type_name("N")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  verb->add_option("--node-gpus", model.node_gpus, "mixed: no job needs more GPUs; 0 = none at all")
      ->type_name("N")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  verb->add_option("--format", options->format,
                   "swf or jsonl (default: swf for lublin, else jsonl; SWF has whole seconds)")
      ->type_name("swf|jsonl")
      ->check(CLI::IsMember({"swf", "jsonl"}));
  verb->add_option("-o,--out", options->out, "file to write; - is the standard output")
      ->type_name("FILE")
      ->check(file_name())
      ->capture_default_str();
  verb->footer(
      "examples:\n"
      "  drover sim gen --model lublin --jobs 10000 --procs 256 --seed 7 -o model.swf\n"
      "  drover sim gen --model poisson --servers 16 --load 0.9 --jobs 1000000 -o mmc.jsonl\n"
      "  drover sim gen --model mixed --jobs 5000 --load 0.9 -o mixed.jsonl");
  verb->callback([options, &exit] { exit.set(gen(*options)); });
}

}  // namespace drover::sim
