// server/quota_json_in.cpp - quotas from JSON; every field and amount is checked by name.
// SPDX-License-Identifier: Apache-2.0
#include "server/quota_json_in.hpp"

#include <array>
#include <limits>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "server/job_json_in.hpp"
#include "server/json_fields.hpp"

namespace drover::server {
namespace {

constexpr std::array<std::string_view, 5> kRuleFields = {"match", "max", "guaranteed", "reclaim",
                                                         "lend"};
constexpr std::array<std::string_view, 2> kSetFields = {"quotas", "version"};

Result<void> read_amounts(rm::Amounts& into, std::string_view field, JsonValue v,
                          const rm::ResourceNames& names) {
  std::set<rm::Kind> given;
  return json_object(v, field, [&](std::string_view word, JsonValue amount) -> Result<void> {
    const auto kind = names.find(word);
    if (!kind) return rm::put_amount(into, word, 0, names);  // says what there is
    if (!given.insert(*kind).second)
      return fail(Errc::BadInput, std::string(word) + " is given twice", "say once how much",
                  std::string(word));
    const auto value = json_integer(amount, word, 0, rm::kMaxAmount / names.unit(*kind));
    if (!value) return fail(value.error());
    return rm::put_amount(into, word, *value, names);
  });
}

Result<void> read_match(rm::Labels& into, JsonValue v) {
  auto pairs = json_pairs(v, "match", 16, 256);
  if (!pairs) return fail(pairs.error());
  for (auto& [key, value] : *pairs)
    if (!into.emplace(key, std::move(value)).second)
      return fail(Errc::BadInput, "the label " + key + " is given twice",
                  "one value for each label", "match");
  return {};
}

Result<void> read_rule_field(rm::QuotaRule& rule, std::string_view name, JsonValue v,
                             const rm::ResourceNames& names) {
  if (name == "match") return read_match(rule.match, v);
  if (name == "max") return read_amounts(rule.max, name, v, names);
  if (name == "guaranteed") return read_amounts(rule.guaranteed, name, v, names);
  if (name == "lend") {
    const auto lend = json_bool(v, name);
    if (!lend) return fail(lend.error());
    rule.lend = *lend;
    return {};
  }
  if (name == "reclaim") {
    const auto word = json_line(v, name, 16);
    if (!word) return fail(word.error());
    if (*word != "wait" && *word != "preempt") return json_wrong(name, "\"wait\" or \"preempt\"");
    rule.reclaim = *word == "preempt" ? rm::Reclaim::Preempt : rm::Reclaim::Wait;
    return {};
  }
  return json_unknown(name, kRuleFields);
}

Result<void> read_version(rm::QuotaEdit& edit, JsonValue v) {
  const auto version = json_integer(v, "version", 0, std::numeric_limits<std::int64_t>::max());
  if (!version) return fail(version.error());
  edit.version = std::uint64_t(*version);
  return {};
}

template <class Field>
Result<void> read_body(std::string& json, const Field& field) {
  const std::size_t size = json.size();
  json.reserve(size + kJsonPadding);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  JsonValue root;
  if (auto error = parser.iterate(json.data(), size, size + kJsonPadding).get(document))
    return json_broken(error, {});
  if (auto error = document.get_value().get(root))
    return json_broken(error, "the body must be a JSON object");
  return json_object(root, "the body", field);
}

}  // namespace

Result<rm::QuotaEdit> read_quota_edit(std::string json, rm::Labels match,
                                      const rm::ResourceNames& names) {
  rm::QuotaEdit edit;
  rm::QuotaRule rule;
  auto read = read_body(json, [&](std::string_view name, JsonValue v) -> Result<void> {
    if (name == "version") return read_version(edit, v);
    if (name == "match") return json_unknown(name, std::array<std::string_view, 1>{"max"});
    return read_rule_field(rule, name, v, names);
  });
  if (!read) return fail(read.error());
  rule.match = std::move(match);
  edit.put.push_back(std::move(rule));
  return edit;
}

Result<rm::QuotaEdit> read_quota_set(std::string json, const rm::ResourceNames& names) {
  rm::QuotaEdit edit;
  edit.replace = true;
  bool listed = false;
  auto read = read_body(json, [&](std::string_view name, JsonValue v) -> Result<void> {
    if (name == "version") return read_version(edit, v);
    if (name != "quotas") return json_unknown(name, kSetFields);
    listed = true;
    return json_array(v, name, rm::kQuotaRulesMax, [&](JsonValue item) -> Result<void> {
      rm::QuotaRule& rule = edit.put.emplace_back();
      bool matched = false;
      auto fields = json_object(item, name, [&](std::string_view field, JsonValue value) {
        matched = matched || field == "match";
        return read_rule_field(rule, field, value, names);
      });
      if (!fields) return fields;
      if (matched) return {};
      return fail(Errc::BadInput, "a quota needs match", "{\"match\":{\"user\":\"ann\"}}", "match");
    });
  });
  if (!read) return fail(read.error());
  if (!listed)
    return fail(Errc::BadInput, "quotas are missing", "{\"quotas\":[]} takes all away", "quotas");
  return edit;
}

}  // namespace drover::server
