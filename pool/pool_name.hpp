// pool/pool_name.hpp - the name of a pool says whose engines are in it, and what for.
//
// "python.1000"              any statement of user 1000
// "python.1000+4c8192m0g"    statements that wish for at least 4 CPUs and 8 GiB
// "python.1000.s.NAME"       those of a session, or of a lock
// "python.1000.o.1c1024m0g"  each has an engine of its own, which ends with it
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "pool/plugin.hpp"
#include "sched/job_spec.hpp"

namespace drover::pool {

enum class PoolKind : std::uint8_t { Home, Sized, Session, Once };

// As much as the plugin gives and the statement wishes: the larger of both, amount by amount.
sched::EngineAmounts size_for(const Plugin& plugin, const sched::EngineAmounts& wish);
// Whether an engine of size `has` may serve who needs `needed`.
bool is_enough(const sched::EngineAmounts& has, const sched::EngineAmounts& needed);

// The engines that may take a statement of this user. Only what makes engines differ belongs to it.
std::string pool_name(const Plugin& plugin, std::uint32_t uid, std::string_view session);
std::string sized_pool_name(std::string_view home, const sched::EngineAmounts& size);
std::string once_pool_name(std::string_view home, const sched::EngineAmounts& size);

PoolKind kind_of_pool(std::string_view pool);
std::string_view home_of(std::string_view pool);  // "python.1000"

}  // namespace drover::pool
