// server/quota_json_out.cpp - one quota, one rule, one difference.
// SPDX-License-Identifier: Apache-2.0
#include "server/quota_json_out.hpp"

namespace drover::server {
namespace {

void append_amount(JsonWriter& out, std::string_view word, std::int64_t amount, std::int64_t unit) {
  out.text_key(word);
  if (amount % unit == 0)
    out.value(amount / unit);
  else
    out.value(double(amount) / double(unit));
}

void append_rule_or_null(JsonWriter& out, std::string_view name,
                         const std::optional<rm::QuotaRule>& rule, const rm::ResourceNames& names) {
  if (!rule) return out.null_field(name);
  out.key(name);
  append_rule(out, *rule, names);
}

}  // namespace

void append_amounts(JsonWriter& out, std::string_view name, const rm::Amounts& amounts,
                    bool is_limit, const rm::ResourceNames& names) {
  out.key(name);
  out.begin_object();
  for (std::size_t k = 0; k < rm::kKinds; ++k) {
    const std::int64_t amount = amounts.of[k];
    if (is_limit ? amount < 0 : amount == 0) continue;
    append_amount(out, names.word(rm::Kind(k)), amount, names.unit(rm::Kind(k)));
  }
  out.end_object();
}

void append_quota(JsonWriter& out, const rm::QuotaView& quota, const rm::ResourceNames& names) {
  out.begin_object();
  out.field("name", quota.name);
  out.field("parent", quota.parent);
  append_amounts(out, "max", quota.max, true, names);
  append_amounts(out, "guaranteed", quota.guaranteed, false, names);
  append_amounts(out, "locked", quota.locked, false, names);
  append_amounts(out, "used", quota.used, false, names);
  append_amounts(out, "kept", quota.kept, false, names);
  out.field("reclaim", to_string(quota.reclaim));
  out.field("lend", quota.lend);
  out.end_object();
}

void append_rule(JsonWriter& out, const rm::QuotaRule& rule, const rm::ResourceNames& names) {
  out.begin_object();
  out.field("name", rm::quota_name(rule.match));
  out.key("match");
  out.begin_object();
  for (const auto& [label, value] : rule.match) {
    out.text_key(label);
    out.value(value);
  }
  out.end_object();
  append_amounts(out, "max", rule.max, true, names);
  append_amounts(out, "guaranteed", rule.guaranteed, false, names);
  out.field("reclaim", to_string(rule.reclaim));
  out.field("lend", rule.lend);
  out.end_object();
}

void append_diff(JsonWriter& out, const rm::QuotaDiff& diff, const rm::ResourceNames& names) {
  out.key("changes");
  out.begin_array();
  for (const rm::QuotaChange& change : diff.changes) {
    out.begin_object();
    out.field("name", change.name);
    out.field("change", !change.before ? "added" : !change.after ? "removed" : "changed");
    append_rule_or_null(out, "before", change.before, names);
    append_rule_or_null(out, "after", change.after, names);
    append_amounts(out, "held", change.held, false, names);
    out.field("combinations", change.combinations);
    out.end_object();
  }
  out.end_array();
  out.key("drains");
  out.begin_array();
  for (const rm::QuotaDrain& drain : diff.drains) {
    const std::int64_t unit = names.unit(drain.kind);
    out.begin_object();
    out.field("quota", drain.quota);
    out.field("resource", names.word(drain.kind));
    append_amount(out, "held", drain.held, unit);
    append_amount(out, "max", drain.max, unit);
    out.end_object();
  }
  out.end_array();
  out.field("drains_total", diff.drains_total);
}

}  // namespace drover::server
