// linkis/variables.cpp - finds expressions in code and puts their values there.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/variables.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>

#include "dag/run_dates.hpp"

namespace drover::linkis {
namespace {

constexpr std::size_t kNameMax = 128, kExpressionMax = 512, kValuesMax = 1'000,
                      kOutputMax = 4 << 20;
constexpr std::int64_t kDayS = 86'400;

tl::unexpected<Error> wrong(std::string_view expression, const std::string& why) {
  return fail(Errc::BadInput, "${" + std::string(expression.substr(0, 80)) + "} " + why,
              "dates take + and - whole numbers, texts take + alone", "variable");
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kNameMax && is_letter(text.front()) &&
         std::ranges::all_of(
             text, [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '.'; });
}

// A number in the sense of the contract: one that begins with 0 is a text.
std::optional<double> number_in(std::string_view text) {
  if (text.empty() || text.size() > 30 || (text.size() > 1 && text[0] == '0' && text[1] != '.'))
    return std::nullopt;
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> integer_in(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string written(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.15g", value);
  return text;
}

struct Expression {
  std::string_view name, operand;
  char op = 0;  // 0: the name alone
};
std::optional<Expression> read_expression(std::string_view text) {
  text = trim(text);
  const std::size_t mark = text.find_first_of("+-*/");
  Expression out;
  out.name = trim(text.substr(0, mark));
  if (!is_name(out.name)) return std::nullopt;
  if (mark == std::string_view::npos) return out;
  out.op = text[mark];
  out.operand = trim(text.substr(mark + 1));
  // ${VAR:-x}, ${VAR/a/b} and ${VAR#x} are the shell's own.
  const bool plain = !out.operand.empty() && std::ranges::all_of(out.operand, [](char c) {
    return is_letter(c) || is_digit(c) || c == '_' || c == '.';
  });
  if (!plain) return std::nullopt;
  return out;
}

std::string_view definition_mark(std::string_view language) {
  if (language == "sql" || language == "spark-sql") return "--@set";
  if (language == "scala") return "//@set";
  return "#@set";
}

class Substitution {
 public:
  Substitution(std::string_view code, std::string_view language, const VariableScope& scope)
      : values_(scope.given) {
    for (const char* name : {"user", "submit_user", "execute_user"}) values_[name] = scope.user;
    read_definitions(code, definition_mark(language));
    const std::int64_t local = scope.wall.us / 1'000'000 + scope.utc_offset_s;
    run_ = {local / kDayS - 1, std::int32_t(local % kDayS / 3'600)};
    const auto given = values_.find("run_date");
    if (given == values_.end()) return;
    if (const auto day = dag::parse_run_date(trim(given->second))) {
      run_.day = *day;
      values_.erase(given);
    }
  }

  Result<std::string> apply(std::string_view code) const {
    const std::size_t most = std::max(code.size(), kOutputMax);
    std::string out;
    for (std::size_t at = 0; at < code.size();) {
      const bool opens =
          at + 1 < code.size() && code[at + 1] == '{' && (code[at] == '$' || code[at] == '&');
      const std::size_t end = opens ? code.substr(at, kExpressionMax).find('}') : code.npos;
      if (end == code.npos) {
        out += code[at++];
        continue;
      }
      const std::string_view inner = code.substr(at + 2, end - 2);
      std::optional<std::string> value;
      if (code[at] == '&') {
        value = dag::format_run_date(inner, {run_.day, 0});
      } else {
        auto found = value_of(inner);
        if (!found) return fail(found.error());
        value = *std::move(found);
      }
      out += value ? std::string_view(*value) : code.substr(at, end + 1);
      at += end + 1;
      if (out.size() + (code.size() - at) > most)
        return fail(Errc::Limit, "with its variables filled in the code is longer than 4 MiB",
                    "use shorter values, or let the code read them", "script");
    }
    return out;
  }

 private:
  // The lines stay: they are comments of the language.
  void read_definitions(std::string_view code, std::string_view mark) {
    while (!code.empty() && values_.size() < kValuesMax) {
      const std::size_t end = code.find('\n');
      std::string_view line = trim(code.substr(0, end));
      code = end == code.npos ? std::string_view{} : code.substr(end + 1);
      if (!line.starts_with(mark)) continue;
      line.remove_prefix(mark.size());
      while (line.ends_with('\r') || line.ends_with(';')) line.remove_suffix(1);
      const std::size_t equal = line.find('=');
      if (equal == line.npos) continue;
      const std::string_view name = trim(line.substr(0, equal));
      if (is_name(name)) values_[std::string(name)] = trim(line.substr(equal + 1));
    }
  }

  Result<std::optional<std::string>> value_of(std::string_view text) const {
    const auto expression = read_expression(text);
    if (!expression) return std::nullopt;
    const auto [name, operand, op] = *expression;
    if (const auto given = values_.find(std::string(name)); given != values_.end()) {
      if (op == 0) return given->second;
      return calculated(text, given->second, op, operand);
    }
    std::int64_t offset = 0;
    if (op != 0) {
      if (!dag::is_run_date(name)) return std::nullopt;
      const auto number = integer_in(operand);
      if (!number || (op != '+' && op != '-')) return wrong(text, "is no date");
      offset = op == '-' ? -*number : *number;
    }
    return dag::run_date_value(name, offset, run_);
  }

  static Result<std::optional<std::string>> calculated(std::string_view text,
                                                       const std::string& value, char op,
                                                       std::string_view operand) {
    const auto left = number_in(value), right = number_in(operand);
    if (!left) {
      if (op == '+') return value + std::string(operand);
      return wrong(text, "calculates with a text");
    }
    if (!right) return wrong(text, "calculates with a text");
    if (op == '/' && *right == 0) return wrong(text, "divides by zero");
    const double result = op == '+'   ? *left + *right
                          : op == '-' ? *left - *right
                          : op == '*' ? *left * *right
                                      : *left / *right;
    if (!std::isfinite(result)) return wrong(text, "is too large");
    return written(result);
  }

  std::map<std::string, std::string> values_;
  dag::RunDay run_;
};

}  // namespace

Result<std::string> substitute(std::string_view code, std::string_view language,
                               const VariableScope& scope) {
  if (code.find("${") == code.npos && code.find("&{") == code.npos) return std::string(code);
  return Substitution(code, language, scope).apply(code);
}

}  // namespace drover::linkis
