// pool/pool_name.cpp - names of pools, made and read.
//
// A dot behind the user means engines of one seat: server/agent_reports.cpp reads it so.
// SPDX-License-Identifier: Apache-2.0
#include "pool/pool_name.hpp"

#include <algorithm>

namespace drover::pool {
namespace {

std::string size_text(const sched::EngineAmounts& size) {
  return std::to_string(size.cpus) + "c" + std::to_string(size.mem_mib) + "m" +
         std::to_string(size.gpus) + "g";
}

}  // namespace

sched::EngineAmounts size_for(const Plugin& plugin, const sched::EngineAmounts& wish) {
  return {std::max<std::int64_t>(plugin.cpus, wish.cpus), std::max(plugin.mem_mib, wish.mem_mib),
          std::max(plugin.gpus, wish.gpus)};
}

bool is_enough(const sched::EngineAmounts& has, const sched::EngineAmounts& needed) {
  return has.cpus >= needed.cpus && has.mem_mib >= needed.mem_mib && has.gpus >= needed.gpus;
}

std::string pool_name(const Plugin& plugin, std::uint32_t uid, std::string_view session) {
  // Sessions and locks are one user's, so that they never are in the pool that users share.
  if (plugin.shared_as && session.empty())
    return plugin.type + ".shared-" + std::to_string(plugin.shared_as->owner.uid);
  std::string name = plugin.type + "." + std::to_string(uid);
  if (!session.empty()) name.append(".s.").append(session);
  return name;
}

std::string sized_pool_name(std::string_view home, const sched::EngineAmounts& size) {
  return std::string(home) + "+" + size_text(size);
}

std::string once_pool_name(std::string_view home, const sched::EngineAmounts& size) {
  return std::string(home) + ".o." + size_text(size);
}

std::string_view home_of(std::string_view pool) {
  const std::size_t type = pool.find('.');
  return type == std::string_view::npos ? pool : pool.substr(0, pool.find_first_of(".+", type + 1));
}

PoolKind kind_of_pool(std::string_view pool) {
  const std::string_view rest = pool.substr(home_of(pool).size());
  if (rest.empty()) return PoolKind::Home;
  if (rest.front() == '+') return PoolKind::Sized;
  return rest.starts_with(".o.") ? PoolKind::Once : PoolKind::Session;
}

}  // namespace drover::pool
