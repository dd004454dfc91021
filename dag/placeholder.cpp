// dag/placeholder.cpp - the grammar of "${name op operand}".
// SPDX-License-Identifier: Apache-2.0
#include "dag/placeholder.hpp"

#include <algorithm>

namespace drover::dag {
namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kSteps = "steps.";
constexpr std::size_t kBodyMax = 512;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_in_name(char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '.'; }
bool is_in_step(char c) { return is_in_name(c) || c == '-' || c == '@' || c == '~'; }

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

bool is_operator(char c) { return c == '+' || c == '-' || c == '*' || c == '/'; }

// What stands between the braces.
bool read_body(std::string_view body, Placeholder& into) {
  body = trimmed(body);
  if (body.empty() || !is_letter(body.front())) return false;
  const auto in_name = body.starts_with(kSteps) ? is_in_step : is_in_name;
  const auto end = std::ranges::find_if_not(body, in_name);
  into.name = body.substr(0, std::size_t(end - body.begin()));
  std::string_view rest = trimmed(body.substr(into.name.size()));
  if (rest.empty()) return true;
  if (!is_operator(rest.front())) return false;
  into.op = rest.front();
  into.operand = trimmed(rest.substr(1));
  return !into.operand.empty() && std::ranges::all_of(into.operand, is_in_name);
}

}  // namespace

bool is_variable_name(std::string_view text) {
  return !text.empty() && is_letter(text.front()) && std::ranges::all_of(text, is_in_name);
}

std::optional<Placeholder> next_placeholder(std::string_view text, std::size_t from) {
  for (std::size_t at = from; (at = text.find("${", at)) != std::string_view::npos; at += 2) {
    const std::string_view window = text.substr(at + 2, kBodyMax);
    const std::size_t length = window.find('}');
    if (length == std::string_view::npos) continue;
    Placeholder found{.begin = at, .end = at + 3 + length, .name = {}, .operand = {}};
    if (read_body(window.substr(0, length), found)) return found;
  }
  return std::nullopt;
}

std::string rename_placeholders(
    std::string_view text,
    const std::function<std::optional<std::string>(std::string_view name)>& renamed) {
  std::string made;
  std::size_t done = 0;
  while (const auto found = next_placeholder(text, done)) {
    const std::size_t name_at = std::size_t(found->name.data() - text.data());
    if (const auto other = renamed(found->name)) {
      made += text.substr(done, name_at - done);
      made += *other;
      done = name_at + found->name.size();
    }
    made += text.substr(done, found->end - done);
    done = found->end;
  }
  return made += text.substr(done);
}

}  // namespace drover::dag
