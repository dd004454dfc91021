// linkis/base64.hpp - bytes of pictures as text.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

namespace drover::linkis {

std::string base64(std::string_view bytes);  // RFC 4648, with padding, in one line

}  // namespace drover::linkis
