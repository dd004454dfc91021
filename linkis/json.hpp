// linkis/json.hpp - JSON documents of the contract: keys keep their order.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace drover::linkis {

using Json = nlohmann::ordered_json;

inline constexpr int kDepthMax = 64;  // what is nested deeper is refused: writing it recurses

// An object. BadInput: not JSON, not UTF-8, too deep, or something else than an object.
Result<Json> parse_object(std::string_view text);

// Compact; what is not UTF-8 becomes U+FFFD.
std::string dump(const Json& document);

// The member when it is of that type, else the fallback. Numbers in quotes count as numbers, and
// numbers as texts: clients of all ages differ there.
std::string text_of(const Json& object, const char* name, std::string_view fallback = {});
std::int64_t number_of(const Json& object, const char* name, std::int64_t fallback);
// The member when it is an object, else an empty one.
const Json& object_of(const Json& object, const char* name);

}  // namespace drover::linkis
