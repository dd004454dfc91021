// rm/node_ask.cpp - which requests can be counted with.
// SPDX-License-Identifier: Apache-2.0
#include "rm/node_ask.hpp"

#include "rm/lease.hpp"

namespace drover::rm {
namespace {

constexpr std::int64_t kMaxUnits = 1 << 20;  // CPUs or GPUs of one task

}  // namespace

bool is_countable(const Request& request) {
  for (const auto& licence : request.licences)
    if (licence.second < 1 || licence.second > kMaxAmount) return false;
  if (request.nodes_max < 0 || request.nodes_max > kNodesMax || request.tasks < 0 ||
      request.tasks > kMaxUnits || request.cores.cpus_per_task < 0)
    return false;
  for (const auto& resource : request.resources)
    if (resource.second < 1 || resource.second > Room::kExtraMax) return false;
  if (request.gpu_share < 0 || request.gpu_share >= kWholeGpu) return false;
  if (request.gpu_share > 0 && request.gpus > 0) return false;
  if (request.engines < 0 || request.engines > 1) return false;
  if (is_statement(request))
    return request.nodes == 1 && request.nodes_max == 0 && request.gpus == 0 &&
           request.gpu_share == 0 && request.mem_mib == 0 && !request.node_labels.empty();
  return request.nodes >= 1 && request.nodes <= kNodesMax && request.cpus >= 1 &&
         request.cpus <= kMaxUnits && request.gpus >= 0 && request.gpus <= kMaxUnits &&
         request.mem_mib >= 0 && request.mem_mib <= kMaxAmount;
}

}  // namespace drover::rm
