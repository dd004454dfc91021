// cli/quota_file.hpp - a file of quotas, written as in the configuration.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "cli/json.hpp"

namespace drover::cli {

// The [[quota]] tables of a TOML file as the API takes them: {"quotas":[...]}. Only the form is
// checked here; what the words mean is the server's business. "-" reads stdin.
Result<Json> read_quota_file(const std::string& path);
Result<Json> parse_quota_file(const std::string& text, const std::string& path);

}  // namespace drover::cli
