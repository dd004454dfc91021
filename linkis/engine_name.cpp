// linkis/engine_name.cpp - writes and reads the instances of engines.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/engine_name.hpp"

#include <charconv>

namespace drover::linkis {
namespace {

constexpr std::string_view kOnce = "once-", kEngine = "engine-";

// 0 of what is no number, or is written otherwise than it would be here.
std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole && !text.starts_with('0') ? number : 0;
}

}  // namespace

std::string once_name(std::uint64_t job) { return std::string(kOnce) + std::to_string(job); }

std::string engine_instance(const EngineName& engine) {
  if (engine.job == 0 || engine.name == once_name(engine.job)) return engine.name;
  return engine.name + "-" + std::to_string(engine.job);
}

EngineName parse_instance(std::string_view instance) {
  if (instance.starts_with(kOnce))
    return {std::string(instance), number_of(instance.substr(kOnce.size()))};
  const std::size_t mark = instance.rfind('-');
  if (mark != std::string_view::npos && mark >= kEngine.size() && instance.starts_with(kEngine))
    if (const std::uint64_t job = number_of(instance.substr(mark + 1)); job != 0)
      return {std::string(instance.substr(0, mark)), job};
  return {std::string(instance), 0};
}

std::string engine_log_folder(std::string_view ticket) { return "engines/" + std::string(ticket); }

}  // namespace drover::linkis
