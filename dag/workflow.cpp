// dag/workflow.cpp - looking things up in a workflow.
// SPDX-License-Identifier: Apache-2.0
#include "dag/workflow.hpp"

#include "dag/doc_json.hpp"

namespace drover::dag {
namespace {

void lay_over(Json& below, const Json& above) {
  for (const auto& [name, value] : above.items()) {
    const auto found = below.find(name);
    if (found != below.end() && found->is_object() && value.is_object())
      lay_over(*found, value);
    else
      below[name] = value;
  }
}

}  // namespace

std::optional<std::uint32_t> Workflow::find(std::string_view step) const {
  const auto found = by_name.find(step);
  return found == by_name.end() ? std::nullopt : std::optional(found->second);
}

std::string laid_over(const std::string& below, const std::string& above) {
  if (below.empty()) return above;
  if (above.empty()) return below;
  Json joined = parse_json(below);
  const Json over = parse_json(above);
  if (joined.is_object() && over.is_object()) lay_over(joined, over);
  return to_text(joined);
}

}  // namespace drover::dag
