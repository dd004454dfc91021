// cli/json.hpp - JSON as the CLI reads and prints it: members keep the server's order.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace drover::cli {

using Json = nlohmann::ordered_json;

// Never throws: Corrupt names `what` when the text is no JSON.
Result<Json> parse_json(std::string_view text, const std::string& what);

// Text for the wire; bytes that are no UTF-8 become U+FFFD instead of an exception.
std::string to_text(const Json& value, int indent = -1);

// A member by path ("task.node"), or null when any part is missing.
const Json& member(const Json& value, std::string_view path);
std::string text_of(const Json& value, std::string_view path);  // "" when missing; numbers as text
std::int64_t number_of(const Json& value, std::string_view path, std::int64_t otherwise = 0);
double real_of(const Json& value, std::string_view path, double otherwise = 0);

}  // namespace drover::cli
