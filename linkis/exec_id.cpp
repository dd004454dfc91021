// linkis/exec_id.cpp - writes and reads the long and short names of tasks.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/exec_id.hpp"

#include <charconv>

namespace drover::linkis {
namespace {

constexpr std::string_view kPrefix = "exec_id";
constexpr std::size_t kTextMax = 4096;

std::string three_digits(std::size_t number) {
  std::string text = std::to_string(number);
  return std::string(3 - text.size(), '0') + text;
}

bool read_digits(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty() &&
         text.front() != '+' && text.front() != '-';
}

tl::unexpected<Error> not_a_task(std::string_view text) {
  return fail(Errc::BadInput, "'" + std::string(text.substr(0, 80)) + "' is no id of a task",
              "give the execID or the taskID that the submission answered", "id");
}

}  // namespace

std::string short_id(const TaskName& name) {
  return name.creator + "_" + name.user + "_" + name.engine + "_" + std::to_string(name.task);
}

std::string exec_id(std::string_view instance, const TaskName& name) {
  instance = instance.substr(0, 999);
  std::string text(kPrefix);
  text += three_digits(kEntrance.size()) + three_digits(instance.size());
  text.append(kEntrance).append(instance);
  return text + short_id(name);
}

Result<TaskReference> parse_task(std::string_view text) {
  TaskReference found;
  if (text.size() > kTextMax) return not_a_task(text);
  if (read_digits(text, found.task)) {
    if (found.task == 0) return not_a_task(text);
    return found;
  }
  std::string_view rest = text;
  if (rest.starts_with(kPrefix)) {
    rest.remove_prefix(kPrefix.size());
    std::uint64_t service = 0, instance = 0;
    if (rest.size() < 6 || !read_digits(rest.substr(0, 3), service) ||
        !read_digits(rest.substr(3, 3), instance) || rest.size() - 6 < service + instance)
      return not_a_task(text);
    if (rest.substr(6, service) != kEntrance) return not_a_task(text);
    found.instance = rest.substr(6 + service, instance);
    rest.remove_prefix(6 + service + instance);
  }
  const std::size_t mark = rest.rfind('_');
  if (mark == std::string_view::npos || mark == 0 ||
      !read_digits(rest.substr(mark + 1), found.task) || found.task == 0 || rest[mark + 1] == '0')
    return not_a_task(text);
  found.short_id = rest;
  return found;
}

}  // namespace drover::linkis
