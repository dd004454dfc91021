// rm/amounts.cpp - the words for resource kinds.
// SPDX-License-Identifier: Apache-2.0
#include "rm/amounts.hpp"

namespace drover::rm {

std::string_view to_string(Kind kind) {
  static constexpr std::array<std::string_view, kKinds> kWords = {
      "cpu",         "memory",  "gpu",     "nodes",   "engines", "running_jobs",
      "queued_jobs", "named0",  "named1",  "named2",  "named3",  "named4",
      "named5",      "named6",  "named7",  "named8",  "named9",  "named10",
      "named11",     "named12", "named13", "named14", "named15", "named16"};
  static_assert(!kWords.back().empty(), "one word for each kind");
  return std::size_t(kind) < kKinds ? kWords[std::size_t(kind)] : "unknown";
}

}  // namespace drover::rm
