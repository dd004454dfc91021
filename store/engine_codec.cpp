// store/engine_codec.cpp - statements and engines of job specs.
// SPDX-License-Identifier: Apache-2.0
#include "store/engine_codec.hpp"

namespace drover::store {

void encode_engine_parts(const sched::JobSpec& spec, proto::JobSpec& out) {
  if (spec.statement) {
    proto::StoredStatement& statement = *out.mutable_statement();
    statement.set_engine(spec.statement->engine);
    statement.set_language(spec.statement->language);
    statement.set_session(spec.statement->session);
    statement.set_pool(spec.statement->pool);
    statement.set_reset(spec.statement->reset);
    statement.set_origin(spec.statement->origin);
    statement.set_reuse_us(spec.statement->reuse.us);
    statement.set_content_key(spec.statement->content_key);
    if (const auto& as = spec.statement->runs_as) {
      statement.set_runs_as(as->user);
      statement.set_runs_as_uid(as->owner.uid);
      statement.set_runs_as_gid(as->owner.gid);
    }
    statement.set_once(spec.statement->once);
    statement.set_wish_cpus(spec.statement->wish.cpus);
    statement.set_wish_mem_mib(spec.statement->wish.mem_mib);
    statement.set_wish_gpus(spec.statement->wish.gpus);
    statement.set_fills_variables(spec.statement->variables.has_value());
    if (spec.statement->variables)
      for (const auto& [name, value] : *spec.statement->variables) {
        proto::Pair& pair = *statement.add_variables();
        pair.set_key(name);
        pair.set_value(value);
      }
  }
  if (spec.engine) {
    proto::StoredEngine& engine = *out.mutable_engine();
    engine.set_name(spec.engine->name);
    engine.set_type(spec.engine->type);
    engine.set_pool(spec.engine->pool);
    engine.set_session(spec.engine->session);
    engine.set_options(spec.engine->options);
  }
}

void decode_engine_parts(const proto::JobSpec& in, sched::JobSpec& out) {
  out.statement.reset();
  out.engine.reset();
  if (in.has_statement()) {
    const proto::StoredStatement& stored = in.statement();
    out.statement = sched::Statement{stored.engine(), stored.language(), stored.session(),
                                     stored.pool(),   stored.reset(),    stored.origin()};
    out.statement->reuse = Duration{stored.reuse_us()};
    out.statement->content_key = stored.content_key();
    if (!stored.runs_as().empty())
      out.statement->runs_as =
          sched::Account{{stored.runs_as_uid(), stored.runs_as_gid()}, stored.runs_as()};
    out.statement->once = stored.once();
    out.statement->wish = {stored.wish_cpus(), stored.wish_mem_mib(), stored.wish_gpus()};
    if (stored.fills_variables()) out.statement->variables.emplace();
    for (const proto::Pair& pair : stored.variables())
      if (out.statement->variables) out.statement->variables->emplace(pair.key(), pair.value());
  }
  if (in.has_engine())
    out.engine = sched::EngineHost{in.engine().name(), in.engine().type(), in.engine().pool(),
                                   in.engine().session(), in.engine().options()};
}

}  // namespace drover::store
