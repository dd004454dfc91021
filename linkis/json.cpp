// linkis/json.cpp - guarded parsing and forgiving reading.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/json.hpp"

#include <array>

#include "base/units.hpp"

namespace drover::linkis {
namespace {

// Brackets and colons outside of texts, before anything is built. The parser does not recurse.
Result<void> check_size(std::string_view text) {
  std::array<int, kDepthMax + 1> members{};
  int depth = 0, all = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_text) {
      if (c == '\\') ++i;
      if (c == '"') in_text = false;
      continue;
    }
    if (c == '"') in_text = true;
    if (c == '{' || c == '[') {
      if (++depth > kDepthMax)
        return fail(Errc::BadInput, "the JSON is nested too deep", "64 levels are the most");
      members[std::size_t(depth)] = 0;
    }
    if ((c == '}' || c == ']') && depth > 0) --depth;
    if (c == ':' && (++members[std::size_t(depth)] > kMembersMax || ++all > kAllMembersMax))
      return fail(Errc::Limit, "the JSON has too many members",
                  "1,024 in an object and 20,000 in all are the most");
  }
  return {};
}

}  // namespace

Result<Json> parse_object(std::string_view text) {
  if (auto size = check_size(text); !size) return fail(size.error());
  Json document = Json::parse(text, nullptr, false);
  if (document.is_discarded())
    return fail(Errc::BadInput, "the body is not valid JSON in UTF-8",
                "check quotes, commas and braces");
  if (!document.is_object()) return fail(Errc::BadInput, "the body must be a JSON object");
  return document;
}

Json parse_stored(std::string_view text) {
  if (!check_size(text)) return Json(Json::value_t::discarded);
  return Json::parse(text, nullptr, false);
}

std::string dump(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_of(const Json& object, const char* name, std::string_view fallback) {
  if (!object.is_object()) return std::string(fallback);
  const auto found = object.find(name);
  if (found == object.end()) return std::string(fallback);
  if (found->is_string()) return found->get<std::string>();
  if (found->is_number_integer()) return found->dump();
  return std::string(fallback);
}

std::int64_t number_of(const Json& object, const char* name, std::int64_t fallback) {
  if (!object.is_object()) return fallback;
  const auto found = object.find(name);
  if (found == object.end()) return fallback;
  // Above 2^63 there is no such thing of ours: the fallback, never a wrapped number.
  if (found->is_number_unsigned() && found->get<std::uint64_t>() > INT64_MAX) return fallback;
  if (found->is_number_integer()) return found->get<std::int64_t>();
  if (!found->is_string()) return fallback;
  const auto number =
      parse_integer(found->get_ref<const std::string&>(), INT64_MIN, INT64_MAX, name);
  return number ? *number : fallback;
}

const Json& object_of(const Json& object, const char* name) {
  static const Json kEmpty = Json::object();
  if (!object.is_object()) return kEmpty;
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? *found : kEmpty;
}

}  // namespace drover::linkis
