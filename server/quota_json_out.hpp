// server/quota_json_out.hpp - quotas, their use, and what an edit does, as JSON.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "rm/quota_edit.hpp"
#include "rm/quota_view.hpp"
#include "server/json_writer.hpp"

namespace drover::server {

// Amounts in whole units by their words. `is_limit`: -1 is no limit and left out; else 0 is.
void append_amounts(JsonWriter& out, std::string_view name, const rm::Amounts& amounts,
                    bool is_limit, const rm::ResourceNames& names);
void append_quota(JsonWriter& out, const rm::QuotaView& quota, const rm::ResourceNames& names);
void append_rule(JsonWriter& out, const rm::QuotaRule& rule, const rm::ResourceNames& names);
void append_diff(JsonWriter& out, const rm::QuotaDiff& diff, const rm::ResourceNames& names);

}  // namespace drover::server
