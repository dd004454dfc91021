// dag/flow_params.cpp - the types of parameters.
// SPDX-License-Identifier: Apache-2.0
#include "dag/flow_params.hpp"

#include <algorithm>
#include <array>

#include "base/units.hpp"
#include "dag/decimal.hpp"
#include "dag/doc_json.hpp"
#include "dag/flow_document.hpp"
#include "dag/placeholder.hpp"

namespace drover::dag {
namespace {

constexpr std::array<std::string_view, 5> kTypes{"text", "integer", "number", "flag", "list"};
constexpr std::array<std::string_view, 5> kMeans{"a text", "a whole number", "a number",
                                                 "true or false", "a list"};

struct Reading {
  Param param;
  const DocValue* fallback = nullptr;
  bool has_type = false;
};

Result<void> read_type(Reading& into, const DocField& field) {
  auto word = field.text();
  if (!word) return fail(std::move(word.error()));
  const auto found = std::ranges::find(kTypes, *word);
  if (found == kTypes.end())
    return unknown_at(field.origin, field.value.line, "type of a parameter", *word, kTypes);
  into.param.type = ParamType(found - kTypes.begin());
  into.has_type = true;
  return {};
}

constexpr std::array kKeys{
    DocKey<Reading>{"type", read_type},
    DocKey<Reading>{"default",
                    [](Reading& into, const DocField& field) -> Result<void> {
                      into.fallback = &field.value;
                      return {};
                    }},
    DocKey<Reading>{
        "choices",
        [](Reading& into, const DocField& f) { return keep(f.words(), into.param.choices); }},
    DocKey<Reading>{
        "help", [](Reading& into, const DocField& f) { return keep(f.text(), into.param.help); }},
};

ParamType type_of(const DocValue& value) {
  switch (value.kind) {
    case DocValue::Kind::Bool: return ParamType::Flag;
    case DocValue::Kind::Integer: return ParamType::Integer;
    case DocValue::Kind::Real: return ParamType::Number;
    case DocValue::Kind::List: return ParamType::List;
    case DocValue::Kind::Null:
    case DocValue::Kind::Text:
    case DocValue::Kind::Table: break;
  }
  return ParamType::Text;
}

// As the type wants it; nothing when it is of another.
std::optional<std::string> typed(ParamType type, const std::string& text) {
  switch (type) {
    case ParamType::Text: return text;
    case ParamType::Integer: {
      const auto number = Decimal::from(text);
      return number && number->scale == 0 ? std::optional(text) : std::nullopt;
    }
    case ParamType::Number: {
      return Decimal::from(text) ? std::optional(text) : std::nullopt;
    }
    case ParamType::Flag:
      if (text == "true" || text == "yes" || text == "1") return "true";
      if (text == "false" || text == "no" || text == "0") return "false";
      return std::nullopt;
    case ParamType::List: {
      const auto items = list_of(text);
      return items ? std::optional(to_text(Json(*items))) : std::nullopt;
    }
  }
  return std::nullopt;
}

Result<void> set_value(Param& param, const std::string& origin, std::uint32_t line,
                       const std::string& text) {
  const bool is_open = next_placeholder(text).has_value();  // known only when it runs
  const auto value = is_open && param.type != ParamType::List ? text : typed(param.type, text);
  if (!value)
    return wrong_at(origin, line,
                    "parameter '" + param.name + "' is " +
                        std::string(kMeans.at(std::size_t(param.type))) + "; '" +
                        text.substr(0, 80) + "' is not");
  if (!is_open && !param.choices.empty() && std::ranges::count(param.choices, *value) == 0)
    return unknown_at(origin, line, "choice for parameter '" + param.name + "':", *value,
                      std::vector<std::string_view>(param.choices.begin(), param.choices.end()));
  param.value = *value;
  return {};
}

Result<Param> read_param(const std::string& origin, const std::string& name,
                         const DocValue& value) {
  if (!is_variable_name(name) || name.find('.') != std::string::npos)
    return wrong_at(origin, value.line, "'" + name.substr(0, 80) + "' is no name of a parameter",
                    "use a letter and then letters, digits and '_'");
  Reading reading;
  reading.param.name = name;
  reading.param.line = value.line;
  if (value.kind != DocValue::Kind::Table) {
    reading.fallback = &value;  // x = 5
  } else if (auto read = read_keys<Reading>(origin, value, "parameter", kKeys, reading); !read) {
    return fail(std::move(read.error()));
  }
  if (reading.fallback == nullptr) return reading.param;
  if (!reading.has_type) reading.param.type = type_of(*reading.fallback);
  const DocField field{origin, *reading.fallback, "default"};
  auto text = field.value.kind == DocValue::Kind::List
                  ? Result<std::string>(to_text(to_json(field.value)))
                  : field.word();
  if (!text) return fail(std::move(text.error()));
  auto set = set_value(reading.param, origin, field.value.line, *text);
  if (!set) return fail(std::move(set.error()));
  return reading.param;
}

}  // namespace

Result<void> read_params(std::map<std::string, Param>& into, const DocField& field) {
  auto table = field.table();
  if (!table) return fail(std::move(table.error()));
  for (const auto& [name, value] : (*table)->members) {
    auto param = read_param(field.origin, name, value);
    if (!param) return fail(std::move(param.error()));
    into.emplace(name, std::move(*param));
  }
  return {};
}

Result<void> give_params(std::map<std::string, Param>& params, const std::string& origin,
                         const std::map<std::string, std::string>& given) {
  for (const auto& [name, text] : given) {
    const auto found = params.find(name);
    if (found == params.end()) {
      std::vector<std::string_view> names;
      names.reserve(params.size());
      for (const auto& [known, param] : params) names.push_back(known);
      const std::string_view near = nearest_match(name, names);
      return fail(
          Errc::BadInput, origin + ": there is no parameter '" + name + "'",
          near.empty() ? "declare it under [params]" : "did you mean '" + std::string(near) + "'?",
          "params");
    }
    if (auto set = set_value(found->second, origin, found->second.line, text); !set) return set;
  }
  for (const auto& [name, param] : params)
    if (!param.value)
      return wrong_at(origin, param.line, "parameter '" + name + "' has no value",
                      "give one: --param " + name + "=..., or a default");
  return {};
}

std::map<std::string, std::string> own_values(const Workflow& flow) {
  std::map<std::string, std::string> own = flow.variables;
  for (const auto& [name, param] : flow.params) {
    if (!param.value) continue;
    own["params." + name] = *param.value;
    own[name] = *param.value;
  }
  return own;
}

}  // namespace drover::dag
