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

// What is nested deeper is refused, as writing it recurses; and what has more members, in one
// object or in all: since they keep their order, each is compared with those before it.
inline constexpr int kDepthMax = 64, kMembersMax = 1'024, kAllMembersMax = 20'000;

// An object. BadInput: not JSON, not UTF-8, too deep, too many members, or no object.
Result<Json> parse_object(std::string_view text);
// Of what is stored; discarded (see is_discarded) where parse_object would say why.
Json parse_stored(std::string_view text);

// Compact; what is not UTF-8 becomes U+FFFD.
std::string dump(const Json& document);

// The member when it is of that type, else the fallback. Numbers in quotes count as numbers, and
// numbers as texts: clients of all ages differ there.
std::string text_of(const Json& object, const char* name, std::string_view fallback = {});
std::int64_t number_of(const Json& object, const char* name, std::int64_t fallback);
// The member when it is an object, else an empty one.
const Json& object_of(const Json& object, const char* name);

}  // namespace drover::linkis
