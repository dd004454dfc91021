// pool/row_limit.hpp - queries without a limit get one, too large ones are cut.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drover::pool {

struct Limited {
  std::string code;
  std::vector<std::uint32_t> added, cut;  // lines of the queries that were changed
};

// Each statement of SQL that is a query (SELECT, or WITH and then SELECT) and has neither LIMIT nor
// FETCH of its own gets " limit N"; a limit that is no plain number up to N becomes N. What is
// inside of parentheses is not looked at, nor what changes data. A line
// "--set ide.engine.no.limit.allow=true" leaves all as it is. O(code)
Limited limit_rows(std::string_view sql, std::int64_t most);

}  // namespace drover::pool
