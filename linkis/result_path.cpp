// linkis/result_path.cpp - writes and reads the paths of results.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/result_path.hpp"

#include <charconv>
#include <vector>

namespace drover::linkis {
namespace {

constexpr std::string_view kScheme = "file://";
constexpr std::size_t kPathMax = 1024;

template <class Number>
bool read_number(std::string_view text, Number& number) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && text.front() != '-';
}

bool is_user(std::string_view name) {
  if (name.empty() || name.size() > 256 || name == "." || name == "..") return false;
  for (const char c : name)
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '/' || c == '\\') return false;
  return true;
}

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  }
  return parts;
}

bool read_parts(const std::vector<std::string_view>& parts, ResultPath& out) {
  using Kind = ResultPath::Kind;
  if (parts.size() < 2 || parts.size() > 5 || parts[0] != "drover" || !is_user(parts[1]))
    return false;
  out.user = parts[1];
  if (parts.size() == 2) return true;
  if (parts.size() == 4 && parts[2] == "log" && parts[3].ends_with(".log")) {
    out.kind = Kind::Log;
    return read_number(parts[3].substr(0, parts[3].size() - 4), out.task) && out.task > 0;
  }
  if (parts.size() < 4 || parts[2] != "result" || !read_number(parts[3], out.task) || out.task == 0)
    return false;
  out.kind = Kind::Results;
  if (parts.size() == 4) return true;
  out.kind = Kind::Result;
  const std::string_view name = parts[4];
  return name.starts_with('_') && name.ends_with(".dolphin") && name.size() > 9 &&
         read_number(name.substr(1, name.size() - 9), out.index);
}

}  // namespace

std::string results_path(std::string_view user, std::uint64_t task) {
  return std::string(kScheme) + "/drover/" + std::string(user) + "/result/" + std::to_string(task);
}
std::string result_path(std::string_view user, std::uint64_t task, std::uint32_t index) {
  return results_path(user, task) + "/_" + std::to_string(index) + ".dolphin";
}
std::string log_path(std::string_view user, std::uint64_t task) {
  return std::string(kScheme) + "/drover/" + std::string(user) + "/log/" + std::to_string(task) +
         ".log";
}

std::string to_text(const ResultPath& path) {
  switch (path.kind) {
    case ResultPath::Kind::Results: return results_path(path.user, path.task);
    case ResultPath::Kind::Result: return result_path(path.user, path.task, path.index);
    case ResultPath::Kind::Log: return log_path(path.user, path.task);
    case ResultPath::Kind::Home: break;
  }
  return std::string(kScheme) + "/drover/" + path.user;
}

Result<ResultPath> parse_path(std::string_view text) {
  if (text.empty()) return fail(Errc::BadInput, "the path is empty", "give path=...", "path");
  std::string_view rest = text;
  if (rest.starts_with(kScheme)) rest.remove_prefix(kScheme.size());
  ResultPath out;
  if (text.size() <= kPathMax && rest.starts_with('/')) {
    rest.remove_prefix(1);
    const bool is_folder = rest.ends_with('/');
    if (is_folder) rest.remove_suffix(1);
    if (!rest.ends_with('/') && read_parts(parts_of(rest), out) &&
        !(is_folder && (out.kind == ResultPath::Kind::Result || out.kind == ResultPath::Kind::Log)))
      return out;
  }
  return fail(Errc::NotFound, "there is no such path", "take it from resultLocation or logPath",
              "path");
}

}  // namespace drover::linkis
