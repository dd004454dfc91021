// server/config_quotas.hpp - [quotas] and [[quota]] of a configuration.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <toml++/toml.h>

#include <string>
#include <vector>

#include "server/config.hpp"

namespace drover::server {

// Fills resource_names, quota_tree and quotas; the keys of [quotas] have been read. `quota` may be
// null. Errors name file and line. What contradicts is refused (rm::check_quotas).
Result<void> read_quotas(Config& config, const toml::node* quota, const std::string& path);

// [licences]: name = number.
Result<void> read_licences(Config& config, const toml::node& node, const std::string& path);

// Everything that gets a slot: quotas.resources and the licences.
std::vector<std::string> named_resources(const Config& config);

}  // namespace drover::server
