// cli/retry_options.hpp - --retry and its like, as the member "retry" of a spec.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/result.hpp"
#include "cli/json.hpp"
#include "cli/option.hpp"

namespace drover::cli {

// --retry, --retry-delay, --retry-backoff, --retry-max-delay or --retry-on.
Result<bool> set_retry_option(Json& spec, const Given& given);

}  // namespace drover::cli
