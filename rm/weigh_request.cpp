// rm/weigh_request.cpp - what a request comes to, in the names that there are now.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "rm/elastic.hpp"
#include "rm/resource_manager_state.hpp"

namespace drover::rm {

void ResourceManager::State::weigh(Class& added) {
  const Request& request = added.request;
  added.countable = is_countable(request);
  if (!added.countable) return;
  added.ask = nodes.ask_for(request);
  added.least = {};
  added.least[Kind::CpuMilli] = least_cpus(request) * 1000;
  added.least[Kind::MemMib] = request.nodes * request.mem_mib;
  const std::int64_t gpu_milli = request.gpus * kWholeGpu + request.gpu_share;
  added.least[Kind::GpuMilli] = request.nodes * gpu_milli;
  added.least[Kind::Nodes] = request.exclusive ? request.nodes : 0;
  added.least[Kind::Engines] = request.engines;
  added.least[Kind::RunningJobs] = 1;
  Amounts each;  // on every node, of what has a name
  if (const auto kind = names.gpu(request.gpu_model)) {
    added.least[*kind] = request.nodes * gpu_milli;
    each[*kind] = gpu_milli;
  }
  for (const auto& [name, count] : request.licences) {
    const auto kind = names.find(licence_word(name));
    if (!kind) added.countable = false;  // of a job from before the name lost its slot
    if (!kind) continue;
    added.ask.licences.push_back({*kind, count});
    added.least[*kind] += count;
  }
  for (const auto& [name, count] : request.resources) {
    const auto kind = names.custom(name);
    if (!kind) added.countable = false;  // no node has named it
    if (!kind) continue;
    added.ask.resources.push_back({*kind, count});
    each[*kind] += count;
    added.least[*kind] += request.nodes * count;
  }
  added.room = nodes.room_in(each);  // with all seats
  // Of a range as little as on the largest number: nodes that are enough for that one wake it.
  const std::int64_t most = std::min(request.nodes_max, request.tasks);
  const std::int64_t cpus = is_elastic(request) && most > request.nodes
                                ? std::int64_t(ask_on(added.ask, request, most).cpus)
                                : request.cpus;
  added.room += {cpus * 1000, request.mem_mib, gpu_milli, request.exclusive ? 0 : 1 - Room::kSeats};
  if (!request.more.empty()) weigh_components(added);
}

}  // namespace drover::rm
