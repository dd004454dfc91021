// cli/spec_builder.hpp - from options to the JSON spec that the API takes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cli/json.hpp"
#include "cli/option.hpp"

namespace drover::cli {

// What the options cannot say: the text and where it came from.
struct SpecSource {
  std::string script;                    // full text, or empty when `argv` is the command itself
  std::vector<std::string> argv;         // the command, or the script's arguments
  std::string name;                      // used when no option names the job
  std::string cwd;                       // absolute; base of a relative --chdir
  std::vector<std::string> environment;  // "NAME=value" of the submitter
  std::int64_t now_us = 0;               // wall clock, for --begin
  std::int64_t utc_offset_s = 0;
};

// `options` in rising authority: directives, environment, command line. Errors: BadInput with the
// option, the place it was written and the accepted form. `warnings` receives what was left out.
Result<Json> build_spec(const std::vector<Given>& options, const SpecSource& source,
                        std::vector<std::string>& warnings);

// Sets the members that `options` name on an existing spec (a -f file): the command line beats the
// file.
Result<bool> overlay_options(Json& spec, const std::vector<Given>& options,
                             const SpecSource& source);

// "USR1", "SIGUSR1", "10" -> the number. BadInput with the nearest match.
Result<std::int64_t> parse_signal(std::string_view text);

// The job's environment as --export asks for; null = the server builds a minimal one.
Result<Json> build_environment(const std::string& choice,
                               const std::vector<std::string>& environment,
                               std::vector<std::string>& warnings);

}  // namespace drover::cli
