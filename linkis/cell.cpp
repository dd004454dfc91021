// linkis/cell.cpp - the names of types, and cells as clients read them.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/cell.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

namespace drover::linkis {
namespace {

constexpr std::size_t kDigitsExact = 15;
constexpr auto kTypes = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"int", "bigint"},
    {"float", "double"},
    {"bool", "boolean"},
    {"decimal", "decimal"},
    {"date", "date"},
    {"timestamp", "timestamp"},
    {"binary", "binary"},
});
constexpr auto kNoNumbers = std::to_array<std::pair<std::string_view, std::string_view>>(
    {{"nan", "NaN"}, {"inf", "Infinity"}, {"-inf", "-Infinity"}});

// What begins `text`, taken from it: so many digits, or one of those letters.
std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return value;
}
bool take_one(std::string_view& text, std::string_view letters) {
  if (text.empty() || letters.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

// Of ".123456": whole milliseconds. 0 without a fraction.
std::optional<int> take_millis(std::string_view& text) {
  if (!take_one(text, ".")) return 0;
  int millis = 0;
  std::size_t count = 0;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; ++count) {
    if (count < 3) millis = millis * 10 + (text.front() - '0');
    text.remove_prefix(1);
  }
  if (count == 0) return std::nullopt;
  for (; count < 3; ++count) millis *= 10;
  return millis;
}

// "Z", "+05:30", "+0530", "+05", "-00:53:28", all that is left: seconds east of UTC. 0 of nothing.
std::optional<int> take_offset(std::string_view& text) {
  if (text.empty() || take_one(text, "Z")) return 0;
  const int sign = text.front() == '-' ? -1 : 1;
  if (!take_one(text, "+-")) return std::nullopt;
  const auto hours = take_digits(text, 2);
  if (!hours || *hours > 23) return std::nullopt;
  int seconds = *hours * 3600;
  for (int unit = 60; unit > 0 && !text.empty(); unit /= 60) {
    take_one(text, ":");
    const auto part = take_digits(text, 2);
    if (!part || *part > 59) return std::nullopt;
    seconds += *part * unit;
  }
  return sign * seconds;
}

void append_digits(int value, int scale, std::string& out) {
  for (; scale > 0; scale /= 10) out += char('0' + value / scale % 10);
}

std::string moment_text(std::chrono::sys_seconds moment, int millis) {
  const auto day = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date(day);
  const int second = int((moment - day).count());
  std::string out;
  append_digits(int(date.year()), 1000, out);
  append_digits(int(unsigned(date.month())), 10, out += '-');
  append_digits(int(unsigned(date.day())), 10, out += '-');
  append_digits(second / 3600, 10, out += ' ');
  append_digits(second / 60 % 60, 10, out += ':');
  append_digits(second % 60, 10, out += ':');
  if (millis != 0) append_digits(millis, 100, out += '.');
  return out;
}

// Nothing of what is no timestamp.
std::optional<std::string> timestamp_text(std::string_view text) {
  std::array<int, 6> parts{};  // year, month, ..., second
  constexpr std::string_view kBefore[] = {"", "-", "-", "T ", ":", ":"};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0 && !take_one(text, kBefore[i])) return std::nullopt;
    const auto part = take_digits(text, i == 0 ? 4 : 2);
    if (!part) return std::nullopt;
    parts[i] = *part;
  }
  const auto millis = take_millis(text);
  if (!millis) return std::nullopt;
  const auto offset = take_offset(text);
  const std::chrono::year_month_day date{std::chrono::year(parts[0]),
                                         std::chrono::month(unsigned(parts[1])),
                                         std::chrono::day(unsigned(parts[2]))};
  if (!offset || !text.empty() || !date.ok() || parts[3] > 23 || parts[4] > 59 || parts[5] > 59)
    return std::nullopt;
  const int seconds = parts[3] * 3600 + parts[4] * 60 + parts[5] - *offset;
  const std::chrono::sys_seconds moment =
      std::chrono::sys_days(date) + std::chrono::seconds(seconds);
  const auto year =
      int(std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(moment)).year());
  if (parts[0] < 1 || year < 1 || year > 9999) return std::nullopt;
  return moment_text(moment, *millis);
}

}  // namespace

std::string_view data_type(std::string_view engine_type) {
  for (const auto& [ours, theirs] : kTypes)
    if (ours == engine_type) return theirs;
  return "string";
}

void use_client_words(std::span<const Column> columns, Row& row) {
  for (std::size_t i = 0; i < std::min(columns.size(), row.size()); ++i) {
    Cell& cell = row[i];
    if (cell.kind != Cell::Kind::Text) continue;
    if (columns[i].type == "timestamp") {
      if (auto text = timestamp_text(cell.text)) cell.text = *std::move(text);
    } else if (columns[i].type == "double") {
      for (const auto& [ours, theirs] : kNoNumbers)
        if (cell.text == ours) {
          cell.text = theirs;
          break;
        }
    }
  }
}

bool is_exact_number(const Cell& cell) {
  if (cell.kind != Cell::Kind::Number) return false;
  if (cell.text.find_first_of(".eE") != std::string::npos) return true;  // a float, as before
  return cell.text.size() - std::size_t(cell.text.starts_with('-')) <= kDigitsExact;
}

}  // namespace drover::linkis
