// sched/output_path.cpp - expands the patterns of --output, --error and --input.
// SPDX-License-Identifier: Apache-2.0
#include "sched/output_path.hpp"

#include <algorithm>
#include <optional>

namespace drover::sched {
namespace {

constexpr std::size_t kWidthMax = 10;

std::string padded(std::uint64_t number, std::size_t width) {
  std::string digits = std::to_string(number);
  if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
  return digits;
}

std::string without_slashes(std::string_view text) {
  std::string name(text);
  std::ranges::replace(name, '/',
                       '_');  // a name is one part of a path, never a way to another folder
  return name == "." || name == ".." ? "_" : name;
}

// What `symbol` stands for, or nothing when it stands for itself.
std::optional<std::string> value_of(char symbol, std::size_t width, const PathValues& values) {
  const std::uint64_t job = raw(values.task.job);
  const std::uint32_t index = values.is_array ? raw(values.task.index) : 0;
  switch (symbol) {
    case 'j':
    case 'J':
      return values.is_array ? padded(job, width) + "_" + std::to_string(index)
                             : padded(job, width);
    case 'A': return padded(job, width);
    case 'a': return padded(index, width);
    case 'b': return padded(index % 10, width);
    case 'n':
    case 't': return padded(0, width);
    case 's': return "batch";
    case 'x': return without_slashes(values.name);
    case 'N': return without_slashes(values.node);
    case 'u': return without_slashes(values.user);
    case '%': return "%";
    default: return std::nullopt;
  }
}

std::string expand(std::string_view pattern, const PathValues& values) {
  std::string path;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] != '%') {
      path += pattern[at];
      continue;
    }
    std::size_t end = at + 1;
    std::size_t width = 0;
    for (; end < pattern.size() && pattern[end] >= '0' && pattern[end] <= '9'; ++end)
      width = std::min(width * 10 + std::size_t(pattern[end] - '0'), kWidthMax);
    const auto value = end < pattern.size() ? value_of(pattern[end], width, values) : std::nullopt;
    if (!value) {
      path += '%';
      continue;
    }
    path += *value;
    at = end;
  }
  return path;
}

}  // namespace

Result<void> check_path_pattern(std::string_view pattern, std::string_view field) {
  if (pattern.size() > kPathMax)
    return fail(Errc::Limit, "the path is longer than " + std::to_string(kPathMax) + " bytes",
                "use a shorter path", std::string(field));
  if (std::ranges::any_of(pattern, [](char c) { return c == '\0' || c == '\n' || c == '\r'; }))
    return fail(Errc::BadInput, "the path contains a NUL byte or a line break",
                "use a path without control characters", std::string(field));
  return {};
}

Result<std::string> expand_path(std::string_view pattern, const PathValues& values) {
  if (pattern.empty()) return fail(Errc::BadInput, "the path is empty", "name a file");
  if (auto good = check_path_pattern(pattern, {}); !good) return fail(std::move(good.error()));
  std::string path;
  if (pattern.find('\\') != std::string_view::npos) {
    std::ranges::copy_if(pattern, std::back_inserter(path), [](char c) { return c != '\\'; });
    if (path.empty()) return fail(Errc::BadInput, "the path is empty", "name a file");
  } else {
    path = expand(pattern, values);
  }
  if (!path.starts_with('/'))
    path.insert(0, std::string(values.cwd) + (values.cwd.ends_with('/') ? "" : "/"));
  // The values are part of the path now: the same rules hold for them.
  if (auto good = check_path_pattern(path, {}); !good) return fail(std::move(good.error()));
  return path;
}

}  // namespace drover::sched
