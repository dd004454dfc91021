// cli/prospect_view.hpp - who is in a job's way and when it may start, as `why` and --test-only
// print it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "cli/context.hpp"
#include "cli/json.hpp"

namespace drover::cli {

void show_prospect(Context& context, const Json& answer);

}  // namespace drover::cli
