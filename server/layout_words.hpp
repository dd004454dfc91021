// server/layout_words.hpp - how tasks are dealt out and bound, as people write it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "rm/task_rules.hpp"

namespace drover::server {

// "cyclic:block": over the nodes, then over the sockets of each. `*` keeps the default.
Result<void> read_distribution(std::string_view text, rm::TaskRules& rules);
std::string distribution_text(const rm::TaskRules& rules);

// "cores", "verbose,rank". What is known and not offered is refused by name.
Result<void> read_cpu_bind(std::string_view text, rm::TaskRules& rules);
Result<void> read_mem_bind(std::string_view text, rm::TaskRules& rules);
std::string_view to_string(rm::CpuBind bind);
std::string_view to_string(rm::MemBind bind);

// "nomultithread": one thread of each core.
Result<void> read_hint(std::string_view text, rm::TaskRules& rules);

// "0-3,8" of sorted numbers.
std::string ranges(std::span<const std::uint16_t> numbers);
std::string ranges(std::span<const std::uint32_t> numbers);

}  // namespace drover::server
