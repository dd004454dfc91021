// server/code_settings.hpp - [interceptors] of a configuration.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "pool/interceptors.hpp"
#include "server/config.hpp"

namespace drover::server {

// Errors name the entry at fault.
Result<pool::CodeSettings> code_settings(const Config& config);

// What interceptors changed, as the variable of the statement that its engine writes into its log.
std::string notes_variable(const std::vector<std::string>& notes);

}  // namespace drover::server
