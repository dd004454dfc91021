// cli/quota_file.cpp - TOML to JSON.
// SPDX-License-Identifier: Apache-2.0
#include "cli/quota_file.hpp"

#include <toml++/toml.h>

#include <fstream>
#include <iostream>
#include <iterator>

namespace drover::cli {
namespace {

std::string place(const std::string& path, const toml::node& node) {
  return path + ":" + std::to_string(node.source().begin.line);
}

Result<Json> value_of(const toml::node& node, const std::string& path) {
  if (const auto number = node.value_exact<std::int64_t>()) return Json(*number);
  if (const auto truth = node.value_exact<bool>()) return Json(*truth);
  if (const auto text = node.value_exact<std::string>()) return Json(*text);
  const toml::table* table = node.as_table();
  if (table == nullptr)
    return fail(Errc::BadInput, place(path, node) + ": no such value belongs into a quota",
                "whole numbers, texts, true, false and tables of these");
  Json object = Json::object();
  for (const auto& [name, inner] : *table) {
    auto value = value_of(inner, path);
    if (!value) return value;
    object[std::string(name.str())] = std::move(*value);
  }
  return object;
}

// `cpus = 4` beside match is short for max = {cpus = 4}, as in the configuration.
Json in_full(const Json& written) {
  Json quota = Json::object();
  for (const auto& [name, value] : written.items()) {
    if (value.is_number())
      quota["max"][name] = value;
    else if (name == "max" && value.is_object() && quota.contains("max"))
      quota["max"].update(value);
    else
      quota[name] = value;
  }
  return quota;
}

}  // namespace

Result<Json> parse_quota_file(const std::string& text, const std::string& path) {
  Json quotas = Json::array();
  try {
    const toml::table root = toml::parse(text, path);
    for (const auto& [name, node] : root) {
      const toml::array* array = node.as_array();
      if (name.str() != "quota" || array == nullptr)
        return fail(Errc::BadInput,
                    place(path, node) + ": \"" + std::string(name.str()) + "\" is no [[quota]]",
                    "a file of quotas holds [[quota]] tables only, as in docs/quotas.md");
      for (const toml::node& item : *array) {
        auto value = value_of(item, path);
        if (!value) return value;
        if (!value->is_object())
          return fail(Errc::BadInput, place(path, item) + ": a quota is written as [[quota]]");
        quotas.push_back(in_full(*value));
      }
    }
  } catch (const toml::parse_error& error) {
    return fail(Errc::BadInput,
                path + ":" + std::to_string(error.source().begin.line) + ": " +
                    std::string(error.description()),
                "the file must be TOML");
  }
  Json body = Json::object();
  body["quotas"] = std::move(quotas);
  return body;
}

Result<Json> read_quota_file(const std::string& path) {
  if (path == "-")
    return parse_quota_file(std::string{std::istreambuf_iterator<char>(std::cin), {}}, "stdin");
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Errc::NotFound, "cannot read " + path, "name a file of quotas with -f");
  return parse_quota_file(std::string{std::istreambuf_iterator<char>(file), {}}, path);
}

}  // namespace drover::cli
