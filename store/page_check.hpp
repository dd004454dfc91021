// store/page_check.hpp - reads LMDB's pages without LMDB and says whether they hang together.
// SPDX-License-Identifier: Apache-2.0
//
// LMDB trusts its file: a damaged page can send it outside of the map or round in circles. So a
// store is walked once before LMDB may touch it. Structure is judged here; what the records say for
// themselves is the visitor's.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace drover::store {

struct PageReport {
  std::uint64_t pages = 0;            // of the file
  std::vector<std::string> problems;  // at most `problems_max`; each names the table and page
};

// Sees each record of each table in key order; what it answers is a problem unless empty.
using RecordVisitor = std::function<std::string(std::string_view table, std::string_view key,
                                                std::string_view value)>;

// Cost: one pass over the pages in use. `path` is the data file; a missing one is a problem.
PageReport check_pages(const std::string& path, std::size_t problems_max,
                       const RecordVisitor& visit_record = nullptr);

}  // namespace drover::store
