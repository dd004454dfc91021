// cli/submission.hpp - what `submit` and `run` send: words and options become a checked spec.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/context.hpp"
#include "cli/json.hpp"

namespace drover::cli {

struct Submission {
  Json spec;
  bool wait = false;  // --wait, also from a script line
  bool is_array = false;
};

// Reads script, command, --wrap or a single-spec JSON file and applies defaults < directives <
// environment < command line. Warnings are printed.
Result<Submission> read_submission(Context& context);

// --test-only: what the server would say; prints it. Exit status 8 when it would not run.
Result<int> test_only(Context& context, ApiClient& api, const Submission& submission);

// Name, cwd, environment and clock of this process, as the base of a spec.
struct SpecSource;
Result<SpecSource> local_source();

// The options of the command line that describe the job.
std::vector<Given> job_options_given(const Context& context);

}  // namespace drover::cli
