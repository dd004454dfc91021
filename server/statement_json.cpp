// server/statement_json.cpp - {"engine":"python","language":"py","session":"s1","reset":"none"}.
// SPDX-License-Identifier: Apache-2.0
#include "server/statement_json.hpp"

#include <string>

namespace drover::server {

Result<void> read_statement(JsonValue v, std::string_view field, sched::JobSpec& spec) {
  auto word = json_line(v, field, 64);
  if (!word) return fail(word.error());
  if (word->empty())
    return fail(Errc::BadInput, std::string(field) + " is empty", "leave it out",
                std::string(field));
  if (!spec.statement) spec.statement.emplace();
  sched::Statement& statement = *spec.statement;
  (field == "engine"     ? statement.engine
   : field == "language" ? statement.language
   : field == "session"  ? statement.session
                         : statement.reset) = *std::move(word);
  return {};
}

void append_engine_parts(JsonWriter& out, const sched::JobSpec& spec) {
  if (spec.statement) {
    out.field("engine", spec.statement->engine);
    out.field("language", spec.statement->language);
    out.field("session", spec.statement->session);
    out.field("reset", spec.statement->reset);
    out.field("pool", spec.statement->pool);
  }
  if (!spec.engine) return;
  out.key("engine_host");
  out.begin_object();
  out.field("name", spec.engine->name);
  out.field("type", spec.engine->type);
  out.field("pool", spec.engine->pool);
  out.field("session", spec.engine->session);
  out.end_object();
}

}  // namespace drover::server
