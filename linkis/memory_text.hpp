// linkis/memory_text.hpp - "1.0 GB": amounts of memory as the contract writes them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>

namespace drover::linkis {

// Whole and tenths of the largest unit from MB to TB that leaves at least one.
std::string memory_text(std::int64_t mib);

}  // namespace drover::linkis
