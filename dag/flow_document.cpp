// dag/flow_document.cpp - the keys above the steps, and how a sub-workflow takes its values.
// SPDX-License-Identifier: Apache-2.0
#include "dag/flow_document.hpp"

#include <algorithm>
#include <array>

#include "dag/doc_fields.hpp"
#include "dag/doc_json.hpp"
#include "dag/flow_params.hpp"
#include "dag/placeholder.hpp"

namespace drover::dag {
namespace {

constexpr std::size_t kListMax = 1'000'000;
constexpr std::size_t kSettledBytesMax = 64u << 20;

Result<void> read_on_failure(FlowDocument& into, const DocField& field) {
  constexpr std::array<std::string_view, 2> kWords{"continue", "stop"};
  auto word = field.text();
  if (!word) return fail(std::move(word.error()));
  const auto found = std::ranges::find(kWords, *word);
  if (found == kWords.end())
    return unknown_at(field.origin, field.value.line, "on_failure", *word, kWords);
  into.head.on_failure = OnFailure(found - kWords.begin());
  return {};
}

Result<void> read_parallel(FlowDocument& into, const DocField& field) {
  auto most = field.integer(1, 1'000'000);
  if (!most) return fail(std::move(most.error()));
  into.head.max_parallel = std::uint32_t(*most);
  return {};
}

Result<void> read_variables(FlowDocument& into, const DocField& field) {
  auto table = field.table();
  if (!table) return fail(std::move(table.error()));
  for (const auto& [name, value] : (*table)->members) {
    auto word = DocField{field.origin, value, name}.word();
    if (!word) return fail(std::move(word.error()));
    if (!is_variable_name(name) || name.starts_with("steps.") || name.starts_with("params."))
      return wrong_at(field.origin, value.line, "'" + name + "' is no name of a variable",
                      "use a letter and then letters, digits and '_'");
    for (const std::string& inside : names_in(*word))
      if (inside.starts_with("steps."))
        return wrong_at(field.origin, value.line,
                        "variable '" + name + "' uses ${" + inside + "}, which no step has set yet",
                        "use it in the step that needs it");
    into.head.variables.emplace(name, std::move(*word));
  }
  return {};
}

Result<void> read_defaults(FlowDocument& into, const DocField& field) {
  auto table = field.table();
  if (!table) return fail(std::move(table.error()));
  into.defaults = *table;
  return {};
}

template <std::optional<bool> RuleWords::*rule>
Result<void> read_rule(RuleWords& into, const DocField& field) {
  auto on = field.flag();
  if (!on) return fail(std::move(on.error()));
  into.*rule = *on;
  return {};
}
constexpr std::array kRuleKeys{
    DocKey<RuleWords>{"fuse", read_rule<&RuleWords::fuse>},
    DocKey<RuleWords>{"drop_implied", read_rule<&RuleWords::drop_implied>},
    DocKey<RuleWords>{"critical_path", read_rule<&RuleWords::critical_path>},
    DocKey<RuleWords>{"prune", read_rule<&RuleWords::prune>},
    DocKey<RuleWords>{"group", read_rule<&RuleWords::group>},
};

Result<void> read_rules(FlowDocument& into, const DocField& field) {
  auto table = field.table();
  if (!table) return fail(std::move(table.error()));
  return read_keys<RuleWords>(field.origin, field.value, "rule table", kRuleKeys, into.head.rules);
}

Result<void> later(FlowDocument&, const DocField&) { return {}; }  // looked for by step_tables

constexpr std::array kKeys{
    DocKey<FlowDocument>{
        "name", [](FlowDocument& d, const DocField& f) { return keep(f.text(), d.head.name); }},
    DocKey<FlowDocument>{
        "description",
        [](FlowDocument& d, const DocField& f) { return keep(f.text(), d.head.description); }},
    DocKey<FlowDocument>{"max_parallel", read_parallel},
    DocKey<FlowDocument>{"on_failure", read_on_failure},
    DocKey<FlowDocument>{
        "params", [](FlowDocument& d, const DocField& f) { return read_params(d.head.params, f); }},
    DocKey<FlowDocument>{"variables", read_variables},
    DocKey<FlowDocument>{"defaults", read_defaults},
    DocKey<FlowDocument>{"optimize", read_rules},
    DocKey<FlowDocument>{"step", later},
    DocKey<FlowDocument>{"steps", later},
};

// Every text below `value` with what `change` makes of it.
template <class Change>
Result<void> change_texts(DocValue& value, const Change& change) {
  if (value.kind == DocValue::Kind::Text) {
    auto changed = change(value.text);
    if (!changed) return fail(std::move(changed.error()));
    value.text = std::move(*changed);
  }
  for (DocValue& item : value.items)
    if (auto changed = change_texts(item, change); !changed) return changed;
  for (auto& [name, item] : value.members)
    if (auto changed = change_texts(item, change); !changed) return changed;
  return {};
}

std::string with_prefix(std::string_view text, const std::string& prefix) {
  constexpr std::string_view kSteps = "steps.";
  return rename_placeholders(text, [&](std::string_view name) -> std::optional<std::string> {
    if (!name.starts_with(kSteps)) return std::nullopt;
    return std::string(kSteps) + prefix + std::string(name.substr(kSteps.size()));
  });
}

// What a sub-workflow's texts stand for, in the words of the document that runs it.
Result<void> settle_texts(FlowDocument& document) {
  std::size_t bytes = 0;
  for (auto& [name, value] : document.root.members) {
    if (name == "params") continue;
    auto changed = change_texts(value, [&](const std::string& text) -> Result<std::string> {
      auto made = document.settled(text);
      if (made && (bytes += made->size()) > kSettledBytesMax)
        return fail(Errc::Limit,
                    "more than " + std::to_string(kSettledBytesMax) + " bytes with its parameters",
                    "pass large values in a file");
      return made;
    });
    if (!changed) return wrong_at(document.origin, value.line, std::move(changed.error()), name);
  }
  return {};
}

}  // namespace

Result<std::vector<const DocValue*>> step_tables(const std::string& origin, const DocValue& table) {
  const DocValue* list = table.find("step");
  const DocValue* other = table.find("steps");
  if (list != nullptr && other != nullptr)
    return wrong_at(origin, other->line, "'step' and 'steps' are the same", "use one of them");
  if (list == nullptr) list = other;
  std::vector<const DocValue*> tables;
  if (list == nullptr) return tables;
  if (list->kind != DocValue::Kind::List)
    return wrong_at(origin, list->line, "steps are a list", "begin each with [[step]]");
  for (const DocValue& item : list->items) {
    if (item.kind != DocValue::Kind::Table)
      return wrong_at(origin, item.line,
                      "a step is a table, not " + std::string(to_string(item.kind)),
                      "begin each with [[step]]");
    tables.push_back(&item);
  }
  return tables;
}

Result<FlowDocument> open_flow(std::string_view text, const DocumentPlace& place,
                               const Given& given) {
  FlowDocument document;
  document.origin = place.origin;
  document.directory = place.directory;
  auto root = parse_document(text, place.origin);
  if (!root) return fail(std::move(root.error()));
  document.root = std::move(*root);
  if (document.root.kind != DocValue::Kind::Table)
    return wrong_at(place.origin, 1, "a workflow is a table");
  if (auto read = read_keys<FlowDocument>(place.origin, document.root, "workflow", kKeys, document);
      !read)
    return fail(std::move(read.error()));
  if (auto set = give_params(document.head.params, place.origin, given); !set)
    return fail(std::move(set.error()));
  for (const auto& [name, param] : document.head.params)
    if (document.head.variables.contains(name))
      return wrong_at(place.origin, param.line, "'" + name + "' is a parameter and a variable",
                      "rename one of them");
  auto own = Variables::only(own_values(document.head));
  if (!own) return wrong_at(place.origin, 1, std::move(own.error()), "[variables]");
  document.own = std::move(*own);
  document.prefix = place.prefix;
  if (!place.prefix.empty())
    if (auto settled = settle_texts(document); !settled) return fail(std::move(settled.error()));
  auto steps = step_tables(place.origin, document.root);
  if (!steps) return fail(std::move(steps.error()));
  if (steps->empty())
    return wrong_at(place.origin, 1, "the workflow has no steps", "add a [[step]]");
  document.steps = std::move(*steps);
  return document;
}

Result<std::string> FlowDocument::settled(const std::string& text) const {
  if (prefix.empty()) return text;
  return own.substitute(with_prefix(text, prefix), Variables::Unknown::Keep);
}

std::string directory_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string() : std::string(path.substr(0, slash + 1));
}

std::string joined_path(std::string_view directory, std::string_view name) {
  if (name.starts_with('/')) return std::string(name);
  std::vector<std::string> parts;
  const std::string whole = std::string(directory) + std::string(name);
  for (std::size_t at = 0; at <= whole.size();) {
    const std::size_t end = std::min(whole.find('/', at), whole.size());
    const std::string part = whole.substr(at, end - at);
    at = end + 1;
    if (part == "..") {
      if (!parts.empty() && parts.back() != "..")
        parts.pop_back();
      else
        parts.push_back(part);
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
  }
  std::string path = whole.starts_with('/') ? "/" : "";
  for (std::size_t i = 0; i < parts.size(); ++i) path += (i == 0 ? "" : "/") + parts[i];
  return path;
}

Result<std::vector<std::string>> list_of(std::string_view text) {
  std::vector<std::string> items;
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return items;
  if (text[begin] != '[') {
    for (std::size_t at = 0; at <= text.size();) {
      const std::size_t end = std::min(text.find(',', at), text.size());
      items.emplace_back(text.substr(at, end - at));
      at = end + 1;
    }
    return items;
  }
  const Json list = parse_json(text);
  if (!list.is_array()) return fail(Errc::BadInput, "no valid list", "write [\"a\", \"b\"]");
  for (const Json& item : list) {
    if (item.is_array() || item.is_object() || item.is_null())
      return fail(Errc::BadInput, "an item of a list is a text or a number",
                  "write [\"a\", \"b\"]");
    items.push_back(item.is_string() ? item.get<std::string>() : to_text(item));
  }
  if (items.size() > kListMax)
    return fail(Errc::Limit, "more than " + std::to_string(kListMax) + " items", "use fewer");
  return items;
}

}  // namespace drover::dag
