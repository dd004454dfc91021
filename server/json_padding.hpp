// server/json_padding.hpp - what the JSON reader needs behind a text.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>

namespace drover::server {

inline constexpr std::size_t kJsonPadding =
    64;  // bytes readable past the end of a text, whatever they hold

}  // namespace drover::server
