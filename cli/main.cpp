// cli/main.cpp - the program `drover`.
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.hpp"
#include "cli/context.hpp"
#include "cli/exit_code.hpp"

namespace {

struct SlurmName {
  std::string_view name, instead;
};
constexpr auto kSlurmNames = std::to_array<SlurmName>({
    {"sbatch", "drover submit"},
    {"squeue", "drover ls"},
    {"scancel", "drover cancel"},
    {"sinfo", "drover node ls"},
    {"sacct", "drover ls -a"},
    {"scontrol", "drover show"},
    {"srun", "drover run"},
    {"salloc", "drover run"},
});

// Called by a Slurm name: pretending would mislead scripts, so it is refused with what to use.
bool is_slurm_name(std::string_view program) {
  const std::size_t slash = program.rfind('/');
  if (slash != std::string_view::npos) program.remove_prefix(slash + 1);
  for (const SlurmName& row : kSlurmNames) {
    if (row.name != program) continue;
    std::fprintf(stderr,
                 "error: Drover does not answer to the name %s yet\n"
                 "  hint: use %s\n  see:  drover --help\n",
                 std::string(row.name).c_str(), std::string(row.instead).c_str());
    return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a daemon that goes away is an error message, not our end
  if (argc > 0 && is_slurm_name(argv[0])) return drover::cli::kUsage;
  const int code =
      drover::cli::dispatch(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    drover::cli::Context::end_without_output();
  return code;
}
