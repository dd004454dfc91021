// rm/elastic.cpp - the same request on fewer or more nodes.
// SPDX-License-Identifier: Apache-2.0
#include "rm/elastic.hpp"

#include <algorithm>

#include "rm/components.hpp"

namespace drover::rm {
namespace {

std::int64_t cpus_on(const Request& request, std::int64_t count) {
  if (!is_elastic(request) || request.tasks == 0) return request.cpus;
  return (request.tasks + count - 1) / count * std::max(request.cores.cpus_per_task, 1);
}

}  // namespace

std::int64_t least_cpus(const Request& request) {
  if (!is_elastic(request) || request.tasks == 0) return request.nodes * request.cpus;
  return request.tasks * std::max(request.cores.cpus_per_task, 1);
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

NodeAsk planned_ask(const NodeInventory& nodes, const NodeAsk& ask, const Request& request) {
  if (!is_elastic(request) || request.tasks == 0) return ask;
  for (std::int64_t count = request.nodes; count <= request.nodes_max; ++count)
    if (nodes.can_ever_fit(fixed(request, count))) return ask_on(ask, request, count);
  return ask;
}

Result<void> could_fit(const NodeInventory& nodes, const Request& request) {
  if (!request.more.empty()) return could_fit_together(nodes, request);
  const auto first = nodes.can_ever_fit(request);
  if (first || !is_elastic(request) || request.tasks == 0 || request.nodes < 1) return first;
  for (std::int64_t count = request.nodes + 1; count <= request.nodes_max; ++count)
    if (nodes.can_ever_fit(fixed(request, count))) return {};
  return first;
}

}  // namespace drover::rm
