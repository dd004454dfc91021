// store/page_check.hpp - reads LMDB's pages without LMDB and says whether they hang together.
//
// LMDB trusts its file: a damaged page can send it outside of the map or round in circles. So a
// store is walked once before LMDB may touch it. Only structure is judged here; the records' own
// checksums judge the contents. SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace drover::store {

struct PageReport {
  std::uint64_t pages = 0;            // of the file
  std::vector<std::string> problems;  // at most `problems_max`; each names the table and page
};

// Cost: one pass over the pages in use. `path` is the data file; a missing or empty one is a
// problem.
PageReport check_pages(const std::string& path, std::size_t problems_max);

}  // namespace drover::store
