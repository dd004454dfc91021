// linkis/log_text.cpp - writes and classifies lines of logs.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/log_text.hpp"

#include <cstdio>
#include <optional>
#include <utility>

#include "base/units.hpp"

namespace drover::linkis {
namespace {

// dddd-dd-dd dd:dd:dd.ddd (or ,ddd) and a blank.
constexpr std::string_view kStamp = "dddd-dd-dd dd:dd:dd.ddd ";

std::optional<Level> level_of(std::string_view line) {
  if (line.size() < kStamp.size()) return std::nullopt;
  for (std::size_t i = 0; i < kStamp.size(); ++i) {
    const char want = kStamp[i], have = line[i];
    const bool fits = want == 'd'   ? have >= '0' && have <= '9'
                      : want == '.' ? have == '.' || have == ','
                                    : have == want;
    if (!fits) return std::nullopt;
  }
  const std::string_view rest = line.substr(kStamp.size());
  if (rest.starts_with("ERROR") || rest.starts_with("SYSTEM-ERROR")) return Level::Error;
  if (rest.starts_with("WARN") || rest.starts_with("SYSTEM-WARN")) return Level::Warn;
  return Level::Info;
}

}  // namespace

std::string log_line(Time wall, Level level, std::string_view text) {
  std::string stamp = format_utc(Time{wall.us > 0 ? wall.us : 1});
  if (stamp.size() == 20) stamp[10] = ' ';
  stamp = stamp.substr(0, 19);
  char rest[16];
  std::snprintf(rest, sizeof rest, ".%03d ", int(wall.us / 1000 % 1000));
  static constexpr const char* kNames[] = {"ERROR ", "WARN ", "INFO "};
  return stamp + rest + kNames[std::size_t(level)] + std::string(text);
}

FourLogs split_log(std::span<const std::string_view> lines, bool inherit) {
  FourLogs logs;
  std::array<bool, 4> begun{};
  const auto add = [&](std::size_t which, std::string_view line) {
    if (std::exchange(begun[which], true)) logs[which] += '\n';
    logs[which] += line;
  };
  Level last = Level::Info;
  for (const std::string_view line : lines) {
    const auto said = level_of(line);
    const Level level = said ? *said : inherit ? last : Level::Info;
    last = level;
    add(std::size_t(level), line);
    add(3, line);
  }
  return logs;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return lines;
}

}  // namespace drover::linkis
