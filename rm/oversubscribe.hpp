// rm/oversubscribe.hpp - how often the CPUs of a node are given out, by its label.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

#include "rm/request.hpp"

namespace drover::rm {

inline constexpr std::string_view kOversubscribeLabel = "oversubscribe";

// "2", "1.5": in percent, 100 to 1600; nothing for another text.
std::optional<std::int64_t> read_oversubscribe(std::string_view text);
// Of a node with these labels; 100 without the label, or with one that says nothing.
std::int64_t oversubscribe_percent(const Labels& labels);

}  // namespace drover::rm
