// cli/fetch_result.hpp - one result of a statement, whole, into a file or to standard output.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdio>
#include <string>

#include "base/result.hpp"
#include "cli/api_client.hpp"

namespace drover::cli {

// As it comes, a piece in memory at a time. A disk that is full, or a reader that has gone, ends it
// with an error. The last bytes of it, at most 64.
Result<std::string> fetch_result(ApiClient& api, const std::string& target, std::FILE* to);

}  // namespace drover::cli
