// linkis/cell.cpp - the names of types.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/cell.hpp"

#include <array>
#include <utility>

namespace drover::linkis {
namespace {

constexpr std::size_t kDigitsExact = 15;
constexpr auto kTypes = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"int", "bigint"},
    {"float", "double"},
    {"bool", "boolean"},
    {"decimal", "decimal"},
    {"date", "date"},
    {"timestamp", "timestamp"},
    {"binary", "binary"},
});

}  // namespace

std::string_view data_type(std::string_view engine_type) {
  for (const auto& [ours, theirs] : kTypes)
    if (ours == engine_type) return theirs;
  return "string";
}

bool is_exact_number(const Cell& cell) {
  if (cell.kind != Cell::Kind::Number) return false;
  if (cell.text.find_first_of(".eE") != std::string::npos) return true;  // a float, as before
  return cell.text.size() - std::size_t(cell.text.starts_with('-')) <= kDigitsExact;
}

}  // namespace drover::linkis
