// linkis/calendar.hpp - days and months as variables count them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drover::linkis {

struct Moment {  // of the proleptic Gregorian calendar
  std::int64_t year = 1970;
  int month = 1, day = 1, hour = 0, minute = 0, second = 0;
  friend bool operator==(const Moment&, const Moment&) = default;
};

std::int64_t to_seconds(const Moment& moment);
Moment from_seconds(std::int64_t seconds);
Moment plus_days(Moment moment, std::int64_t days);
// The day is cut to the month's last one.
Moment plus_months(Moment moment, std::int64_t months);
int days_in_month(std::int64_t year, int month);

std::optional<Moment> parse_day(std::string_view text);  // "20200228" or "2020-02-28"

// Runs of y M d H m s become numbers of that width; everything else stays.
std::string format_moment(const Moment& moment, std::string_view pattern);

// &{PATTERN%-1d%+2H}: what stands between the braces. Nothing when it is no such thing.
std::optional<std::string> date_expression(const Moment& run_date, std::string_view text);

// run_date, run_month_begin_std, ...: whether `name` is one of them, moved by `offset` in its own
// unit. `today` has the hour.
std::optional<std::string> date_variable(const Moment& run_date, const Moment& today,
                                         std::string_view name, std::int64_t offset);

}  // namespace drover::linkis
