// pool/content_text.cpp - fields one behind the other, each with its length.
// SPDX-License-Identifier: Apache-2.0
#include "pool/content_text.hpp"

#include <string_view>

namespace drover::pool {
namespace {

// With lengths no two lists of fields make one text.
void add(std::string& text, std::string_view field) {
  text.append(std::to_string(field.size())).append(":").append(field);
}

}  // namespace

// The first word parts it from the keys of workflows' steps, which lie in the same table.
std::string content_text(const sched::JobSpec& spec, const Plugin& plugin) {
  const sched::Statement& statement = *spec.statement;
  std::string text = "statement 1\n";
  for (const std::string_view field :
       {std::string_view(plugin.type), std::string_view(plugin.version),
        std::string_view(plugin.options), std::string_view(statement.language),
        std::string_view(statement.reset), std::string_view(spec.script),
        std::string_view(spec.cwd)})
    add(text, field);
  add(text, std::to_string(spec.env.size()));
  for (const std::string& pair : spec.env) add(text, pair);
  for (const auto& [key, value] : spec.labels) {
    add(text, key);
    add(text, value);
  }
  return text;
}

}  // namespace drover::pool
