// server/api_quotas.cpp - quotas: their use, and edits while they are in use.
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "base/units.hpp"
#include "server/api.hpp"
#include "server/quota_json_in.hpp"
#include "server/quota_json_out.hpp"

namespace drover::server::api {
namespace {

constexpr std::int64_t kVersionMax = INT64_MAX;

// From If-Match ("7" or 7), the query or the body; they must not contradict each other.
Result<void> read_version(const Exchange& exchange, rm::QuotaEdit& edit) {
  std::string_view tag = exchange.request.header("if-match");
  if (tag.size() > 1 && tag.front() == '"' && tag.back() == '"')
    tag = tag.substr(1, tag.size() - 2);
  for (const std::string_view text : {tag, exchange.request.query_value("version")}) {
    if (text.empty() || text == "*") continue;
    const auto version = parse_integer(text, 0, kVersionMax, "version");
    if (!version) return fail(version.error());
    if (edit.version && *edit.version != std::uint64_t(*version))
      return fail(Errc::BadInput, "two different versions are given",
                  "give it once: If-Match, the query or the body", "version");
    edit.version = std::uint64_t(*version);
  }
  return {};
}

void answer_edit(const Services& services, const Exchange& exchange, const rm::QuotaDiff& diff,
                 std::uint64_t version, bool dry_run) {
  std::string body;
  JsonWriter out(body);
  out.begin_object();
  out.field("v", 1);
  out.field("version", version);
  out.field("dry_run", dry_run);
  append_diff(out, diff, services.controller.resources().names());
  out.end_object();
  net::HttpResponse response;
  response.body = std::move(body);
  response.headers.emplace_back("ETag", '"' + std::to_string(version) + '"');
  exchange.answer->send(std::move(response));
}

// The preview is of this moment; the edit itself is weighed again in its turn, against whatever
// came before it.
void edit(Services& services, ExchangePtr exchange, Result<rm::QuotaEdit> read) {
  if (!read) return exchange->refuse(read.error());
  if (auto version = read_version(*exchange, *read); !version)
    return exchange->refuse(version.error());
  const auto dry_run = exchange->flag("dry_run");
  if (!dry_run) return exchange->refuse(dry_run.error());
  auto diff = services.controller.preview(*read);
  if (!diff) return exchange->refuse(diff.error());
  if (*dry_run)
    return answer_edit(services, *exchange, *diff, services.controller.quotas().version, true);
  if (services.turn.is_full())
    return exchange->refuse(
        {Errc::Unavailable, "too many requests wait", "try again in a moment", ""});
  sched::EditQuotas input;
  input.actor = exchange->caller.actor();
  input.edit = std::move(*read);
  services.turn.edit_quotas(std::move(input), [&services, exchange, diff = std::move(*diff)](
                                                  const Result<sched::Done>& result) {
    if (!result) return exchange->refuse(result.error());
    answer_edit(services, *exchange, diff, result->touched, false);
  });
}

}  // namespace

void list_quotas(Services& services, ExchangePtr exchange) {
  const std::string mine = "user=" + exchange->caller.user;
  const rm::ResourceManager& resources = services.controller.resources();
  const rm::QuotaTable& table = services.controller.quotas();
  std::string body;
  JsonWriter out(body);
  out.begin_object();
  out.field("v", 1);
  out.field("version", table.version);
  out.field("source", table.edited ? "edited" : "configuration");
  out.key("quotas");
  out.begin_array();
  for (const rm::QuotaView& quota : resources.quotas()) {
    const bool others = quota.name.find("user=") != std::string::npos &&
                        ("," + quota.name + ",").find("," + mine + ",") == std::string::npos;
    if (others && !exchange->caller.is_operator) continue;
    append_quota(out, quota, resources.names());
  }
  out.end_array();
  if (exchange->caller.is_operator) {  // rules name other users
    out.key("rules");
    out.begin_array();
    for (const rm::QuotaRule& rule : table.rules) append_rule(out, rule, resources.names());
    out.end_array();
  }
  out.key("resources");
  out.begin_array();
  for (const std::string_view word : resources.names().words()) out.value(word);
  out.end_array();
  out.end_object();
  net::HttpResponse response;
  response.body = std::move(body);
  response.headers.emplace_back("ETag", '"' + std::to_string(table.version) + '"');
  exchange->answer->send(std::move(response));
}

void put_quotas(Services& services, ExchangePtr exchange) {
  auto read =
      read_quota_set(std::move(exchange->request.body), services.controller.resources().names());
  edit(services, std::move(exchange), std::move(read));
}

void put_quota(Services& services, ExchangePtr exchange) {
  auto match = rm::quota_labels(exchange->name);
  if (!match) return exchange->refuse(match.error());
  auto read = read_quota_edit(std::move(exchange->request.body), std::move(*match),
                              services.controller.resources().names());
  edit(services, std::move(exchange), std::move(read));
}

void reset_quotas(Services& services, ExchangePtr exchange) {
  rm::QuotaEdit reset;
  reset.reset = true;
  edit(services, std::move(exchange), std::move(reset));
}

void remove_quota(Services& services, ExchangePtr exchange) {
  auto match = rm::quota_labels(exchange->name);
  if (!match) return exchange->refuse(match.error());
  rm::QuotaEdit gone;
  gone.remove.push_back(std::move(*match));
  edit(services, std::move(exchange), std::move(gone));
}

}  // namespace drover::server::api
