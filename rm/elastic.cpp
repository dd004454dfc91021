// rm/elastic.cpp - the same request on fewer or more nodes.
// SPDX-License-Identifier: Apache-2.0
#include "rm/elastic.hpp"

#include <algorithm>

#include "rm/components.hpp"

namespace drover::rm {
namespace {

std::int64_t cpus_on(const Request& request, std::int64_t count) {
  if (!has_other_asks(request)) return request.cpus;
  return (request.tasks + count - 1) / count * std::max(request.cores.cpus_per_task, 1);
}

}  // namespace

std::int64_t least_cpus(const Request& request) {
  if (!has_other_asks(request)) return request.nodes * request.cpus;
  return request.tasks * std::max(request.cores.cpus_per_task, 1);
}

std::optional<std::int64_t> next_number(const Request& request, std::int64_t count) {
  const std::int64_t each = (request.tasks + count - 1) / count;
  if (each <= 1) return std::nullopt;
  count = (request.tasks + each - 2) / (each - 1);
  return count <= request.nodes_max ? std::optional(count) : std::nullopt;
}

void set_number(Request& one, const Request& request, std::int64_t count) {
  one.cpus = cpus_on(request, count);
  one.nodes = count;
}

Request fixed(Request request, std::int64_t count) {
  request.cpus = cpus_on(request, count);
  request.nodes = count;
  request.nodes_max = 0;
  return request;
}

NodeAsk ask_on(NodeAsk ask, const Request& request, std::int64_t count) {
  ask.nodes = std::uint32_t(count);
  ask.cpus = std::uint32_t(cpus_on(request, count));
  return ask;
}

Result<void> could_fit(const NodeInventory& nodes, const Request& request) {
  if (!request.more.empty()) return could_fit_together(nodes, request);
  const auto first = nodes.can_ever_fit(request);
  if (first || !has_other_asks(request) || request.nodes < 1) return first;
  Request one = fixed(request, request.nodes);
  for (auto count = next_number(request, request.nodes); count;
       count = next_number(request, *count)) {
    set_number(one, request, *count);
    if (nodes.could_ever_fit(one)) return {};
  }
  return first;
}

}  // namespace drover::rm
