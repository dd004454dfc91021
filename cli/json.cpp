// cli/json.cpp - tolerant reading of answers: a missing member is null, a wrong type is its text.
// SPDX-License-Identifier: Apache-2.0
#include "cli/json.hpp"

namespace drover::cli {

Result<Json> parse_json(std::string_view text, const std::string& what) {
  Json value = Json::parse(text.begin(), text.end(), nullptr, false);
  if (value.is_discarded()) {
    return fail(Errc::Corrupt, what + " is not valid JSON");
  }
  return value;
}

std::string to_text(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

const Json& member(const Json& value, std::string_view path) {
  static const Json kNull;
  const Json* at = &value;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    if (!at->is_object()) return kNull;
    const auto found = at->find(std::string(path.substr(0, dot)));
    if (found == at->end()) return kNull;
    at = &*found;
    path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
  }
  return *at;
}

std::string text_of(const Json& value, std::string_view path) {
  const Json& found = member(value, path);
  if (found.is_null()) return "";
  if (found.is_string()) return found.get<std::string>();
  return to_text(found);
}

std::int64_t number_of(const Json& value, std::string_view path, std::int64_t otherwise) {
  const Json& found = member(value, path);
  if (found.is_number_float()) {
    const double real = found.get<double>();
    return real > -9e18 && real < 9e18 ? std::int64_t(real) : otherwise;
  }
  return found.is_number() ? found.get<std::int64_t>() : otherwise;
}

double real_of(const Json& value, std::string_view path, double otherwise) {
  const Json& found = member(value, path);
  return found.is_number() ? found.get<double>() : otherwise;
}

}  // namespace drover::cli
