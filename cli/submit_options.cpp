// cli/submit_options.cpp - the table itself. One row decides parsing, help, completion and refusal.
// SPDX-License-Identifier: Apache-2.0
#include "cli/submit_options.hpp"

#include <array>
#include <cctype>

#include "cli/arguments.hpp"

namespace drover::cli {
namespace {

constexpr auto No = Takes::Nothing;
constexpr auto Val = Takes::Value;
constexpr auto Opt = Takes::MaybeValue;
constexpr auto Ok = Support::Yes;
constexpr auto Nop = Support::Accepted;
constexpr auto Not = Support::Refused;

constexpr std::string_view kOneCluster = "there is one cluster: leave the option out";
constexpr std::string_view kLater = "it comes with a later version: leave the option out";
constexpr std::string_view kMail =
    "no mail is sent: leave it out and use `drover wait`, or follow `drover events`";
constexpr std::string_view kPlace = "use --constraint key=value (labels: drover node show NAME)";
constexpr std::string_view kPerGpu = "say --cpus-per-task, --mem and --gpus instead";
constexpr std::string_view kBinding =
    "tasks are bound to cores by themselves (see `drover show ID`): leave the option out";

// clang-format off
constexpr auto kJobOptions = std::to_array<Option>({
  {"job-name", 'J', Val, "NAME", "name of the job (default: script file or command)", "name"},
  {"ntasks", 'n', Val, "N", "tasks the job is made of: N x cpus-per-task cores are taken", "tasks"},
  {"nodes", 'N', Val, "N[-MAX]", "nodes, all at once: --mem and --gpus-per-node are of each; of a range as many as fit", ""},
  {"ntasks-per-node", 0, Val, "N", "tasks on each node, at most", "tasks-per-node"},
  {"cpus-per-task", 'c', Val, "N", "cores for each task", "cpus"},
  {"mem", 0, Val, "SIZE", "memory on each node: MiB, or with K M G T", "memory"},
  {"mem-per-cpu", 0, Val, "SIZE", "memory for each core instead of --mem"},
  {"gpus", 'G', Val, "[MODEL:]N", "GPUs of all nodes together, of any or of one model; 0.5 = a share of one"},
  {"gpus-per-node", 0, Val, "[MODEL:]N", "GPUs on each node"},
  {"gres", 0, Val, "LIST", "gpu[:MODEL]:N on each node in Slurm's words, and custom resources: gpu:2,fpga:1; `none` = no GPU"},
  {"resource", 0, Val, "NAME=N", "custom resource on each node: drover node show NAME; may be repeated"},
  {"time", 't', Val, "TIME", "time limit: minutes, H:M:S, D-H:M:S, 90s, 1h30m", "timelimit"},
  {"output", 'o', Val, "PATTERN", "file for stdout; %j job, %A array, %a index, %x name, %u user, %N node", "out", Ok, "file"},
  {"error", 'e', Val, "PATTERN", "file for stderr (default: the same as stdout)", "err", Ok, "file"},
  {"input", 'i', Val, "FILE", "file for stdin (default: /dev/null)", "in,stdin", Ok, "file"},
  {"open-mode", 0, Val, "append|truncate", "what to do with output files that exist", "", Ok, "append truncate"},
  {"chdir", 'D', Val, "DIR", "working directory of the job (default: this one)", "workdir,cwd", Ok, "dir"},
  {"export", 0, Val, "ALL|NONE|LIST", "environment: all of it, a fresh one, or names and NAME=VALUE pairs", "", Ok, "ALL NONE"},
  {"array", 'a', Val, "SPEC[%MAX]", "run once per index: 0-9, 1,3,5-9:2; at most MAX at once"},
  {"throttle", 0, Val, "N", "at most N elements of the array at once, like the %N of --array"},
  {"begin", 'b', Val, "WHEN", "not before: now+1hour, 16:00, 2026-12-24T08:00, tomorrow"},
  {"hold", 'H', No, "", "submit held: `drover release` lets it go"},
  {"priority", 0, Val, "N", "higher runs first (negative allowed)"},
  {"nice", 0, Opt, "N", "lowers the score between groups by N (default 100)"},
  {"partition", 'p', Val, "NAME", "partition to run in: drover partition ls", "queue"},
  {"account", 'A', Val, "NAME", "account that is charged: drover share"},
  {"qos", 'q', Val, "NAME", "class of service: drover qos ls"},
  {"reservation", 0, Val, "NAME", "run inside this reservation alone: drover reservation ls", "", Ok, "reservation"},
  {"deadline", 0, Val, "WHEN", "do not start what could not end by then; written like --begin"},
  {"max-failures", 0, Val, "N", "of an array: start no further element once N have failed", "max-fails"},
  {"retry", 0, Val, "N", "run a failed task again, up to N times: the script sees DROVER_ATTEMPT", "retries"},
  {"retry-delay", 0, Val, "TIME", "wait so long before a retry: 30s, 5m; a bare number is seconds"},
  {"retry-backoff", 0, Val, "FACTOR", "each delay is FACTOR times the one before: 2, 1.5"},
  {"retry-max-delay", 0, Val, "TIME", "no delay is longer"},
  {"retry-on", 0, Val, "LIST", "retry only these ends: exit, exit:CODE, signal, timeout, oom, launch, unknown, lost (default all but lost)", "", Ok, "exit signal timeout oom launch unknown lost"},
  {"kill-on-invalid-dep", 0, Val, "yes|no", "cancel the job when a dependency can never be met (default yes)", "", Ok, "yes no"},
  {"comment", 0, Val, "TEXT", "free text kept with the job"},
  {"label", 'l', Val, "KEY=VALUE", "label for grouping and filters; may be repeated", "labels"},
  {"licenses", 'L', Val, "NAME[:N][,...]", "licences of the cluster, for each element of an array: drover licence ls", "licences"},
  {"constraint", 'C', Val, "EXPR", "only nodes for which it holds: gpu&!(rack=3|rack=4), cpus>=64, [rack=1|rack=2]"},
  {"requeue", 0, No, "", "run again when its node is lost (default)"},
  {"no-requeue", 0, No, "", "never run twice, even when its node is lost"},
  {"signal", 0, Val, "[B:]SIG[@S]", "warning signal S seconds before the time limit (default 60)"},
  {"dependency", 'd', Val, "KIND:ID[,...]", "wait for jobs: after[:ID+MINUTES] afterok afternotok afterany, aftercorr (element i for element i), or singleton; `?` between = any", "depends"},
  {"exclusive", 0, Opt, "user", "the whole node for this job; =user: shared with jobs of the same user that say so too", "", Ok, "user"},
  {"hint", 0, Val, "WORD", "nomultithread: one thread of each core, the core whole; multithread: all (default)", "", Ok, "nomultithread multithread"},
  {"threads-per-core", 0, Val, "N", "use N threads of each core, the core whole; only nodes that have as many"},
  {"ntasks-per-core", 0, Val, "N", "at most N tasks on a core, the core whole"},
  {"ntasks-per-socket", 0, Val, "N", "at most N tasks on a socket"},
  {"sockets-per-node", 0, Val, "N", "only nodes with N sockets or more"},
  {"cores-per-socket", 0, Val, "N", "only nodes with N cores or more on a socket"},
  {"extra-node-info", 'B', Val, "S[:C[:T]]", "sockets-per-node, cores-per-socket and threads-per-core in one; `*` = any"},
  {"distribution", 'm', Val, "SPEC", "tasks over nodes: block, cyclic, plane=N; then over sockets: :block :cyclic :fcyclic"},
  {"cpu-bind", 0, Val, "SPEC", "of each task: threads (its CPUs, default) cores sockets ldoms rank none; verbose", "", Ok, "threads cores sockets ldoms rank none verbose"},
  {"mem-bind", 0, Val, "SPEC", "memory of each task: none (default), local to its CPUs; verbose", "", Ok, "none local verbose"},
  {"contiguous", 0, No, "", "nodes that are neighbours in the order of their names"},
  {"spread-job", 0, No, "", "as many nodes as fit: of --nodes, or up to one for each task"},
  {"use-min-nodes", 0, No, "", "of a range of nodes the smallest number"},
  // Read, and of no consequence here.
  {"get-user-env", 0, Opt, "", "accepted: the environment is taken at submission", "", Nop},
  {"no-kill", 'k', Opt, "", "accepted", "", Nop},
  {"wait-all-nodes", 0, Val, "N", "accepted", "", Nop},
  {"oom-kill-step", 0, Opt, "", "accepted", "", Nop},
  {"acctg-freq", 0, Val, "SPEC", "accepted: usage is read at the end", "", Nop},
  {"propagate", 0, Opt, "LIST", "accepted", "", Nop},
  // Known, not offered: refused by name.
  {"mail-type", 0, Val, "TYPE", kMail, "", Not},
  {"mail-user", 0, Val, "USER", kMail, "", Not},
  {"clusters", 'M', Val, "NAME", kOneCluster, "cluster", Not},
  {"nodelist", 'w', Val, "LIST", kPlace, "", Not},
  {"nodefile", 'F', Val, "FILE", kPlace, "", Not},
  {"exclude", 'x', Val, "LIST", kPlace, "", Not},
  {"prefer", 0, Val, "LIST", kPlace, "", Not},
  {"batch", 0, Val, "LIST", kPlace, "", Not},
  {"oversubscribe", 0, Opt, "", "an operator says which nodes give their CPUs out more than once: drover node label NAME oversubscribe=2", "share", Not},
  {"overcommit", 'O', No, "", "cores are never shared: leave the option out", "", Not},
  {"time-min", 0, Val, "TIME", "say --time alone", "", Not},
  {"mem-per-gpu", 0, Val, "SIZE", kPerGpu, "", Not},
  {"cpus-per-gpu", 0, Val, "N", kPerGpu, "", Not},
  {"gpus-per-task", 0, Val, "N", kPerGpu, "", Not},
  {"gpus-per-socket", 0, Val, "N", kPerGpu, "", Not},
  {"ntasks-per-gpu", 0, Val, "N", kPerGpu, "", Not},
  {"tres-per-task", 0, Val, "LIST", kPerGpu, "", Not},
  {"gpu-bind", 0, Val, "SPEC", kBinding, "", Not},
  {"gpu-freq", 0, Val, "SPEC", kLater, "", Not},
  {"gres-flags", 0, Val, "SPEC", kBinding, "", Not},
  {"core-spec", 'S', Val, "N", kBinding, "", Not},
  {"thread-spec", 0, Val, "N", kBinding, "", Not},
  {"mincpus", 0, Val, "N", "say --cpus-per-task", "", Not},
  {"cpu-freq", 0, Val, "SPEC", kLater, "", Not},
  {"switches", 0, Val, "N", kLater, "", Not},
  {"network", 0, Val, "SPEC", kLater, "", Not},
  {"tmp", 0, Val, "SIZE", kLater, "", Not},
  {"wckey", 0, Val, "KEY", "tag the job with --label wckey=KEY", "", Not},
  {"export-file", 0, Val, "FILE", "use --export NAME=VALUE,...", "", Not},
  {"uid", 0, Val, "USER", "submit as that user", "", Not},
  {"gid", 0, Val, "GROUP", "submit with that group (newgrp)", "", Not},
  {"bb", 0, Val, "SPEC", kLater, "", Not},
  {"bbf", 0, Val, "FILE", kLater, "", Not},
  {"container", 0, Val, "PATH", kLater, "", Not},
  {"profile", 0, Val, "SPEC", kLater, "", Not},
  {"power", 0, Val, "SPEC", kLater, "", Not},
  {"reboot", 0, No, "", kLater, "", Not},
  {"segment", 0, Val, "N", kLater, "", Not},
  {"x11", 0, Opt, "", kLater, "", Not},
  {"mcs-label", 0, Val, "NAME", kLater, "", Not},
  {"context", 0, Val, "NAME", kLater, "", Not},
  {"delay-boot", 0, Val, "MIN", kLater, "", Not},
});

constexpr auto kSubmitOptions = std::to_array<Option>({
  {"wrap", 0, Val, "COMMAND", "submit this shell command instead of a script"},
  {"file", 'f', Val, "FILE", "submit a spec: .json one, .jsonl many (streamed); - = JSON lines from stdin", "", Ok, "file"},
  {"each-line", 0, Val, "FILE", "an array with an element for each line (- = stdin): {} or ${item} in the command is the line, ${index} its number; else it is the last argument. Also DROVER_ITEM", "", Ok, "file"},
  {"each-json", 0, Val, "FILE", "the same for each value of a JSON list; texts as they are, other values as JSON", "", Ok, "file"},
  {"directives", 0, Val, "WHICH", "script lines to read: auto drover sbatch off (default auto = both)", "", Ok, "auto drover sbatch off"},
  {"parsable", 0, No, "", "print the id alone", "id-only"},
  {"wait", 'W', No, "", "wait for the end and exit with the job's status"},
  {"test-only", 0, No, "", "say whether it would run; submit nothing", "dry-run"},
  {"ignore-unsupported", 0, No, "", "warn about options that are not offered instead of refusing them"},
  {"quiet", 'Q', No, "", "say nothing but errors"},
});
// clang-format on

// Slurm's own spellings where they are not SBATCH_ + the option's name.
struct EnvironmentName {
  std::string_view variable, option;
};
constexpr auto kSlurmNames = std::to_array<EnvironmentName>({
    {"SBATCH_TIMELIMIT", "time"},
    {"SBATCH_ARRAY_INX", "array"},
    {"SBATCH_MEM_PER_NODE", "mem"},
    {"SBATCH_JOB_NAME", "job-name"},
});

std::string variable_name(std::string_view prefix, std::string_view option) {
  std::string name(prefix);
  for (const char c : option)
    name += c == '-' ? '_' : char(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

const Option* option_of_variable(std::string_view variable) {
  for (const EnvironmentName& row : kSlurmNames)
    if (row.variable == variable) return find_option(row.option, {job_options()});
  for (const Option& option : job_options()) {
    if (variable == variable_name("DROVER_SUBMIT_", option.name)) return &option;
    if (variable == variable_name("SBATCH_", option.name)) return &option;
  }
  return nullptr;
}

// A request that asks for what is there anyway is no reason to refuse a script.
bool asks_for_nothing(const Given& given) {
  const std::string_view name = given.option->name;
  if (name == "mail-type") return given.value == "NONE" || given.value == "none";
  return given.option->takes == Takes::Value && given.value.empty();
}

}  // namespace

OptionTable job_options() { return kJobOptions; }
OptionTable submit_options() { return kSubmitOptions; }

Result<bool> refuse_unsupported(std::vector<Given>& options, bool lenient,
                                std::vector<std::string>& warnings) {
  std::vector<Given> kept;
  for (Given& given : options) {
    if (given.option->support == Support::Accepted || asks_for_nothing(given)) continue;
    if (given.option->support == Support::Yes) {
      kept.push_back(std::move(given));
      continue;
    }
    const std::string name(given.option->name);
    const std::string where = given.where.empty() ? "" : given.where + ": ";
    if (!lenient) {
      return fail(
          Errc::Unsupported, where + "option --" + name + " is not supported yet",
          std::string(given.option->help) + " (--ignore-unsupported goes on without such options)",
          name);
    }
    warnings.push_back(where + "option --" + name + " is not supported and has no effect");
  }
  options = std::move(kept);
  return true;
}

std::vector<Given> options_from_environment(const std::vector<std::string>& environment) {
  std::vector<Given> given;
  for (const std::string& entry : environment) {
    if (!entry.starts_with("SBATCH_") && !entry.starts_with("DROVER_SUBMIT_")) continue;
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos) continue;
    const std::string variable = entry.substr(0, equals);
    const Option* option = option_of_variable(variable);
    if (option == nullptr) continue;
    std::string value = entry.substr(equals + 1);
    // A switch is set by any value but these; Slurm does the same.
    if (option->takes == Takes::Nothing && (value == "0" || value == "no")) continue;
    if (option->takes == Takes::Nothing) value.clear();
    given.push_back({option, std::move(value), Origin::Environment, variable});
  }
  return given;
}

}  // namespace drover::cli
