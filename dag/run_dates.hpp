// dag/run_dates.hpp - run_date and its family: dates that a workflow counts from.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace drover::dag {

struct RunDay {
  std::int64_t day = 0;   // run_date, in days since 1970-01-01
  std::int32_t hour = 0;  // of the moment at which the workflow was submitted
};

bool is_run_date(std::string_view name);
std::vector<std::string_view> run_date_names();  // without their "_std"

// The value of "run_month_begin" or "run_month_begin_std", `offset` of its own units later: days,
// hours, months, quarters, half years or years. Nothing for a name that is none of these, and for a
// date outside of the years 1 to 9999.
std::optional<std::string> run_date_value(std::string_view name, std::int64_t offset,
                                          const RunDay& run);

// "yyyyMMdd%-1d" -> "20200227": letters y M d H m s make digits, offsets follow. Nothing for what
// is no such pattern.
std::optional<std::string> format_run_date(std::string_view pattern, const RunDay& run);

// "20200228" or "2020-02-28", in days since 1970-01-01.
std::optional<std::int64_t> parse_run_date(std::string_view text);

}  // namespace drover::dag
