// linkis/labels.cpp - labels cut at their dashes, and run types in Drover's words.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/labels.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace drover::linkis {
namespace {

constexpr std::size_t kNameMax = 64;

bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= kNameMax && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  return out;
}

// Run types that no engine of ours lists under this name.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kRunTypes{{
    {"py3", "python"},
    {"hql", "sql"},
    {"jdbc", "sql"},
    {"psql", "sql"},
    {"tsql", "sql"},
    {"fql", "sql"},
}};

}  // namespace

Result<UserCreator> parse_user_creator(std::string_view text) {
  const std::size_t dash = text.find('-');
  UserCreator found;
  if (dash != std::string_view::npos) {
    found.user = text.substr(0, dash);
    found.creator = text.substr(dash + 1);
  }
  if (is_word(found.user) && is_word(found.creator)) return found;
  return fail(Errc::BadInput, "the label userCreator is '" + std::string(text.substr(0, 80)) + "'",
              "user-creator, as in hadoop-IDE: one dash between two words", "labels");
}

Result<EngineType> parse_engine_type(std::string_view text) {
  const std::size_t dash = text.find('-');
  EngineType found{lower(text.substr(0, dash)), {}};
  if (dash != std::string_view::npos) found.version = text.substr(dash + 1);
  if (is_word(found.type) && found.version.size() <= kNameMax) return found;
  return fail(Errc::BadInput, "the label engineType is '" + std::string(text.substr(0, 80)) + "'",
              "type-version, as in python-3 or spark-3.5.1", "labels");
}

DroverEngine to_drover_engine(const EngineType& type, std::string_view run_type,
                              const std::vector<std::string>& aliases) {
  DroverEngine out{type.type, lower(run_type)};
  for (const std::string& alias : aliases) {
    const std::size_t mark = alias.find('=');
    if (mark != std::string::npos && std::string_view(alias).substr(0, mark) == type.type)
      out.engine = alias.substr(mark + 1);
  }
  for (const auto& [theirs, ours] : kRunTypes)
    if (out.language == theirs) out.language = ours;
  if (out.engine == "spark" && out.language == "py") out.language = "pyspark";
  return out;
}

}  // namespace drover::linkis
