// server/retry_json.cpp - {"max":3,"delay_s":30,"backoff_percent":200,"on":["exit:75","oom"]}; in
// words, as documents have it: {"max":3,"delay":"30s","backoff":2}.
// SPDX-License-Identifier: Apache-2.0
#include "server/retry_json.hpp"

#include <algorithm>
#include <array>

namespace drover::server {
namespace {

constexpr std::array<std::string_view, 8> kNames{
    "backoff", "backoff_percent", "delay", "delay_max", "delay_max_s", "delay_s", "max", "on"};
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

// "30s", "5m"; a bare number is seconds.
Result<void> keep_duration(JsonValue v, const std::string& field, Duration& into) {
  const auto text = json_line(v, field, 64);
  if (!text) return fail(text.error());
  const bool bare = !text->empty() && text->find_first_not_of("0123456789") == std::string::npos;
  const auto time = parse_time_limit(bare ? *text + "s" : *text);
  if (!time) return fail(time.error(), field);
  if (time->us > seconds(kSecondsMax).us)
    return fail(Errc::BadInput, field + " is longer than a year", {}, field);
  into = *time;
  return {};
}

Result<void> keep_factor(JsonValue v, std::uint32_t& percent) {
  double factor = 0;
  const bool is_number = !v.get_double().get(factor);
  if (!is_number || !(factor >= 1 && factor <= double(sched::RetryRule::kFactorMax) / 100))
    return json_wrong("retry.backoff", "a number from 1 to 100");
  percent = std::uint32_t(factor * 100 + 0.5);
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
    if (name == "delay") return keep_duration(item, "retry.delay", rule.delay);
    if (name == "delay_max") return keep_duration(item, "retry.delay_max", rule.delay_max);
    if (name == "backoff") return keep_factor(item, rule.factor_percent);
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
