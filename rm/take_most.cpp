// rm/take_most.cpp - a lease of as many nodes of a range as fit now.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "rm/resource_manager_state.hpp"

namespace drover::rm {

Acquired ResourceManager::State::take_most(const Class& asked, PathId path, const Window& window,
                                           const NodeBits* within) {
  NoFit none;
  std::optional<QuotaShort> shortage;
  for (std::int64_t count = asked.request.nodes_max; count >= asked.request.nodes; --count) {
    if (asked.request.tasks > 0 && count > asked.request.tasks) continue;
    const NodeAsk ask = ask_on(asked.ask, asked.request, count);
    HoldCheck holds{plans_ahead ? &forecast : nullptr,
                    planned(asked, ask),
                    window.from,
                    window.until,
                    window.by,
                    within};
    if (!choose_nodes(ask, &holds)) {
      none.held |= holds.held;
      // Without a number of tasks fewer nodes ask the same of each: no need to count down.
      if (asked.request.tasks == 0)
        count = std::min<std::int64_t>(count, std::int64_t(gang.size()) + 1);
      continue;
    }
    Acquired answer = take_gang(asked, ask, path, window);
    if (!std::holds_alternative<QuotaShort>(answer)) return answer;
    shortage = std::get<QuotaShort>(std::move(answer));
  }
  if (shortage) return *std::move(shortage);
  return none;
}

std::span<const ResourceManager::State::Class> ResourceManager::State::numbers_of(
    const Class& asked, std::optional<Payer> payer) {
  constexpr std::size_t kNumbersMax = 8;
  if (!has_other_asks(asked.request) || !asked.countable) return {&asked, 1};
  const bool are_runs = asked.ask.contiguous && asked.ask.exclusive;
  if (are_runs && payer && ledger.is_limited(payer->path)) return {&asked, 1};
  if (asked.numbers_version == version) return asked.numbers;
  asked.numbers_version = version;
  asked.numbers.clear();
  const auto add = [&](const Request& request) {
    asked.numbers.emplace_back();
    asked.numbers.back().request = request;
    weigh(asked.numbers.back());
  };
  Request one = fixed(asked.request, asked.request.nodes);
  for (auto count = std::optional(asked.request.nodes); count && asked.numbers.size() < kNumbersMax;
       count = next_number(asked.request, *count)) {
    set_number(one, asked.request, *count);
    if (nodes.could_ever_fit(one)) add(one);
  }
  if (asked.numbers.empty()) add(fixed(asked.request, asked.request.nodes));
  return asked.numbers;
}

// Of as many nodes as have room now, else of the least number that could ever do: of fewer each may
// have to be larger than any is.
NoFit ResourceManager::State::explain_most(const Class& asked) {
  for (std::int64_t count = asked.request.nodes_max; count > asked.request.nodes; --count) {
    if (asked.request.tasks > 0 && count > asked.request.tasks) continue;
    const NodeAsk ask = ask_on(asked.ask, asked.request, count);
    if (choose_nodes(ask, nullptr)) return nodes.explain(ask, std::uint32_t(gang.size()));
    if (asked.request.tasks == 0) break;
  }
  const NodeAsk& ask = numbers_of(asked).front().ask;
  choose_nodes(ask, nullptr);
  return nodes.explain(ask, std::uint32_t(gang.size()));
}

}  // namespace drover::rm
