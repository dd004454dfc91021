// cli/file_text.hpp - a whole file as text; gzip is unpacked.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <string>

#include "base/result.hpp"

namespace drover::cli {

// "-" is standard input. NotFound, Io with the reason, or Limit beyond `most` bytes.
Result<std::string> file_text(const std::string& path, std::size_t most);

}  // namespace drover::cli
