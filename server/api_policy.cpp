// server/api_policy.cpp - accounts with their shares, classes of service, partitions, licences.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "server/api.hpp"
#include "server/job_json_out.hpp"

namespace drover::server::api {
namespace {

double ratio(std::int64_t ppm) { return double(ppm) / 1e6; }

void append_share(JsonWriter& out, const sched::ShareView& share) {
  out.begin_object();
  out.field("account", share.account);
  if (share.user.empty())
    out.null_field("user");
  else
    out.field("user", share.user);
  out.field("depth", share.depth);
  out.field("shares", share.shares);
  out.field("share_of_level", ratio(share.shares_of_level_ppm));
  out.field("usage_of_level", ratio(share.usage_of_level_ppm));
  out.field("usage_cpu_s", double(share.usage_milli_cpu_s) / 1e3);
  out.field("charged_cpus", double(share.rate_milli_cpu) / 1e3);
  if (share.user.empty())
    out.null_field("fair_share");
  else
    out.field("fair_share", ratio(share.factor_ppm));
  out.end_object();
}

void append_texts(JsonWriter& out, std::string_view name, const std::vector<std::string>& texts) {
  out.key(name);
  out.begin_array();
  for (const std::string& text : texts) out.value(text);
  out.end_array();
}

void append_limit(JsonWriter& out, std::string_view name, std::int64_t limit) {
  if (limit < 0)
    out.null_field(name);
  else
    out.field(name, limit);
}

void append_limits(JsonWriter& out, std::string_view name, const sched::QosLimits& limits) {
  out.key(name);
  out.begin_object();
  append_limit(out, "jobs", limits.jobs);
  append_limit(out, "cpus", limits.cpus);
  append_limit(out, "gpus", limits.gpus);
  append_limit(out, "submitted", limits.submitted);
  out.end_object();
}

void append_qos(JsonWriter& out, const sched::QosSpec& qos) {
  out.begin_object();
  out.field("name", qos.name);
  out.field("priority", qos.priority);
  append_limits(out, "total", qos.total);
  append_limits(out, "per_user", qos.per_user);
  append_limits(out, "per_account", qos.per_account);
  out.field("max_wall_s", qos.max_wall.us / 1'000'000);
  append_limit(out, "max_cpus_per_job", qos.max_cpus_per_job);
  append_limit(out, "max_gpus_per_job", qos.max_gpus_per_job);
  append_texts(out, "users", qos.users);
  append_texts(out, "accounts", qos.accounts);
  append_texts(out, "preempts", qos.preempts);
  out.field("preempt_mode", to_string(qos.preempt_mode));
  out.field("preempt_grace_s", qos.preempt_grace.us / 1'000'000);
  out.field("usage_percent", qos.usage_percent);
  out.end_object();
}

void append_partition(JsonWriter& out, const sched::PartitionSpec& partition) {
  out.begin_object();
  out.field("name", partition.name);
  out.field("default", partition.is_default);
  out.field("open", partition.is_open);
  out.field("priority", partition.priority);
  out.field("policy", sched::to_string(partition.policy));
  out.field("preempt_mode", to_string(partition.preempt_mode));
  out.field("preempt_grace_s", partition.preempt_grace.us / 1'000'000);
  out.field("default_time_s", partition.default_time.us / 1'000'000);
  out.field("max_time_s", partition.max_time.us / 1'000'000);
  append_limit(out, "max_cpus_per_job", partition.max_cpus_per_job);
  append_limit(out, "max_nodes_per_job", partition.max_nodes_per_job);
  append_texts(out, "users", partition.users);
  append_texts(out, "accounts", partition.accounts);
  append_texts(out, "qos", partition.qos);
  out.key("nodes");
  out.begin_object();
  for (const auto& [key, value] : partition.nodes) out.field(key, value);
  out.end_object();
  out.end_object();
}

template <class Rows, class Append>
void answer(ExchangePtr& exchange, std::string_view name, const Rows& rows, Append append) {
  std::string body;
  JsonWriter out(body);
  out.begin_object();
  out.field("v", 1);
  out.key(name);
  out.begin_array();
  for (const auto& row : rows) append(out, row);
  out.end_array();
  out.end_object();
  exchange->json(std::move(body));
}

void append_licence(JsonWriter& out, const sched::LicenceUse& use) {
  const std::int64_t held = use.licence.locked + use.licence.used;
  out.begin_object();
  out.field("name", use.licence.name);
  out.field("total", use.licence.total);
  out.field("held", held);
  out.field("locked", use.licence.locked);
  out.field("used", use.licence.used);
  out.field("free", std::max<std::int64_t>(use.licence.total - held, 0));
  out.key("holders");
  out.begin_array();
  for (const sched::LicenceHolder& holder : use.holders) {
    out.begin_object();
    out.field("job", raw(holder.job));
    out.field("count", holder.count);
    out.end_object();
  }
  out.end_array();
  out.end_object();
}

}  // namespace

void list_licences(Services& services, ExchangePtr exchange) {
  answer(exchange, "licences", services.controller.licences(), append_licence);
}

void list_shares(Services& services, ExchangePtr exchange) {
  answer(exchange, "shares", services.controller.shares(net::Loop::now()), append_share);
}

void list_qos(Services& services, ExchangePtr exchange) {
  answer(exchange, "qos", services.controller.policy_book().qos.all(), append_qos);
}

void list_partitions(Services& services, ExchangePtr exchange) {
  answer(exchange, "partitions", services.controller.policy_book().partitions.all(),
         append_partition);
}

}  // namespace drover::server::api
