// server/config_quotas.cpp - quotas from TOML.
// SPDX-License-Identifier: Apache-2.0
#include "server/config_quotas.hpp"

#include <map>
#include <string_view>
#include <utility>

#include "base/units.hpp"
#include "rm/licence.hpp"

namespace drover::server {
namespace {

std::string place(const std::string& path, const toml::node& node) {
  return path + ":" + std::to_string(node.source().begin.line);
}

tl::unexpected<Error> wrong(const std::string& where, const std::string& key,
                            std::string_view want) {
  return fail(Errc::BadInput, where + ": " + key + " must be " + std::string(want),
              "docs/quotas.md shows how quotas are written", key);
}

struct Reader {
  const rm::ResourceNames& names;
  const std::string& path;

  Result<void> amount(rm::Amounts& into, std::string_view word, const toml::node& node) const {
    const std::string key = "quota." + std::string(word);
    const auto value = node.value_exact<std::int64_t>();
    if (!value || *value < 0) return wrong(place(path, node), key, "a whole number from 0");
    auto put = rm::put_amount(into, word, *value, names);
    if (!put) return fail(put.error(), place(path, node));
    return {};
  }

  Result<void> amounts(rm::Amounts& into, const std::string& key, const toml::node& node) const {
    const toml::table* table = node.as_table();
    if (table == nullptr) return wrong(place(path, node), key, "a table of whole numbers");
    for (const auto& [word, value] : *table)
      if (auto put = amount(into, word.str(), value); !put) return put;
    return {};
  }

  Result<void> match(rm::Labels& into, const toml::node& node) const {
    const toml::table* table = node.as_table();
    if (table == nullptr) return wrong(place(path, node), "quota.match", "a table of texts");
    for (const auto& [label, value] : *table) {
      const auto text = value.value_exact<std::string>();
      if (!text)
        return wrong(place(path, value), "quota.match." + std::string(label.str()),
                     "a text, as in " + std::string(label.str()) + " = \"x\"");
      into[std::string(label.str())] = *text;
    }
    return {};
  }

  Result<void> field(rm::QuotaRule& rule, std::string_view name, const toml::node& node) const {
    if (name == "match") return match(rule.match, node);
    if (name == "max") return amounts(rule.max, "quota.max", node);
    if (name == "guaranteed") return amounts(rule.guaranteed, "quota.guaranteed", node);
    if (name == "lend") {
      const auto value = node.value_exact<bool>();
      if (!value) return wrong(place(path, node), "quota.lend", "true or false");
      rule.lend = *value;
      return {};
    }
    if (name == "reclaim") {
      const auto value = node.value_exact<std::string>();
      if (!value || (*value != "wait" && *value != "preempt"))
        return wrong(place(path, node), "quota.reclaim", "\"wait\" or \"preempt\"");
      rule.reclaim = *value == "preempt" ? rm::Reclaim::Preempt : rm::Reclaim::Wait;
      return {};
    }
    if (names.find(name)) return amount(rule.max, name, node);  // short for max = {...}
    auto known = names.words();
    for (const std::string_view word : {"match", "max", "guaranteed", "lend", "reclaim"})
      known.push_back(word);
    const std::string_view near = nearest_match(name, known);
    return fail(
        Errc::BadInput, place(path, node) + ": unknown key quota." + std::string(name),
        near.empty() ? "docs/quotas.md lists them" : "did you mean " + std::string(near) + "?",
        "quota." + std::string(name));
  }

  Result<rm::QuotaRule> rule(const toml::table& table) const {
    rm::QuotaRule rule;
    for (const auto& [name, node] : table)
      if (auto read = field(rule, name.str(), node); !read) return fail(read.error());
    if (table.get("match") == nullptr)
      return fail(
          Errc::BadInput, place(path, table) + ": a quota needs match = {label = \"value\"}",
          "match = {user = \"*\"} gives each user a counter, {} is every job", "quota.match");
    return rule;
  }
};

// Accounts that are not listed have the part before their last dot as parent.
std::map<std::string, std::string> parents_of(const Config& config) {
  std::map<std::string, std::string> parents;
  for (const sched::AccountSpec& account : config.accounts) parents[account.name] = account.parent;
  return parents;
}

}  // namespace

Result<void> read_licences(Config& config, const toml::node& node, const std::string& path) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return wrong(place(path, node), "licences", "a section: name = number");
  for (const auto& [name, value] : *table) {
    const std::string key = "licences." + std::string(name.str());
    const auto total = value.value_exact<std::int64_t>();
    if (!total) return wrong(place(path, value), key, "a whole number from 0");
    config.licences[std::string(name.str())] = *total;
    config.origin[key] = place(path, value);
  }
  auto good = rm::check_licences(config.licences);
  if (!good) return fail(good.error(), place(path, node));
  return {};
}

std::vector<std::string> named_resources(const Config& config) {
  std::vector<std::string> all = config.resources;
  for (std::string& word : rm::licence_words(config.licences, config.resources))
    all.push_back(std::move(word));
  return all;
}

Result<void> read_quotas(Config& config, const toml::node* quota, const std::string& path) {
  auto names = rm::ResourceNames::make(named_resources(config));
  if (!names) return fail(names.error(), path + ": quotas.resources and [licences]");
  config.resource_names = std::move(*names);
  auto tree = rm::QuotaTree::make(config.quota_levels, parents_of(config));
  if (!tree) return fail(tree.error(), path);
  config.quota_tree = std::move(*tree);
  if (quota == nullptr) return {};
  const toml::array* array = quota->as_array();
  if (array == nullptr || array->size() > rm::kQuotaRulesMax)
    return wrong(place(path, *quota), "quota",
                 "written as [[quota]], at most " + std::to_string(rm::kQuotaRulesMax));
  const Reader reader{config.resource_names, path};
  for (const toml::node& item : *array) {
    const toml::table* table = item.as_table();
    if (table == nullptr) return wrong(place(path, item), "quota", "written as [[quota]]");
    auto rule = reader.rule(*table);
    if (!rule) return fail(rule.error());
    config.quotas.push_back(std::move(*rule));
  }
  auto checked = rm::check_quotas(config.quotas, config.quota_tree, config.resource_names);
  if (!checked) return fail(checked.error(), place(path, *quota));
  config.origin["quota"] = place(path, *quota);
  return {};
}

}  // namespace drover::server
