// cli/layout_options.hpp - options about cores, sockets and the placing of tasks, as members of a
// spec. Words are judged by the server.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/result.hpp"
#include "cli/json.hpp"
#include "cli/option.hpp"

namespace drover::cli {

// Does nothing for an option that is not one of them.
Result<bool> set_layout_option(Json& spec, const Given& given);

}  // namespace drover::cli
