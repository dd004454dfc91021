// base/units.cpp - reads and writes the numbers people use; every error shows the accepted form.
// SPDX-License-Identifier: Apache-2.0
#include "base/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <vector>

namespace drover {
namespace {

constexpr std::int64_t kMinute = 60, kHour = 3'600, kDay = 86'400;
constexpr std::int64_t kMaxSeconds = 36'500 * kDay;      // a century: longer is a typing error
constexpr std::int64_t kMaxMib = std::int64_t(1) << 40;  // 2^60 bytes
constexpr std::string_view kTimeHint =
    "write minutes (90), hours:minutes:seconds (1:30:00), days-hours (2-12) or 1h30m";
constexpr std::string_view kMemoryHint = "write MiB (512) or a number with K, M, G or T (4G)";
constexpr std::string_view kBeginHint =
    "write now+1hour, 16:00, tomorrow, 2026-12-24 or 2026-12-24T08:00";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  return out;
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 40;
  std::string out = "\"" + std::string(text.substr(0, kShown));
  return out + (text.size() > kShown ? "...\"" : "\"");
}

// A whole number of 1 to 12 digits: small enough that one multiplication by a unit cannot overflow.
std::optional<std::int64_t> digits(std::string_view text) {
  if (text.empty() || text.size() > 12) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

std::size_t digits_at(std::string_view text) {
  return std::min(text.find_first_not_of("0123456789"), text.size());
}

// "1:02:03" -> {1, 2, 3}; nothing when a part is not a number or there are more than three.
std::optional<std::vector<std::int64_t>> colon_parts(std::string_view text) {
  std::vector<std::int64_t> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(':', begin), text.size());
    const auto part = digits(text.substr(begin, end - begin));
    if (!part || parts.size() == 3) return std::nullopt;
    parts.push_back(*part);
    begin = end + 1;
  }
  return parts;
}

std::int64_t seconds_per_unit(std::string_view unit) {
  struct Unit {
    std::string_view name;
    std::int64_t seconds;
  };
  static constexpr std::array kUnits = std::to_array<Unit>({{"s", 1},
                                                            {"sec", 1},
                                                            {"second", 1},
                                                            {"m", kMinute},
                                                            {"min", kMinute},
                                                            {"minute", kMinute},
                                                            {"h", kHour},
                                                            {"hr", kHour},
                                                            {"hour", kHour},
                                                            {"d", kDay},
                                                            {"day", kDay},
                                                            {"w", 7 * kDay},
                                                            {"week", 7 * kDay}});
  if (unit.size() > 3 && unit.ends_with('s')) unit.remove_suffix(1);
  for (const Unit& known : kUnits)
    if (known.name == unit) return known.seconds;
  return 0;
}

// "1h30m", "90s", "2days": numbers with units, no blanks.
std::optional<std::int64_t> unit_seconds(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::int64_t sum = 0;
  while (!text.empty()) {
    const std::size_t number = digits_at(text);
    const auto value = digits(text.substr(0, number));
    text.remove_prefix(number);
    const std::size_t unit = std::min(text.find_first_of("0123456789"), text.size());
    const std::int64_t factor = seconds_per_unit(text.substr(0, unit));
    text.remove_prefix(unit);
    if (!value || factor == 0) return std::nullopt;
    sum += std::min(*value, kMaxSeconds + 1) * factor;
    if (sum > kMaxSeconds) return kMaxSeconds + 1;
  }
  return sum;
}

// Slurm's forms: minutes, m:s, h:m:s, d-h, d-h:m, d-h:m:s.
std::optional<std::int64_t> slurm_seconds(std::string_view text) {
  const std::size_t dash = text.find('-');
  std::int64_t days = 0;
  if (dash != text.npos) {
    const auto value = digits(text.substr(0, dash));
    if (!value) return std::nullopt;
    days = *value;
    text.remove_prefix(dash + 1);
  }
  auto parts = colon_parts(text);
  if (!parts) return std::nullopt;
  if (dash != text.npos) {
    parts->resize(3);  // hours come first
  } else if (parts->size() < 3) {
    parts->insert(parts->begin(), 0);  // minutes come first
    parts->resize(3);
  }
  for (std::int64_t& part : *parts) part = std::min(part, kMaxSeconds + 1);
  return std::min(days, kMaxSeconds + 1) * kDay + (*parts)[0] * kHour + (*parts)[1] * kMinute +
         (*parts)[2];
}

std::int64_t floor_divided(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

// The day that holds `t` in the given zone, counted from 1970-01-01.
std::int64_t local_day(Time t, std::int64_t utc_offset_s) {
  return floor_divided(floor_divided(t.us, 1'000'000) + utc_offset_s, kDay);
}

std::optional<std::int64_t> time_of_day(std::string_view text) {
  const auto parts = colon_parts(text);
  if (!parts || parts->size() < 2) return std::nullopt;
  const std::int64_t second = parts->size() == 3 ? (*parts)[2] : 0;
  if ((*parts)[0] > 23 || (*parts)[1] > 59 || second > 59) return std::nullopt;
  return (*parts)[0] * kHour + (*parts)[1] * kMinute + second;
}

// "2026-12-24" as days since 1970-01-01.
std::optional<std::int64_t> calendar_day(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = digits(text.substr(0, 4)), month = digits(text.substr(5, 2)),
             day = digits(text.substr(8, 2));
  if (!year || !month || !day || *year < 1971 || *year > 2999) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(int(*year)),
                                         std::chrono::month(unsigned(*month)),
                                         std::chrono::day(unsigned(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

std::string two_digits(std::int64_t value) {
  return {char('0' + value / 10 % 10), char('0' + value % 10)};
}

}  // namespace

Result<Duration> parse_time_limit(std::string_view text) {
  const std::string word = lower(text);
  if (word == "infinite" || word == "unlimited") return Duration{0};
  auto value = slurm_seconds(word);
  if (!value) value = unit_seconds(word);
  if (!value)
    return fail(Errc::BadInput, "time limit " + quoted(text) + " is not a duration",
                std::string(kTimeHint), "time");
  if (*value > kMaxSeconds)
    return fail(Errc::BadInput, "time limit " + quoted(text) + " is longer than 36500 days",
                "write \"unlimited\" for no limit", "time");
  return seconds(*value);
}

Result<std::int64_t> parse_memory_mib(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return fail(Errc::BadInput, "memory " + quoted(text) + " " + std::string(why),
                std::string(kMemoryHint), "mem");
  };
  const std::string word = lower(text);
  std::string_view rest = word;
  const auto whole = digits(rest.substr(0, digits_at(rest)));
  if (!whole) return bad("is not a size");
  rest.remove_prefix(digits_at(rest));
  std::int64_t thousandths = 0;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    const std::size_t length = digits_at(rest);
    const auto part = digits(rest.substr(0, length));
    if (!part || length > 3) return bad("is not a size with at most three decimals");
    thousandths = length == 1 ? *part * 100 : length == 2 ? *part * 10 : *part;
    rest.remove_prefix(length);
  }
  std::string unit(rest);
  for (const std::string_view tail : {"ib", "b"})
    if (unit.size() > tail.size() && unit.ends_with(tail)) {
      unit.resize(unit.size() - tail.size());
      break;
    }
  std::int64_t kib = 0;  // per unit
  if (unit.empty() || unit == "m") kib = 1 << 10;
  if (unit == "k") kib = 1;
  if (unit == "g") kib = 1 << 20;
  if (unit == "t") kib = 1 << 30;
  if (kib == 0) return bad("has an unknown unit");
  if (*whole > kMaxMib * 1024 / kib) return bad("is more than any machine has");
  const std::int64_t sum_kib = *whole * kib + (thousandths * kib + 999) / 1000;
  return (sum_kib + 1023) / 1024;
}

Result<Time> parse_begin(std::string_view text, Time now, std::int64_t utc_offset_s) {
  const auto bad = [&](std::string_view why) {
    return fail(Errc::BadInput, quoted(text) + " " + std::string(why), std::string(kBeginHint),
                "begin");
  };
  const std::int64_t today = local_day(now, utc_offset_s);
  const auto at = [&](std::int64_t day, std::int64_t second) {
    return Time{(day * kDay + second - utc_offset_s) * 1'000'000};
  };
  const auto next = [&](std::int64_t second) {  // the next time the clock shows it
    const Time t = at(today, second);
    return t > now ? t : at(today + 1, second);
  };
  const std::string word = lower(text);
  if (word == "now") return now;
  if (word.starts_with("now+")) {
    const std::string_view rest = std::string_view(word).substr(4);
    auto wait = digits(rest);
    if (!wait) wait = unit_seconds(rest);
    if (!wait) return bad("does not say how long from now");
    if (*wait > kMaxSeconds) return bad("is more than 36500 days away");
    return now + seconds(*wait);
  }
  if (word == "today") return at(today, 0);
  if (word == "tomorrow") return at(today + 1, 0);
  if (word == "midnight") return next(0);
  if (word == "noon") return next(12 * kHour);
  if (const auto second = time_of_day(word)) return next(*second);
  const std::size_t t = word.find('t');
  const auto day = calendar_day(std::string_view(word).substr(0, t));
  if (!day) return bad("is not a time or date");
  if (t == word.npos) return at(*day, 0);
  const auto second = time_of_day(std::string_view(word).substr(t + 1));
  if (!second) return bad("has no valid time after the T");
  return at(*day, *second);
}

Result<std::int64_t> parse_integer(std::string_view text, std::int64_t low, std::int64_t high,
                                   std::string_view field) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < low ||
      value > high)
    return fail(Errc::BadInput, std::string(field) + ": " + quoted(text) + " is not accepted",
                "write a whole number from " + std::to_string(low) + " to " + std::to_string(high),
                std::string(field));
  return value;
}

std::string format_duration(Duration d) {
  const std::int64_t s = std::max<std::int64_t>(d.us, 0) / 1'000'000;
  std::string text = s >= kDay ? std::to_string(s / kDay) + "-" : "";
  text += two_digits(s % kDay / kHour) + ":" + two_digits(s % kHour / kMinute) + ":";
  return text + two_digits(s % kMinute);
}

std::string format_memory_mib(std::int64_t mib) {
  struct Unit {
    std::int64_t mib;
    char letter;
  };
  for (const Unit unit : {Unit{1 << 20, 'T'}, Unit{1 << 10, 'G'}}) {
    if (mib < unit.mib) continue;
    const bool exact = mib % (unit.mib / 2) == 0;
    if (!exact && mib < 10 * unit.mib) continue;  // 1500M says more than 1.5G
    const std::int64_t tenths =
        mib / unit.mib * 10 + (mib % unit.mib * 10 + unit.mib / 2) / unit.mib;
    std::string text = std::to_string(tenths / 10);
    if (tenths % 10 != 0) text += "." + std::to_string(tenths % 10);
    return text + unit.letter;
  }
  return std::to_string(mib) + "M";
}

std::string format_utc(Time t) {
  if (!t.is_set()) return "";
  const std::int64_t day = local_day(t, 0);
  const std::int64_t second = floor_divided(t.us, 1'000'000) - day * kDay;
  const std::chrono::year_month_day date{
      std::chrono::sys_days(std::chrono::days(std::chrono::days::rep(day)))};
  std::string text = std::to_string(int(date.year())) + "-" + two_digits(unsigned(date.month())) +
                     "-" + two_digits(unsigned(date.day())) + "T";
  text += two_digits(second / kHour) + ":" + two_digits(second % kHour / kMinute) + ":";
  return text + two_digits(second % kMinute) + "Z";
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  constexpr std::size_t kLongest = 64;  // option names are short; a long line is no near miss
  if (a.size() > kLongest || b.size() > kLongest) return std::max(a.size(), b.size());
  std::array<std::size_t, kLongest + 1> row{};
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace drover
