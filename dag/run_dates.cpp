// dag/run_dates.cpp - the table of dates, and patterns of dates.
// SPDX-License-Identifier: Apache-2.0
#include "dag/run_dates.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

namespace drover::dag {
namespace {

using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr std::int64_t kOffsetMax = 10'000'000;

struct Moment {
  std::int64_t day = 0;     // since 1970-01-01
  std::int64_t second = 0;  // of the day
};

year_month_day civil(std::int64_t day) { return year_month_day(sys_days(std::chrono::days(day))); }
std::int64_t day_of(std::int64_t month, unsigned day) {  // months since year 0
  const std::chrono::year year(int(month >= 0 ? month / 12 : (month - 11) / 12));
  const unsigned in_year = unsigned(month - std::int64_t(12) * int(year));
  const sys_days first(year / std::chrono::month(in_year + 1) / 1);
  return first.time_since_epoch().count() + day - 1;
}
std::int64_t month_of(std::int64_t day) {
  const year_month_day date = civil(day);
  return 12 * std::int64_t(int(date.year())) + unsigned(date.month()) - 1;
}
bool is_in_range(std::int64_t day) {
  return day >= day_of(12, 1) && day < day_of(12 * std::int64_t(10'000), 1);
}

std::string digits(std::int64_t number, std::size_t width) {
  std::string text = std::to_string(number);
  return text.size() < width ? std::string(width - text.size(), '0') + text : text;
}

enum class Form : std::uint8_t { Day, Month, Hour };
enum class Edge : std::uint8_t { Here, First, Last };  // of a span of months
struct Row {
  std::string_view name;
  bool from_today = false;  // counts from the day after run_date
  int months = 0;           // in a span that begins at a multiple of that; 0 = days or hours
  int shift = 0;            // of those spans
  Edge edge{};
  Form form{};
  int step_months = 0;  // what an offset counts, if not the span itself
};
// clang-format off
constexpr std::array kRows{
    Row{"run_date"},
    Row{"run_today", true},
    Row{"run_month_begin", false, 1, 0, Edge::First},
    Row{"run_month_end", false, 1, 0, Edge::Last},
    Row{"run_month_now_begin", true, 1, -1, Edge::First},
    Row{"run_month_now_end", true, 1, -1, Edge::Last},
    Row{"run_quarter_begin", false, 3, 0, Edge::First},
    Row{"run_quarter_end", false, 3, 0, Edge::Last},
    Row{"run_half_year_begin", false, 6, 0, Edge::First},
    Row{"run_half_year_end", false, 6, 0, Edge::Last},
    Row{"run_year_begin", false, 12, 0, Edge::First},
    Row{"run_year_end", false, 12, 0, Edge::Last},
    Row{"run_mon", false, 1, 0, Edge::First, Form::Month},
    Row{"run_last_mon_now", true, 1, -1, Edge::First, Form::Month},
    Row{"run_current_mon_now", true, 1, 0, Edge::First, Form::Month},
    Row{"run_mon_now", true, 1, 0, Edge::First, Form::Month},
    Row{"run_mon_start", false, 12, 0, Edge::First, Form::Month, 1},
    Row{"run_mon_end", false, 12, 0, Edge::Last, Form::Month, 1},
    Row{"run_today_h", true, 0, 0, Edge::Here, Form::Hour},
    Row{"run_today_hour", true, 0, 0, Edge::Here, Form::Hour},
};
// clang-format on
constexpr std::string_view kStd = "_std";

const Row* find_row(std::string_view name) {
  if (name.ends_with(kStd)) name.remove_suffix(kStd.size());
  const auto* row = std::ranges::find(kRows, name, &Row::name);
  return row == kRows.end() ? nullptr : row;
}

// In the unit of the row, from the day that it counts from.
Moment moment_of(const Row& row, std::int64_t offset, const RunDay& run) {
  const std::int64_t base = run.day + (row.from_today ? 1 : 0);
  if (row.form == Form::Hour) {
    const std::int64_t hours = base * 24 + run.hour + offset;
    const std::int64_t day = hours >= 0 ? hours / 24 : (hours - 23) / 24;
    return {day, (hours - day * 24) * 3600};
  }
  if (row.months == 0) return {base + offset, 0};
  std::int64_t first = month_of(base);
  first -= first % row.months;
  first += std::int64_t(row.shift) * row.months;
  first += offset * (row.step_months > 0 ? row.step_months : row.months);
  if (row.edge == Edge::First) return {day_of(first, 1), 0};
  return {day_of(first + row.months, 1) - 1, 0};
}

// One letter of a pattern, `width` times.
bool append_part(char letter, std::size_t width, const Moment& moment, std::string& into) {
  const year_month_day date = civil(moment.day);
  switch (letter) {
    case 'y': {
      const std::string year = digits(int(date.year()), 4);
      into += width == 2 ? year.substr(2) : year;
      return width == 2 || width == 4;
    }
    case 'M': into += digits(unsigned(date.month()), width); return width <= 2;
    case 'd': into += digits(unsigned(date.day()), width); return width <= 2;
    case 'H': into += digits(moment.second / 3600, width); return width <= 2;
    case 'm': into += digits(moment.second / 60 % 60, width); return width <= 2;
    case 's': into += digits(moment.second % 60, width); return width <= 2;
    default: return false;
  }
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// "-1d", "+2M".
bool move_by(std::string_view offset, Moment& moment) {
  if (offset.starts_with('+')) offset.remove_prefix(1);
  std::int64_t count = 0;
  const char* end = offset.data() + offset.size();
  const auto [rest, error] = std::from_chars(offset.data(), end, count);
  if (error != std::errc() || rest + 1 != end || count > kOffsetMax || count < -kOffsetMax)
    return false;
  const auto move_seconds = [&](std::int64_t seconds) {
    const std::int64_t all = moment.day * 86'400 + moment.second + seconds;
    moment.day = all >= 0 ? all / 86'400 : (all - 86'399) / 86'400;
    moment.second = all - moment.day * 86'400;
  };
  const auto move_months = [&](std::int64_t months) {
    const std::int64_t month = month_of(moment.day) + months;
    const auto day = unsigned(civil(moment.day).day());
    const std::int64_t length = day_of(month + 1, 1) - day_of(month, 1);
    moment.day = day_of(month, unsigned(std::min<std::int64_t>(day, length)));
  };
  switch (*rest) {
    case 'y': move_months(12 * std::clamp<std::int64_t>(count, -20'000, 20'000)); break;
    case 'M': move_months(std::clamp<std::int64_t>(count, -200'000, 200'000)); break;
    case 'd': moment.day += count; break;
    case 'H': move_seconds(count * 3600); break;
    case 'm': move_seconds(count * 60); break;
    case 's': move_seconds(count); break;
    default: return false;
  }
  return is_in_range(moment.day);
}

}  // namespace

bool is_run_date(std::string_view name) { return find_row(name) != nullptr; }

std::vector<std::string_view> run_date_names() {
  std::vector<std::string_view> names;
  names.reserve(kRows.size());
  for (const Row& row : kRows) names.push_back(row.name);
  return names;
}

std::optional<std::string> run_date_value(std::string_view name, std::int64_t offset,
                                          const RunDay& run) {
  const Row* row = find_row(name);
  constexpr std::int64_t kSpansMax = 200'000;
  const std::int64_t most = row != nullptr && row->months > 0 ? kSpansMax : kOffsetMax * 10;
  if (row == nullptr || offset > most || offset < -most) return std::nullopt;
  const Moment moment = moment_of(*row, offset, run);
  if (!is_in_range(moment.day)) return std::nullopt;
  const bool is_std = name.ends_with(kStd);
  const char* pattern = row->form == Form::Day     ? (is_std ? "yyyy-MM-dd" : "yyyyMMdd")
                        : row->form == Form::Month ? (is_std ? "yyyy-MM" : "yyyyMM")
                                                   : (is_std ? "yyyy-MM-dd HH" : "yyyyMMddHH");
  return format_run_date(pattern, {moment.day, std::int32_t(moment.second / 3600)});
}

std::optional<std::string> format_run_date(std::string_view pattern, const RunDay& run) {
  Moment moment{run.day, std::int64_t(run.hour) * 3600};
  std::string_view form = pattern.substr(0, pattern.find('%'));
  for (std::string_view rest = pattern.substr(form.size()); !rest.empty();) {
    rest.remove_prefix(1);
    const std::string_view offset = rest.substr(0, rest.find('%'));
    if (!move_by(offset, moment)) return std::nullopt;
    rest.remove_prefix(offset.size());
  }
  // What begins with a blank is the shell's: "a &&{ b; }".
  if (form.empty() || form.size() > 64 || !is_letter(form.front())) return std::nullopt;
  std::string text;
  bool has_part = false;
  while (!form.empty()) {
    const char letter = form.front();
    const std::size_t width = std::min(form.find_first_not_of(letter), form.size());
    if (!is_letter(letter))
      text.append(form.substr(0, width));
    else if (!append_part(letter, width, moment, text))
      return std::nullopt;
    has_part = has_part || is_letter(letter);
    form.remove_prefix(width);
  }
  if (!has_part) return std::nullopt;
  return text;
}

std::optional<std::int64_t> parse_run_date(std::string_view text) {
  std::string plain(text);
  if (plain.size() == 10 && plain[4] == '-' && plain[7] == '-')
    plain.erase(7, 1), plain.erase(4, 1);
  if (plain.size() != 8 || !std::ranges::all_of(plain, [](char c) { return c >= '0' && c <= '9'; }))
    return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t width) {
    return std::stoi(plain.substr(at, width));
  };
  const year_month_day date{std::chrono::year(number(0, 4)),
                            std::chrono::month(unsigned(number(4, 2))),
                            std::chrono::day(unsigned(number(6, 2)))};
  if (!date.ok() || number(0, 4) == 0) return std::nullopt;
  return sys_days(date).time_since_epoch().count();
}

}  // namespace drover::dag
