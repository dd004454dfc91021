// server/retry_json.hpp - the retries of a job as JSON, both ways.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "sched/retry_rule.hpp"
#include "server/json_fields.hpp"
#include "server/json_writer.hpp"

namespace drover::server {

// A number of retries, or an object with max, delay_s, backoff_percent, delay_max_s and on.
Result<void> read_retry(JsonValue v, sched::RetryRule& rule);
void append_retry(JsonWriter& out, const sched::RetryRule& rule);

}  // namespace drover::server
