// server/statement_json.hpp - code for engines in a job's JSON, and engines, out.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

#include "sched/job_spec.hpp"
#include "server/json_fields.hpp"
#include "server/json_writer.hpp"

namespace drover::server {

// One of engine, language, session, reset: `script` is then code for an engine.
Result<void> read_statement(JsonValue v, std::string_view field, sched::JobSpec& spec);
Result<void> read_once(JsonValue v, sched::JobSpec& spec);
Result<void> read_reuse(JsonValue v, sched::JobSpec& spec);      // {"ttl_s":3600}, or true
Result<void> read_variables(JsonValue v, sched::JobSpec& spec);  // {"name":"value"}
void append_engine_parts(JsonWriter& out, const sched::JobSpec& spec);

}  // namespace drover::server
