// dag/variables.cpp - values of variables, and what operators do to them.
// SPDX-License-Identifier: Apache-2.0
#include "dag/variables.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/units.hpp"
#include "dag/decimal.hpp"
#include "dag/placeholder.hpp"

namespace drover::dag {
namespace {

constexpr std::size_t kVariablesMax = 2048;
constexpr std::size_t kValueMax = 1 << 20;  // of one variable, with what it names
constexpr std::size_t kTextMax = 16 << 20;  // of a text, with its variables

tl::unexpected<Error> wrong(std::string message, std::string hint) {
  return fail(Errc::BadInput, std::move(message), std::move(hint), "variables");
}

std::string quoted(std::string_view text) { return "'" + std::string(text.substr(0, 80)) + "'"; }

// "${run_date - 1}" of the value before the operator.
Result<std::string> apply_operator(const std::string& value, const Placeholder& found) {
  const std::string whole = quoted(found.name) + " " + found.op + " " + quoted(found.operand);
  const auto left = value.starts_with('0') ? std::nullopt : Decimal::from(value);
  if (!left) {
    if (found.op == '+') return value + std::string(found.operand);
    return wrong(whole + ": a text takes + only", "only numbers and dates take - * and /");
  }
  const auto right = Decimal::from(found.operand);
  if (!right)
    return wrong(whole + ": a number takes a number", "write a number behind the operator");
  auto result = calculate(*left, found.op, *right);
  if (!result) return fail(std::move(result.error()), whole);
  return result->to_string();
}

Result<std::string> date_of(const Placeholder& found, const RunDay& run) {
  std::int64_t offset = 0;
  if (found.op != 0) {
    const std::string whole = quoted(found.name) + " " + found.op + " " + quoted(found.operand);
    const char* end = found.operand.data() + found.operand.size();
    const auto [rest, error] = std::from_chars(found.operand.data(), end, offset);
    if ((found.op != '+' && found.op != '-') || error != std::errc() || rest != end)
      return wrong(whole + ": a date takes + or - and a whole number",
                   "write ${" + std::string(found.name) + " - 1}");
    if (found.op == '-') offset = -offset;
  }
  auto value = run_date_value(found.name, offset, run);
  if (!value)
    return wrong(quoted(found.name) + " is moved beyond the years 1 to 9999", "move it less far");
  return *value;
}

struct Pattern {
  std::size_t begin = 0, end = 0;
  std::string_view inside;
};
std::optional<Pattern> next_pattern(std::string_view text, std::size_t from) {
  const std::size_t begin = text.find("&{", from);
  if (begin == std::string_view::npos) return std::nullopt;
  const std::size_t end = text.find('}', begin);
  if (end == std::string_view::npos) return std::nullopt;
  return Pattern{begin, end + 1, text.substr(begin + 2, end - begin - 2)};
}

// "&{...}" only; what is no pattern of a date stays.
std::string fill_patterns(std::string_view text, RunDay run) {
  run.hour = 0;
  std::string made;
  std::size_t done = 0;
  for (std::size_t from = 0; const auto found = next_pattern(text, from);) {
    const auto date = format_run_date(found->inside, run);
    from = date ? found->end : found->begin + 2;
    if (!date) continue;
    made += text.substr(done, found->begin - done);
    made += *date;
    done = found->end;
  }
  return made += text.substr(done);
}

}  // namespace

Result<Variables> Variables::make(std::map<std::string, std::string> own, Time now) {
  Variables made;
  made.has_dates_ = true;
  constexpr std::int64_t kHour = 3'600'000'000;
  made.run_.day = now.us / (24 * kHour) - 1;
  made.run_.hour = std::int32_t(now.us / kHour % 24);
  if (const auto given = own.find("run_date"); given != own.end()) {
    const auto day = parse_run_date(given->second);
    if (!day)
      return wrong("run_date is " + quoted(given->second) + ", which is no date",
                   "write it as 20260228");
    made.run_.day = *day;
    own.erase(given);
  }
  if (auto resolved = made.resolve(std::move(own)); !resolved) return fail(resolved.error());
  return made;
}

Result<Variables> Variables::only(std::map<std::string, std::string> own) {
  Variables made;
  if (auto resolved = made.resolve(std::move(own)); !resolved) return fail(resolved.error());
  return made;
}

// Values that name others come after those; rounds, since chains are short.
Result<void> Variables::resolve(std::map<std::string, std::string> own) {
  if (own.size() > kVariablesMax)
    return fail(Errc::Limit, "more than " + std::to_string(kVariablesMax) + " variables",
                "use fewer", "variables");
  for (const auto& [name, value] : own)
    if (!is_variable_name(name))
      return wrong(quoted(name) + " is no name of a variable",
                   "use a letter and then letters, digits, '_' and '.'");
  while (!own.empty()) {
    const std::size_t open = own.size();
    for (auto at = own.begin(); at != own.end();) {
      const std::vector<std::string> names = names_in(at->second);
      if (std::ranges::any_of(names, [&](const auto& name) { return own.contains(name); })) {
        ++at;
        continue;
      }
      auto value = substitute(at->second, Unknown::Keep);
      if (!value) return fail(std::move(value.error()), "variable " + quoted(at->first));
      if (value->size() > kValueMax)
        return fail(Errc::Limit,
                    "variable " + quoted(at->first) + " has more than " +
                        std::to_string(kValueMax) + " bytes with what it names",
                    "make it shorter", "variables");
      own_.insert_or_assign(at->first, std::move(*value));
      at = own.erase(at);
    }
    if (own.size() < open) continue;
    std::string path, name = own.begin()->first;  // each that is left names another that is left
    for (std::set<std::string> seen; seen.insert(name).second;) {
      path += name + " -> ";
      const std::vector<std::string> names = names_in(own.at(name));
      name = *std::ranges::find_if(names, [&](const auto& other) { return own.contains(other); });
    }
    return wrong("variables name each other: " + path + name,
                 "give one of them a value of its own");
  }
  return {};
}

Result<std::string> Variables::substitute(std::string_view text, Unknown unknown,
                                          const Lookup& lookup) const {
  const auto between = [&](std::string_view part) {
    return has_dates_ ? fill_patterns(part, run_) : std::string(part);
  };
  std::string made;
  std::size_t done = 0;
  while (const auto found = next_placeholder(text, done)) {
    made += between(text.substr(done, found->begin - done));
    done = found->end;
    std::optional<std::string> value;
    if (const auto own = own_.find(found->name); own != own_.end())
      value = own->second;
    else if (lookup)
      value = lookup(found->name);
    if (!value && has_dates_ && is_run_date(found->name)) {
      auto date = date_of(*found, run_);
      if (!date) return date;
      made += *date;
    } else if (!value) {
      if (unknown == Unknown::Refuse) {
        std::vector<std::string_view> names = run_date_names();
        for (const auto& [name, is] : own_) names.push_back(name);
        names.insert(names.end(), kSystemNames.begin(), kSystemNames.end());
        const std::string_view near = nearest_match(found->name, names);
        return wrong("there is no variable " + quoted(found->name),
                     near.empty() ? "set it under [variables] or [params]"
                                  : "did you mean '" + std::string(near) + "'?");
      }
      made += text.substr(found->begin, found->end - found->begin);
    } else if (found->op == 0) {
      made += *value;
    } else {
      auto result = apply_operator(*value, *found);
      if (!result) return result;
      made += *result;
    }
    if (made.size() > kTextMax)
      return fail(Errc::Limit,
                  "a text has more than " + std::to_string(kTextMax) + " bytes with its variables",
                  "pass large values in a file", "variables");
  }
  return made += between(text.substr(done));
}

std::optional<std::string> Variables::find(std::string_view name) const {
  if (const auto own = own_.find(name); own != own_.end()) return own->second;
  return has_dates_ ? run_date_value(name, 0, run_) : std::nullopt;
}

std::vector<std::string> names_in(std::string_view text) {
  std::vector<std::string> names;
  std::set<std::string_view> seen;
  for (auto found = next_placeholder(text); found; found = next_placeholder(text, found->end))
    if (seen.insert(found->name).second) names.emplace_back(found->name);
  return names;
}

}  // namespace drover::dag
