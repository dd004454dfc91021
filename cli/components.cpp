// cli/components.cpp - which members of a spec each component has for itself.
// SPDX-License-Identifier: Apache-2.0
#include "cli/components.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

namespace drover::cli {
namespace {

constexpr std::string_view kOwn[] = {
    // sorted
    "constraints",
    "contiguous",
    "cores_per_socket",
    "cpu_bind",
    "cpus_per_task",
    "distribution",
    "exclusive",
    "gpu_model",
    "gpu_share",
    "gpus",
    "gpus_total",
    "hint",
    "licences",
    "mem_bind",
    "mem_mib",
    "mem_per_cpu_mib",
    "nodes",
    "nodes_max",
    "ntasks",
    "ntasks_per_core",
    "ntasks_per_node",
    "ntasks_per_socket",
    "resources",
    "sockets_per_node",
    "spread",
    "threads_per_core",
};
static_assert(std::is_sorted(std::begin(kOwn), std::end(kOwn)));

bool is_own(std::string_view key) { return std::ranges::binary_search(kOwn, key); }

Json take_own(Json& spec) {
  Json own = Json::object();
  for (const std::string_view key : kOwn) {
    const auto found = spec.find(std::string(key));
    if (found == spec.end()) continue;
    own[std::string(key)] = std::move(*found);
    spec.erase(found);
  }
  return own;
}

// Of the whole job, so it must be what the first component said.
Result<bool> check_shared(const Json& spec, const Given& given, const SpecSource& source) {
  Json one = Json::object();
  if (auto laid = overlay_options(one, {given}, source); !laid) return laid;
  for (const auto& [key, value] : one.items()) {
    if (is_own(key) || (spec.contains(key) && spec.at(key) == value)) continue;
    const std::string name = "--" + std::string(given.option->name);
    return fail(Errc::Unsupported,
                (given.where.empty() ? "" : given.where + ": ") + name +
                    " is of the whole job, and differs from what the first component says",
                "give " + name + " once, before the first : or hetjob line",
                std::string(given.option->name));
  }
  return true;
}

}  // namespace

Result<bool> overlay_components(Json& spec, const std::vector<Given>& options,
                                const SpecSource& source) {
  std::vector<std::vector<Given>> by(1);
  for (const Given& given : options) {
    if (given.component >= by.size()) by.resize(given.component + 1);
    by[given.component].push_back(given);
  }
  if (auto laid = overlay_options(spec, by[0], source); !laid || by.size() == 1) return laid;
  Json all = Json::array();
  all.push_back(take_own(spec));
  for (std::size_t at = 1; at < by.size(); ++at) {
    const std::string number = "component " + std::to_string(at + 1);
    for (const Given& given : by[at])
      if (auto shared = check_shared(spec, given, source); !shared)
        return fail(shared.error(), number);
    Json part = Json::object();
    if (auto laid = overlay_options(part, by[at], source); !laid) return fail(laid.error(), number);
    all.push_back(take_own(part));
  }
  spec["components"] = std::move(all);
  return true;
}

}  // namespace drover::cli
