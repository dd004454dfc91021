// server/statement_json.cpp - {"engine":"python","language":"py","session":"s1","reset":"none"}.
// SPDX-License-Identifier: Apache-2.0
#include "server/statement_json.hpp"

#include <array>
#include <iterator>
#include <string>

namespace drover::server {
namespace {

constexpr Duration kReuseDefault = seconds(std::int64_t(30) * 86'400);  // as of workflows' steps
constexpr std::int64_t kReuseMaxS = std::int64_t(366) * 86'400;

}  // namespace

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

// Only that it is a statement makes sense of it, so that false alone does not make one.
Result<void> read_once(JsonValue v, sched::JobSpec& spec) {
  auto on = json_bool(v, "once");
  if (!on) return fail(on.error());
  if (!*on && !spec.statement) return {};
  if (!spec.statement) spec.statement.emplace();
  spec.statement->once = *on;
  return {};
}

// {"ttl_s":3600}, or true: as old as the site keeps results, but no more than 30 days.
Result<void> read_reuse(JsonValue v, sched::JobSpec& spec) {
  if (!spec.statement) spec.statement.emplace();
  Duration& reuse = spec.statement->reuse;
  simdjson::ondemand::json_type type;
  if (!v.type().get(type) && type == simdjson::ondemand::json_type::boolean) {
    auto on = json_bool(v, "reuse");
    if (!on) return fail(on.error());
    reuse = *on ? kReuseDefault : Duration{};
    return {};
  }
  reuse = kReuseDefault;
  return json_object(v, "reuse", [&](std::string_view name, JsonValue item) -> Result<void> {
    if (name != "ttl_s") return json_unknown(name, std::array<std::string_view, 1>{"ttl_s"});
    auto ttl = json_integer(item, "reuse", 1, kReuseMaxS);
    if (!ttl) return fail(ttl.error());
    reuse = seconds(*ttl);
    return {};
  });
}

Result<void> read_variables(JsonValue v, sched::JobSpec& spec) {
  auto pairs = json_pairs(v, "variables", 1'000, 64 << 10);
  if (!pairs) return fail(pairs.error());
  if (!spec.statement) spec.statement.emplace();
  spec.statement->variables.emplace(std::make_move_iterator(pairs->begin()),
                                    std::make_move_iterator(pairs->end()));
  return {};
}

void append_engine_parts(JsonWriter& out, const sched::JobSpec& spec) {
  if (spec.statement) {
    out.field("engine", spec.statement->engine);
    out.field("language", spec.statement->language);
    out.field("session", spec.statement->session);
    out.field("reset", spec.statement->reset);
    out.field("pool", spec.statement->pool);
    if (spec.statement->once) out.field("once", true);
    if (const sched::EngineAmounts& wish = spec.statement->wish; !wish.is_empty()) {
      out.key("wish");
      out.begin_object();
      out.field("cpus", wish.cpus);
      out.field("mem_mib", wish.mem_mib);
      out.field("gpus", wish.gpus);
      out.end_object();
    }
    if (spec.statement->runs_as) out.field("runs_as", spec.statement->runs_as->user);
    if (spec.statement->reuse.us > 0) {
      out.key("reuse");
      out.begin_object();
      out.field("ttl_s", spec.statement->reuse.us / 1'000'000);
      out.end_object();
    }
    if (spec.statement->variables) {
      out.key("variables");
      out.begin_object();
      for (const auto& [name, value] : *spec.statement->variables) out.field(name, value);
      out.end_object();
    }
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
