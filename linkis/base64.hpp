// linkis/base64.hpp - bytes of pictures as text.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

namespace drover::linkis {

std::string base64(std::string_view bytes);  // RFC 4648, with padding, in one line

// An <img> with the bytes in it: pages put a picture's cell into a frame, as its document. A type
// that is none of a picture is taken for image/png; browsers look at the bytes anyway.
std::string picture_element(std::string_view mime, std::string_view bytes);

}  // namespace drover::linkis
