// server/config.cpp - reads TOML into Config by the table of keys.
// SPDX-License-Identifier: Apache-2.0
#include "server/config.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/units.hpp"
#include "server/code_settings.hpp"
#include "server/config_policy.hpp"
#include "server/config_quotas.hpp"

namespace drover::server {
namespace {

std::string place(const std::string& path, const toml::node& node) {
  return path + ":" + std::to_string(node.source().begin.line);
}

tl::unexpected<Error> wrong(const std::string& where, std::string_view key, std::string_view want) {
  return fail(Errc::BadInput, where + ": " + std::string(key) + " must be " + std::string(want),
              "docs/config.md lists every key with its default", std::string(key));
}

// Sets one member from one TOML value; answers what was wanted when the type or range is wrong.
struct Assign {
  Config& config;
  const toml::node& node;
  const ConfigKey& key;

  std::string operator()(std::int64_t Config::*member) const {
    const auto value = node.value_exact<std::int64_t>();
    if (!value || *value < key.low || *value > key.high)
      return "a whole number from " + std::to_string(key.low) + " to " + std::to_string(key.high);
    config.*member = *value;
    return {};
  }
  std::string operator()(std::string Config::*member) const {
    const auto value = node.value_exact<std::string>();
    if (!value) return "a text";
    config.*member = *value;
    return {};
  }
  std::string operator()(bool Config::*member) const {
    const auto value = node.value_exact<bool>();
    if (!value) return "true or false";
    config.*member = *value;
    return {};
  }
  std::string operator()(std::vector<std::string> Config::*member) const {
    const toml::array* array = node.as_array();
    if (array == nullptr || array->size() > 1000) return "a list of texts";
    std::vector<std::string> values;
    for (const toml::node& item : *array) {
      const auto value = item.value_exact<std::string>();
      if (!value) return "a list of texts";
      values.push_back(*value);
    }
    config.*member = std::move(values);
    return {};
  }
};

tl::unexpected<Error> unknown(const std::string& where, const std::string& name) {
  std::vector<std::string_view> known{"quota", "account", "qos", "partition", "licences"};
  std::string_view near;
  const std::string_view last = std::string_view(name).substr(name.rfind('.') + 1);
  for (const ConfigKey& key : config_keys()) {
    known.push_back(key.name);
    if (key.name.substr(key.name.find('.') + 1) == last) near = key.name;  // in the wrong section
  }
  if (near.empty()) near = nearest_match(name, known);
  return fail(
      Errc::BadInput, where + ": unknown key " + name,
      near.empty() ? "docs/config.md lists every key" : "did you mean " + std::string(near) + "?",
      name);
}

Result<void> read_section(Config& config, const std::string& section, const toml::table& table,
                          const std::string& path) {
  for (const auto& [name, node] : table) {
    const std::string full = section + "." + std::string(name.str());
    const auto keys = config_keys();
    const auto key =
        std::find_if(keys.begin(), keys.end(), [&](const ConfigKey& k) { return k.name == full; });
    if (key == keys.end()) return unknown(place(path, node), full);
    const std::string wanted = std::visit(Assign{config, node, *key}, key->member);
    if (!wanted.empty()) return wrong(place(path, node), full, wanted);
    config.origin[full] = place(path, node);
  }
  return {};
}

Result<void> check_values(const Config& config, const std::string& path) {
  static constexpr std::string_view kLevels[] = {"trace", "debug", "info", "warn", "error"};
  if (std::find(std::begin(kLevels), std::end(kLevels), config.log_level) == std::end(kLevels))
    return wrong(path, "server.log_level", "trace, debug, info, warn or error");
  if (config.group_by.empty())
    return wrong(path, "scheduler.group_by", "a list of at least one label");
  for (const std::string& uid : config.operators)
    if (!parse_integer(uid, 0, 4294967294, "server.operators"))
      return wrong(path, "server.operators", "a list of user ids in quotes, like \"1000\"");
  if (config.map_max_mib < config.map_initial_mib)
    return wrong(path, "store.map_max_mib", "at least store.map_initial_mib");
  if (auto book = policy_book(config); !book) return fail(book.error(), path);
  if (auto code = code_settings(config); !code) return fail(code.error(), path);
  return {};
}

}  // namespace

Result<Config> parse_config(std::string_view text, const std::string& path) {
  Config config;
  try {
    const toml::table root = toml::parse(text, path);
    for (const auto& [name, node] : root) {
      Result<void> read;
      if (name.str() == "quota")
        continue;  // last: its words are named by [quotas]
      else if (name.str() == "licences")
        read = read_licences(config, node, path);
      else if (is_policy_list(name.str()))
        read = read_policy_list(config, name.str(), node, path);
      else if (node.as_table() != nullptr)
        read = read_section(config, std::string(name.str()), *node.as_table(), path);
      else
        return unknown(place(path, node), std::string(name.str()));
      if (!read) return fail(read.error());
    }
    if (auto checked = check_values(config, path); !checked) return fail(checked.error());
    if (auto read = read_quotas(config, root.get("quota"), path); !read) return fail(read.error());
  } catch (const toml::parse_error& error) {
    return fail(Errc::BadInput,
                path + ":" + std::to_string(error.source().begin.line) + ": " +
                    std::string(error.description()),
                "the file must be TOML: [section] lines and key = value lines");
  }
  return config;
}

Result<Config> load_config(const std::string& path) {
  if (path.empty()) return Config{};
  std::ifstream file(path);
  if (!file) return fail(Errc::NotFound, "cannot read the configuration " + path, "check --config");
  std::stringstream text;
  text << file.rdbuf();
  return parse_config(text.str(), path);
}

}  // namespace drover::server
