// nodeagent/agent_main.cpp - the command line of drover-agent, one per node.
// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "nodeagent/agent.hpp"

namespace {

constexpr const char* kFooter =
    "\nExamples:\n"
    "  drover-agent --data /var/lib/drover --run /run/drover\n"
    "  drover-agent --name big1 --synthetic \"package:2 numa:1 core:64 pu:2\" --gpus 8   (tests)\n"
    "It needs drover-supd and droverd on the same run directory and waits for both.";

std::string host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof(name) - 1);
  const std::string full = name;
  return full.empty() ? "localhost" : full.substr(0, full.find('.'));
}

int complain(const drover::Error& error, int status) {
  std::fprintf(stderr, "drover-agent: %s\n", error.message.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "  hint: %s\n", error.hint.c_str());
  return status;
}

drover::Result<void> read_pairs(const std::vector<std::string>& labels,
                                const std::vector<std::string>& resources,
                                drover::nodeagent::AgentOptions& options) {
  using namespace drover;
  for (const std::string& label : labels) {
    const std::size_t equals = label.find('=');
    if (equals == 0 || equals == std::string::npos)
      return fail(Errc::BadInput, "label \"" + label + "\" is not KEY=VALUE");
    options.labels[label.substr(0, equals)] = label.substr(equals + 1);
  }
  for (const std::string& resource : resources) {
    const std::size_t equals = resource.find('=');
    if (equals == 0 || equals == std::string::npos)
      return fail(Errc::BadInput, "resource \"" + resource + "\" is not NAME=N",
                  "for example --resource fpga=4");
    const auto count = parse_integer(resource.substr(equals + 1), 0, 1 << 30, "--resource");
    if (!count) return fail(count.error());
    options.resources[resource.substr(0, equals)] = *count;
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  using namespace drover;
  CLI::App app(
      "Runs the jobs of one node: describes the node to droverd, hands launches to "
      "drover-supd, reports what happens, serves logs.",
      "drover-agent");
  app.footer(kFooter);
  app.set_version_flag("--version", "drover-agent " DROVER_VERSION);
  nodeagent::AgentOptions options;
  options.name = host_name();
  std::string data, run, level = "info";
  std::vector<std::string> labels, resources;
  std::int64_t look_every_s = 15;
  app.add_option("--data", data, "state directory (default: $DROVER_DATA, then the XDG state dir)");
  app.add_option("--run", run, "directory of the sockets (default: $DROVER_RUN, then DATA/run)");
  app.add_option("--name", options.name, "node name (default: host name)");
  app.add_option("--label", labels, "label of the node, KEY=VALUE; may be repeated");
  app.add_option("--resource", resources,
                 "custom resource of the node, NAME=N, like fpga=4; may be repeated");
  app.add_option("--cpus", options.topology.cpus, "offer this many CPUs, without binding")
      ->check(CLI::Range(1u, 4096u));
  app.add_option("--mem", options.topology.mem_mib, "offer this much memory, in MiB")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40));
  app.add_option("--gpus", options.topology.gpus, "offer this many stand-in GPUs, for tests")
      ->check(CLI::Range(0, 1024));
  app.add_option("--nics", options.topology.nics, "offer this many stand-in NICs, for tests")
      ->check(CLI::Range(0, 1024));
  app.add_option("--synthetic", options.topology.synthetic,
                 "an hwloc synthetic topology, for tests");
  app.add_option("--look-every", look_every_s,
                 "seconds between looks at what running jobs use (default: 15)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{3600}));
  app.add_option("--log-level", level, "trace, debug, info, warn, error")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  options.look_every = seconds(look_every_s);
  if (auto read = read_pairs(labels, resources, options); !read) return complain(read.error(), 2);
  spdlog::set_default_logger(spdlog::stderr_logger_st("agent"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l drover-agent: %v");
  spdlog::set_level(spdlog::level::from_str(level));
  auto paths = nodeagent::resolve_paths(std::move(data), std::move(run));
  if (!paths) return complain(paths.error(), 1);
  options.paths = std::move(*paths);
  net::Loop loop;
  auto agent = nodeagent::Agent::make(loop, std::move(options));
  if (!agent)
    return complain(agent.error(), agent.error().code == Errc::BadInput   ? 2
                                   : agent.error().code == Errc::Conflict ? 6
                                                                          : 1);
  for (const int signal : {SIGTERM, SIGINT}) loop.on_signal(signal, [&loop] { loop.stop(); });
  (*agent)->start();
  loop.run();
  return 0;
}
