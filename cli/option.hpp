// cli/option.hpp - one row per option serves command lines, #SBATCH lines, help and completion.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace drover::cli {

enum class Takes : std::uint8_t {
  Nothing,
  Value,
  MaybeValue,  // only as --name=VALUE
};

enum class Support : std::uint8_t {
  Yes,
  Accepted,  // read and without effect here: it changes nothing that a job could notice
  Refused,   // known from Slurm, not offered: refused by name, so that nobody is misled
};

struct Option {
  std::string_view name = {};  // long, without the dashes
  char letter = 0;             // 0: none
  Takes takes = Takes::Nothing;
  std::string_view metavar = {};  // "FILE"; for help
  std::string_view help = {};     // one line; for a refused option: what to do instead
  std::string_view aliases = {};  // further long names, comma separated
  Support support = Support::Yes;
  std::string_view complete =
      {};  // what completes the value: file, dir, job, node, or a blank separated list
};
using OptionTable = std::span<const Option>;

// Where a value came from decides who wins: a later one beats an earlier one.
enum class Origin : std::uint8_t { Directive, Environment, CommandLine };

struct Given {  // one option as somebody wrote it
  const Option* option = nullptr;
  std::string value;
  Origin origin = Origin::CommandLine;
  std::string where;  // "hello.sbatch line 3", "SBATCH_TIMELIMIT"; empty for the command line
  std::size_t component = 0;  // of the job: behind so many ":" or hetjob lines
};

}  // namespace drover::cli
