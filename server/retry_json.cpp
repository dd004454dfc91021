// server/retry_json.cpp - {"max":3,"delay_s":30,"backoff_percent":200,"on":["exit:75","oom"]}.
// SPDX-License-Identifier: Apache-2.0
#include "server/retry_json.hpp"

#include <algorithm>
#include <array>

namespace drover::server {
namespace {

constexpr std::array<std::string_view, 5> kNames{"backoff_percent", "delay_max_s", "delay_s", "max",
                                                 "on"};
constexpr std::int64_t kSecondsMax = 366LL * 86'400;

Result<void> keep(Result<std::int64_t> read, std::uint32_t& into) {
  if (!read) return fail(read.error());
  into = std::uint32_t(*read);
  return {};
}

Result<void> keep_seconds(Result<std::int64_t> read, Duration& into) {
  if (!read) return fail(read.error());
  into = seconds(*read);
  return {};
}

Result<void> read_ends(JsonValue v, sched::RetryRule& rule) {
  rule.on = 0;
  rule.exit_codes.clear();
  return json_array(v, "retry.on", 300, [&](JsonValue item) -> Result<void> {
    const auto word = json_line(item, "retry.on", 64);
    return word ? sched::add_retry_end(*word, rule) : Result<void>(fail(word.error()));
  });
}

}  // namespace

Result<void> read_retry(JsonValue v, sched::RetryRule& rule) {
  rule = {};
  simdjson::ondemand::json_type type;
  if (v.type().get(type)) return json_wrong("retry", "a number or an object");
  if (type == simdjson::ondemand::json_type::number)
    return keep(json_integer(v, "retry", 0, sched::RetryRule::kMax), rule.max);
  return json_object(v, "retry", [&](std::string_view name, JsonValue item) -> Result<void> {
    if (name == "max")
      return keep(json_integer(item, "retry.max", 0, sched::RetryRule::kMax), rule.max);
    if (name == "backoff_percent")
      return keep(json_integer(item, "retry.backoff_percent", 100, sched::RetryRule::kFactorMax),
                  rule.factor_percent);
    if (name == "delay_s")
      return keep_seconds(json_integer(item, "retry.delay_s", 0, kSecondsMax), rule.delay);
    if (name == "delay_max_s")
      return keep_seconds(json_integer(item, "retry.delay_max_s", 0, kSecondsMax), rule.delay_max);
    if (name == "on") return read_ends(item, rule);
    return json_unknown(name, kNames);
  });
}

void append_retry(JsonWriter& out, const sched::RetryRule& rule) {
  if (rule.max == 0) return out.null_field("retry");
  out.key("retry");
  out.begin_object();
  out.field("max", rule.max);
  out.field("delay_s", rule.delay.us / 1'000'000);
  out.field("backoff_percent", rule.factor_percent);
  out.field("delay_max_s", rule.delay_max.us / 1'000'000);
  out.key("on");
  out.begin_array();
  const std::string ends = sched::retry_ends(rule);
  for (std::size_t at = 0; at < ends.size();) {
    const std::size_t comma = std::min(ends.find(',', at), ends.size());
    out.value(std::string_view(ends).substr(at, comma - at));
    at = comma + 1;
  }
  out.end_array();
  out.field("text", sched::to_text(rule));
  out.end_object();
}

}  // namespace drover::server
