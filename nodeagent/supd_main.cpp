// nodeagent/supd_main.cpp - the command line of drover-supd, the parent of all jobs of a node.
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "nodeagent/supd_server.hpp"
#include "nodeagent/version.hpp"

namespace {

constexpr const char* kHelp =
    "drover-supd: starts and watches the jobs of this node for drover-agent.\n"
    "\n"
    "  --data DIR     state: DIR/agent/supd.journal (default: $DROVER_DATA, then the XDG state "
    "dir)\n"
    "  --run DIR      sockets: DIR/supd.sock (default: $DROVER_RUN, then DATA/run)\n"
    "  --min-uid N    refuse jobs of users below this uid (default: 0)\n"
    "  --version      print the version\n"
    "\n"
    "It outlives the agent. SIGTERM stops it when no job runs; a second SIGTERM within 5 s kills "
    "the\n"
    "jobs. SIGUSR1 makes it leave as soon as no job runs.\n"
    "\n"
    "Example:  drover-supd --data /var/lib/drover --run /run/drover\n";

int usage(std::string_view problem) {
  std::fprintf(stderr, "drover-supd: %.*s\n  hint: drover-supd --help\n", int(problem.size()),
               problem.data());
  return 2;
}

int complain(const drover::Error& error) {
  std::fprintf(stderr, "drover-supd: %s\n", error.message.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "  hint: %s\n", error.hint.c_str());
  return error.code == drover::Errc::Conflict ? 6 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::string data, run;
  unsigned long min_uid = 0;
  for (int i = 1; i < argc; ++i) {
    std::string_view option = argv[i];
    if (option == "--help" || option == "-h") return std::fputs(kHelp, stdout) < 0;
    if (option == "--version") return std::printf("drover-supd %s\n", DROVER_VERSION) < 0;
    std::string value;
    const std::size_t equals = option.find('=');
    if (equals != std::string_view::npos) {
      value = option.substr(equals + 1);
      option = option.substr(0, equals);
    } else if (i + 1 < argc) {
      value = argv[++i];
    }
    if (option != "--data" && option != "--run" && option != "--min-uid")
      return usage("unknown option " + std::string(option));
    if (value.empty()) return usage(std::string(option) + " needs a value");
    if (option == "--data") data = value;
    if (option == "--run") run = value;
    char* end = nullptr;
    if (option == "--min-uid") min_uid = std::strtoul(value.c_str(), &end, 10);
    if (end != nullptr && *end != '\0') return usage("--min-uid needs a number");
  }
  // 0, 1 and 2 must be taken, or a socket would get such a number and a job's output with it.
  int spare = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  while (spare >= 0 && spare <= 2) spare = ::fcntl(spare, F_DUPFD, spare + 1);
  if (spare > 2) ::close(spare);
  auto paths = drover::nodeagent::resolve_paths(std::move(data), std::move(run));
  if (!paths) return complain(paths.error());
  auto server = drover::nodeagent::SupdServer::open(*paths, static_cast<std::uint32_t>(min_uid));
  if (!server) return complain(server.error());
  std::fprintf(stderr, "drover-supd: ready on %s\n", paths->supd_socket().c_str());
  return (*server)->run();
}
