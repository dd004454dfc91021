// server/json_fields.hpp - typed reading of single JSON values, with errors that name the field.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <simdjson.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/units.hpp"
#include "sched/job_spec.hpp"
#include "server/json_padding.hpp"

namespace drover::server {

using JsonValue = simdjson::ondemand::value;

tl::unexpected<Error> json_wrong(std::string_view field, std::string_view want);
// The text is not JSON, or not what was expected at this place.
tl::unexpected<Error> json_broken(simdjson::error_code error, std::string_view want);

Result<std::string> json_text(JsonValue v, std::string_view field, std::size_t max);  // no NUL
Result<std::string> json_line(JsonValue v, std::string_view field,
                              std::size_t max);  // no control characters
Result<std::int64_t> json_integer(JsonValue v, std::string_view field, std::int64_t low,
                                  std::int64_t high);
Result<bool> json_bool(JsonValue v, std::string_view field);
Result<std::vector<std::string>> json_texts(JsonValue v, std::string_view field,
                                            std::size_t count_max, std::size_t length_max);
// An object of texts; a name given twice is an error.
Result<std::vector<std::pair<std::string, std::string>>> json_pairs(JsonValue v,
                                                                    std::string_view field,
                                                                    std::size_t count_max,
                                                                    std::size_t length_max);
Result<sched::DependencyKind> read_dependency_kind(std::string_view word);

template <class Known>
tl::unexpected<Error> json_unknown(std::string_view name, const Known& known) {
  const std::string_view near = nearest_match(name, known);
  std::string shown(name.substr(0, 100));
  return fail(Errc::BadInput, "unknown field " + shown,
              near.empty() ? "GET /openapi.json lists the fields"
                           : "did you mean " + std::string(near) + "?",
              shown);
}

// Calls each(name, value) for the members of a whole body, each of them `known` and given once.
template <class Known, class Each>
Result<void> json_body(std::string json, const Known& known, const Each& each) {
  const std::size_t size = json.size();
  json.reserve(size + kJsonPadding);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (auto error = parser.iterate(json.data(), size, size + kJsonPadding).get(document))
    return json_broken(error, {});
  if (auto error = document.get_object().get(object))
    return json_broken(error, "the body must be a JSON object");
  std::vector<std::string> seen;
  for (auto item : object) {
    std::string_view name;
    JsonValue v;
    if (auto error = item.unescaped_key().get(name)) return json_broken(error, {});
    const std::string kept(name);  // the parser's buffer is used again below
    if (auto error = item.value().get(v)) return json_broken(error, {});
    if (std::find(std::begin(known), std::end(known), kept) == std::end(known))
      return json_unknown(kept, known);
    if (std::find(seen.begin(), seen.end(), kept) != seen.end())
      return fail(Errc::BadInput, "field " + kept + " is given twice", {}, kept);
    if (Result<void> read = each(std::string_view(kept), v); !read) return read;
    seen.push_back(kept);
  }
  return {};
}

// Calls each(name, value) for the members, each(value) for the elements; stops at the first error.
template <class Each>
Result<void> json_object(JsonValue v, std::string_view field, const Each& each) {
  simdjson::ondemand::object object;
  if (v.get_object().get(object)) return json_wrong(field, "an object");
  for (auto item : object) {
    std::string_view name;
    JsonValue inner;
    if (auto error = item.unescaped_key().get(name)) return json_broken(error, {});
    const std::string kept(name);  // the parser's buffer is used again below
    if (auto error = item.value().get(inner)) return json_broken(error, {});
    if (Result<void> read = each(std::string_view(kept), inner); !read) return read;
  }
  return {};
}
template <class Each>
Result<void> json_array(JsonValue v, std::string_view field, std::size_t count_max,
                        const Each& each) {
  simdjson::ondemand::array array;
  if (v.get_array().get(array)) return json_wrong(field, "a list");
  std::size_t count = 0;
  for (auto item : array) {
    JsonValue inner;
    if (auto error = item.get(inner)) return json_broken(error, {});
    if (++count > count_max)
      return fail(Errc::Limit,
                  std::string(field) + " has more than " + std::to_string(count_max) + " entries",
                  {}, std::string(field));
    if (Result<void> read = each(inner); !read) return read;
  }
  return {};
}

}  // namespace drover::server
