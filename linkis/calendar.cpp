// linkis/calendar.cpp - the date variables in one table.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/calendar.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace drover::linkis {
namespace {

constexpr std::int64_t kDay = 86'400, kYearMax = 9'999, kOffsetMax = 1'000'000;

// Days since 1970-01-01, by eras of 400 years.
std::int64_t days_of(std::int64_t year, int month, int day) {
  year -= month <= 2;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t of_era = year - era * 400;
  const std::int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719'468;
}

bool read_int(std::string_view text, std::int64_t& number) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return !text.empty() && error == std::errc{} && end == text.data() + text.size();
}

bool is_in_range(const Moment& moment) { return moment.year >= 1 && moment.year <= kYearMax; }

// A span of months of the year, `size` each, that holds the month; then moved by whole spans.
Moment span_begin(const Moment& of, int size, std::int64_t offset) {
  Moment begin{of.year, (of.month - 1) / size * size + 1, 1};
  return plus_months(begin, offset * size);
}
Moment span_end(const Moment& of, int size, std::int64_t offset) {
  return plus_days(span_begin(of, size, offset + 1), -1);
}

enum class Form { Day, Month, Hour };

std::string written(const Moment& moment, Form form, bool is_std) {
  static constexpr std::array<std::array<std::string_view, 2>, 3> kForms{
      {{"yyyyMMdd", "yyyy-MM-dd"}, {"yyyyMM", "yyyy-MM"}, {"yyyyMMddHH", "yyyy-MM-dd HH"}}};
  return format_moment(moment, kForms[std::size_t(form)][is_std ? 1 : 0]);
}

struct Span {
  std::string_view name;  // run_NAME_begin, run_NAME_end
  int months;
  int back;  // so many spans before the one of run_today; -1: that of run_date
};
constexpr std::array<Span, 5> kSpans{{{"month", 1, -1},
                                      {"month_now", 1, 1},
                                      {"quarter", 3, -1},
                                      {"half_year", 6, -1},
                                      {"year", 12, -1}}};

}  // namespace

int days_in_month(std::int64_t year, int month) {
  return int(days_of(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) -
             days_of(year, month, 1));
}

std::int64_t to_seconds(const Moment& m) {
  return days_of(m.year, m.month, m.day) * kDay + m.hour * 3600 + m.minute * 60 + m.second;
}

Moment from_seconds(std::int64_t seconds) {
  const std::int64_t days = seconds / kDay - (seconds % kDay < 0);
  const std::int64_t rest = seconds - days * kDay;
  const std::int64_t z = days + 719'468;
  const std::int64_t era = (z >= 0 ? z : z - 146'096) / 146'097;
  const std::int64_t of_era = z - era * 146'097;
  const std::int64_t year = (of_era - of_era / 1'460 + of_era / 36'524 - of_era / 146'096) / 365;
  const std::int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  const std::int64_t month = (5 * of_year + 2) / 153;
  Moment out;
  out.day = int(of_year - (153 * month + 2) / 5 + 1);
  out.month = int(month < 10 ? month + 3 : month - 9);
  out.year = year + era * 400 + (out.month <= 2);
  out.hour = int(rest / 3600), out.minute = int(rest / 60 % 60), out.second = int(rest % 60);
  return out;
}

Moment plus_days(Moment moment, std::int64_t days) {
  return from_seconds(to_seconds(moment) + days * kDay);
}

Moment plus_months(Moment moment, std::int64_t months) {
  const std::int64_t sum = moment.year * 12 + moment.month - 1 + months;
  moment.year = sum / 12 - (sum % 12 < 0);
  moment.month = int(sum - moment.year * 12) + 1;
  moment.day = std::min(moment.day, days_in_month(moment.year, moment.month));
  return moment;
}

std::optional<Moment> parse_day(std::string_view text) {
  std::string digits;
  if (text.size() == 10 && text[4] == '-' && text[7] == '-')
    digits.append(text.substr(0, 4)).append(text.substr(5, 2)).append(text.substr(8, 2));
  else if (text.size() == 8)
    digits = text;
  std::int64_t number = 0;
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos ||
      !read_int(digits, number))
    return std::nullopt;
  const Moment day{number / 10'000, int(number / 100 % 100), int(number % 100)};
  if (!is_in_range(day) || day.month < 1 || day.month > 12 || day.day < 1 ||
      day.day > days_in_month(day.year, day.month))
    return std::nullopt;
  return day;
}

std::string format_moment(const Moment& moment, std::string_view pattern) {
  std::string out;
  for (std::size_t at = 0; at < pattern.size();) {
    const char letter = pattern[at];
    std::size_t end = at;
    while (end < pattern.size() && pattern[end] == letter) ++end;
    std::int64_t value = -1;
    if (letter == 'y') value = moment.year;
    if (letter == 'M') value = moment.month;
    if (letter == 'd') value = moment.day;
    if (letter == 'H') value = moment.hour;
    if (letter == 'm') value = moment.minute;
    if (letter == 's') value = moment.second;
    const std::size_t width = std::min<std::size_t>(end - at, 9);
    if (value < 0) {
      out.append(pattern.substr(at, end - at));
    } else {
      if (letter == 'y' && width == 2) value %= 100;
      std::string digits = std::to_string(value);
      if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
      out += digits;
    }
    at = end;
  }
  return out;
}

std::optional<std::string> date_expression(const Moment& run_date, std::string_view text) {
  std::string_view pattern = text.substr(0, text.find('%'));
  std::string_view moves = text.substr(pattern.size());
  if (pattern.find_first_of("yMdHms") == std::string_view::npos || pattern.size() > 64)
    return std::nullopt;
  Moment moment = run_date;
  while (!moves.empty()) {
    moves.remove_prefix(1);
    const std::string_view move = moves.substr(0, moves.find('%'));
    moves.remove_prefix(move.size());
    std::int64_t count = 0;
    if (move.size() < 2 || !read_int(move.substr(0, move.size() - 1), count) ||
        count > kOffsetMax || count < -kOffsetMax)
      return std::nullopt;
    switch (move.back()) {
      case 'y': moment = plus_months(moment, count * 12); break;
      case 'M': moment = plus_months(moment, count); break;
      case 'd': moment = plus_days(moment, count); break;
      case 'H': moment = from_seconds(to_seconds(moment) + count * 3600); break;
      case 'm': moment = from_seconds(to_seconds(moment) + count * 60); break;
      case 's': moment = from_seconds(to_seconds(moment) + count); break;
      default: return std::nullopt;
    }
    if (!is_in_range(moment)) return std::nullopt;
  }
  return format_moment(moment, pattern);
}

std::optional<std::string> date_variable(const Moment& run_date, const Moment& today,
                                         std::string_view name, std::int64_t offset) {
  if (!name.starts_with("run_") || offset > kOffsetMax || offset < -kOffsetMax) return std::nullopt;
  name.remove_prefix(4);
  const bool is_std = name.ends_with("_std");
  if (is_std) name.remove_suffix(4);
  const auto shown = [&](const Moment& moment, Form form) -> std::optional<std::string> {
    if (!is_in_range(moment)) return std::nullopt;
    return written(moment, form, is_std);
  };
  if (name == "date") return shown(plus_days(run_date, offset), Form::Day);
  if (name == "today") return shown(plus_days(today, offset), Form::Day);
  if (name == "today_h" || name == "today_hour")
    return shown(from_seconds(to_seconds(today) + offset * 3600), Form::Hour);
  if (name == "mon") return shown(plus_months(run_date, offset), Form::Month);
  if (name == "mon_now" || name == "current_mon_now")
    return shown(plus_months(today, offset), Form::Month);
  if (name == "last_mon_now") return shown(plus_months(today, offset - 1), Form::Month);
  if (name == "mon_start") return shown(plus_months({run_date.year, 1, 1}, offset), Form::Month);
  if (name == "mon_end") return shown(plus_months({run_date.year, 12, 1}, offset), Form::Month);
  for (const Span& span : kSpans) {
    if (!name.starts_with(span.name)) continue;
    const std::string_view side = name.substr(span.name.size());
    const Moment& of = span.back < 0 ? run_date : today;
    const std::int64_t moved = span.back < 0 ? offset : offset - span.back;
    if (side == "_begin") return shown(span_begin(of, span.months, moved), Form::Day);
    if (side == "_end") return shown(span_end(of, span.months, moved), Form::Day);
  }
  return std::nullopt;
}

}  // namespace drover::linkis
