// rm/oversubscribe.cpp - the factor as people write it.
// SPDX-License-Identifier: Apache-2.0
#include "rm/oversubscribe.hpp"

#include <string>

#include "base/units.hpp"

namespace drover::rm {

std::optional<std::int64_t> read_oversubscribe(std::string_view text) {
  const std::size_t dot = text.find('.');
  std::string digits(text.substr(0, dot)), rest;
  if (dot != std::string_view::npos) rest = text.substr(dot + 1);
  if (digits.empty() || rest.size() > 2 || (dot != std::string_view::npos && rest.empty()))
    return std::nullopt;
  rest.resize(2, '0');
  const auto percent = parse_integer(digits + rest, 100, 1600, kOversubscribeLabel);
  return percent ? std::optional(*percent) : std::nullopt;
}

std::int64_t oversubscribe_percent(const Labels& labels) {
  const auto label = labels.find(std::string(kOversubscribeLabel));
  return label == labels.end() ? 100 : read_oversubscribe(label->second).value_or(100);
}

}  // namespace drover::rm
