// server/config_policy.hpp - [policy], [[account]], [[qos]] and [[partition]] of a configuration.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <toml++/toml.h>

#include <string>
#include <string_view>

#include "sched/policy_book.hpp"
#include "server/config.hpp"

namespace drover::server {

// Whether `name` is one of the three lists.
bool is_policy_list(std::string_view name);
// Reads one of them into the configuration. Errors name file, line and key.
Result<void> read_policy_list(Config& config, std::string_view name, const toml::node& node,
                              const std::string& path);
// Everything together, checked. The keys of [policy] have been read.
Result<sched::PolicyBook> policy_book(const Config& config);

std::string policy_markdown();  // its part of docs/config.md

}  // namespace drover::server
