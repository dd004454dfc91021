// server/quota_json_in.hpp - reads edits of quotas.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "base/result.hpp"
#include "rm/quota_edit.hpp"

namespace drover::server {

// One quota: {"max":{...},"guaranteed":{...},"reclaim":"wait","lend":true,"version":7}; what is
// left out is as if it had never been set.
Result<rm::QuotaEdit> read_quota_edit(std::string json, rm::Labels match,
                                      const rm::ResourceNames& names);
// All of them: {"quotas":[{"match":{...},...},...],"version":7}.
Result<rm::QuotaEdit> read_quota_set(std::string json, const rm::ResourceNames& names);

}  // namespace drover::server
