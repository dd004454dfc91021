// sched/items.cpp - items in arguments.
// SPDX-License-Identifier: Apache-2.0
#include "sched/items.hpp"

#include <algorithm>

namespace drover::sched {

std::string fill_in_item(std::string_view word, std::string_view item, std::uint32_t index) {
  constexpr std::string_view kItem = "${item}", kIndex = "${index}";
  std::string filled;
  while (!word.empty()) {
    const std::size_t at = std::min(word.find("${"), word.size());
    filled += word.substr(0, at);
    word.remove_prefix(at);
    if (word.starts_with(kItem)) {
      filled += item;
      word.remove_prefix(kItem.size());
    } else if (word.starts_with(kIndex)) {
      filled += std::to_string(index);
      word.remove_prefix(kIndex.size());
    } else if (!word.empty()) {
      filled += word.front();
      word.remove_prefix(1);
    }
  }
  return filled;
}

}  // namespace drover::sched
