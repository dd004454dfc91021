// base/name_list.hpp - many names as one short text: n[1-4,7],login1.
//
// The order of the names is kept, so that the first node of a job stays the first of its list.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace drover {

// Neighbours that differ only in the number at their end share its brackets; numbers with leading
// zeros only with those of their width.
std::string fold_names(std::span<const std::string> names);

// The names again; at most `limit` of them. For texts that fold_names made and for what people
// write.
Result<std::vector<std::string>> unfold_names(std::string_view text, std::size_t limit);

// The first name of a folded text, without unfolding the rest.
std::string first_name(std::string_view text);

}  // namespace drover
