// pool/code_variables.cpp - gathers the values, then substitutes once.
// SPDX-License-Identifier: Apache-2.0
#include "pool/code_variables.hpp"

#include <algorithm>
#include <utility>

#include "dag/placeholder.hpp"
#include "dag/variables.hpp"
#include "pool/code_tokens.hpp"

namespace drover::pool {
namespace {

constexpr std::size_t kValuesMax = 1'000, kCodeMax = 4 << 20;

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

std::string_view definition_mark(std::string_view language) {
  switch (family_of(language)) {
    case CodeFamily::Sql: return "--@set";
    case CodeFamily::CLike: return "//@set";
    case CodeFamily::Python:
    case CodeFamily::Shell:
    case CodeFamily::Other: break;
  }
  return "#@set";
}

// The lines stay: they are comments of the language.
void read_definitions(std::string_view code, std::string_view mark,
                      std::map<std::string, std::string>& into) {
  while (!code.empty() && into.size() < kValuesMax) {
    const std::size_t end = code.find('\n');
    std::string_view line = trimmed(code.substr(0, end));
    code = end == code.npos ? std::string_view{} : code.substr(end + 1);
    if (!line.starts_with(mark)) continue;
    line.remove_prefix(mark.size());
    while (line.ends_with(';')) line = trimmed(line.substr(0, line.size() - 1));
    const std::size_t equal = line.find('=');
    if (equal == line.npos) continue;
    const std::string_view name = trimmed(line.substr(0, equal));
    if (dag::is_variable_name(name)) into[std::string(name)] = trimmed(line.substr(equal + 1));
  }
}

}  // namespace

Result<std::string> fill_variables(std::string_view code, std::string_view language,
                                   VariableScope scope) {
  if (code.find("${") == code.npos && code.find("&{") == code.npos) return std::string(code);
  for (const char* name : {"user", "submit_user", "execute_user"}) scope.given[name] = scope.user;
  read_definitions(code, definition_mark(language), scope.given);
  auto variables = dag::Variables::make(std::move(scope.given), scope.wall);
  if (!variables) return fail(std::move(variables.error()));
  auto filled = variables->substitute(code, dag::Variables::Unknown::Keep);
  const bool is_too_long = filled ? filled->size() > std::max(code.size(), kCodeMax)
                                  : filled.error().code == Errc::Limit;
  if (is_too_long)
    return fail(Errc::Limit, "with its variables filled in the code is longer than 4 MiB",
                "use shorter values, or let the code read them", "script");
  if (!filled) filled.error().field = "variables";
  return filled;
}

}  // namespace drover::pool
