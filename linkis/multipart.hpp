// linkis/multipart.hpp - the one file in the body of an upload.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

#include "base/result.hpp"

namespace drover::linkis {

// Of multipart/form-data (RFC 7578): the part called "file", else the first that has a file name.
// The answer lies in `body`. BadInput: another content type, no boundary, no such part, no end.
Result<std::string_view> uploaded_file(std::string_view content_type, std::string_view body);

}  // namespace drover::linkis
