// cli/submit_options.hpp - every option a submission knows: supported, or refused by name.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/option.hpp"

namespace drover::cli {

// Options that describe the job: command line of submit and run, #SBATCH and #DROVER lines,
// environment.
OptionTable job_options();

// Options that steer `submit` or `run` themselves; not allowed in script lines... except those
// Slurm has there.
OptionTable submit_options();

// Refuses, by name and with what to do, the options that are known and not offered. With `lenient`
// a refused option becomes a line of `warnings` and is dropped from `options`.
Result<bool> refuse_unsupported(std::vector<Given>& options, bool lenient,
                                std::vector<std::string>& warnings);

// What DROVER_SUBMIT_* and SBATCH_* variables of `environment` ("NAME=value") ask for.
std::vector<Given> options_from_environment(const std::vector<std::string>& environment);

}  // namespace drover::cli
