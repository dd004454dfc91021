// server/config_quotas.hpp - [quotas] and [[quota]] of a configuration.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <toml++/toml.h>

#include <string>

#include "server/config.hpp"

namespace drover::server {

// Fills resource_names, quota_tree and quotas; the keys of [quotas] have been read. `quota` may be
// null. Errors name file and line. What contradicts is refused (rm::check_quotas).
Result<void> read_quotas(Config& config, const toml::node* quota, const std::string& path);

}  // namespace drover::server
