// server/code_settings.cpp - texts of the configuration to rules.
// SPDX-License-Identifier: Apache-2.0
#include "server/code_settings.hpp"

#include <utility>

namespace drover::server {

Result<pool::CodeSettings> code_settings(const Config& config) {
  pool::CodeSettings settings;
  settings.bytes_max = std::size_t(config.code_kib) << 10;
  settings.strip_comments = config.code_strip_comments;
  for (const std::string& text : config.code_forbidden) {
    auto rule = pool::parse_code_rule(text);
    if (!rule) return fail(std::move(rule.error()));
    settings.forbidden.push_back(*std::move(rule));
  }
  for (const std::string& text : config.code_row_limits) {
    auto limit = pool::parse_row_limit(text);
    if (!limit) return fail(std::move(limit.error()));
    settings.row_limits.push_back(*std::move(limit));
  }
  for (const std::string& text : config.code_labels) {
    auto label = pool::parse_label_default(text);
    if (!label) return fail(std::move(label.error()));
    settings.labels.push_back(*std::move(label));
  }
  return settings;
}

std::string notes_variable(const std::vector<std::string>& notes) {
  std::string text = "DROVER_CODE_NOTES=";
  for (const std::string& note : notes) text += (text.back() == '=' ? "" : "; ") + note;
  return text;
}

}  // namespace drover::server
