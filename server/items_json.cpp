// server/items_json.cpp - items are checked while they are read: there may be a million.
// SPDX-License-Identifier: Apache-2.0
#include "server/items_json.hpp"

namespace drover::server {

using sched::Items;

Result<void> read_items(JsonValue v, Items& items) {
  items = {};
  auto read = json_array(v, "items", Items::kMax, [&](JsonValue element) -> Result<void> {
    const auto name = [&] { return "items[" + std::to_string(items.size()) + "]"; };
    const auto item = json_text(element, "items", Items::kItemMax);
    if (!item) {
      const std::string at = name();
      Error error = item.error();
      error.field = at;
      return fail(std::move(error), at);
    }
    if (items.bytes() + item->size() > Items::kBytesMax)
      return fail(Errc::Limit,
                  "the items are longer than " + std::to_string(Items::kBytesMax >> 20) +
                      " MiB together, from " + name() + " on",
                  "pass names of files, or submit several arrays", "items");
    items.add(*item);
    return {};
  });
  if (read && items.empty())
    return fail(Errc::BadInput, "items has no entries", "an array needs at least one element",
                "items");
  return read;
}

Result<void> make_array_of_items(sched::JobSpec& spec) {
  if (spec.items.empty()) return {};
  const auto last = static_cast<std::uint32_t>(spec.items.size() - 1);
  if (spec.is_array && (spec.array.empty() || spec.array.max() > last))
    return fail(Errc::BadInput,
                "the array has the elements " + spec.array.to_string().substr(0, 100) +
                    ", its items are 0-" + std::to_string(last),
                "leave array out: the items make one; array_throttle limits it", "items");
  if (!spec.is_array) spec.array = IndexSet::from_runs({{0, last, 1}});
  spec.is_array = true;
  return {};
}

}  // namespace drover::server
