// cli/quota.hpp - what the commands about quotas share.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "cli/json.hpp"

namespace drover::cli {

std::string amounts_text(const Json& object);  // "cpus=4 mem_mib=1024"
// "user=ann,account=a" as the server names it: labels in their order.
std::string quota_in_order(const std::string& name);

}  // namespace drover::cli
