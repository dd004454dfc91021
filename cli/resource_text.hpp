// cli/resource_text.hpp - licences and shares of GPUs as people write them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "cli/json.hpp"

namespace drover::cli {

// "matlab:2,ansys" as {"matlab": 2, "ansys": 1}. Slurm's `a|b` (either) cannot be had.
Result<Json> read_licences(std::string_view text);

// "0.25" as 250 thousandths of one GPU.
Result<std::int64_t> read_gpu_share(std::string_view text);

// 1500 thousandths as "1.5".
std::string gpus_text(std::int64_t thousandths);

}  // namespace drover::cli
