// server/api_alter.cpp - PATCH of a job: what an accepted one may still become.
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "sched/job_changes.hpp"
#include "server/api.hpp"
#include "server/json_writer.hpp"

namespace drover::server::api {
namespace {

std::string changes_json(const sched::Alter& alter, bool dry_run) {
  std::string body;
  JsonWriter out(body);
  out.begin_object();
  out.field("v", 1);
  out.field("id", raw(alter.job));
  out.field("dry_run", dry_run);
  out.key("changes");
  out.begin_array();
  for (const sched::JobChange& change : sched::changes_between(*alter.before, *alter.after)) {
    out.begin_object();
    out.field("name", change.name);
    out.field("from", change.from);
    out.field("to", change.to);
    out.end_object();
  }
  out.end_array();
  out.end_object();
  return body;
}

}  // namespace

void alter_job(Services& services, ExchangePtr exchange) {
  auto alter = services.admission.prepare_alter(exchange->job, std::move(exchange->request.body),
                                                services.reader, exchange->caller);
  if (!alter) return exchange->refuse(alter.error());
  const auto dry_run = exchange->flag("dry_run");
  if (!dry_run) return exchange->refuse(dry_run.error());
  alter->dry_run = *dry_run;
  if (services.turn.is_full())
    return exchange->refuse(
        {Errc::Unavailable, "too many requests wait", "try again in a moment", ""});
  std::string body = changes_json(*alter, alter->dry_run);
  services.turn.alter(*std::move(alter),
                      [exchange, body = std::move(body)](const Result<sched::Done>& result) {
                        if (!result) return exchange->refuse(result.error());
                        exchange->json(body);
                      });
}

}  // namespace drover::server::api
