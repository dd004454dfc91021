// sim/option_checks.hpp - numbers on the command line: what a conversion alone would let through,
// such as -1 for a number without a sign, or nan.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

#include "base/units.hpp"

namespace drover::sim {

inline CLI::Validator whole_number(std::int64_t low) {
  return {[low](const std::string& text) -> std::string {
            constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
            if (parse_integer(text, low, kMost, "N")) return {};
            return fmt::format("\"{}\" is no whole number from {} to {}", text, low, kMost);
          },
          ""};
}

inline CLI::Validator number_in(double low, double high) {
  return {[low, high](const std::string& text) -> std::string {
            char* end = nullptr;
            const double value = std::strtod(text.c_str(), &end);
            if (!text.empty() && *end == '\0' && value >= low && value <= high) return {};
            return fmt::format("\"{}\" is no number from {} to {}", text, low, high);
          },
          ""};
}

}  // namespace drover::sim
