// net/http_target.hpp - splits and decodes a request target, once, and refuses what could mean two
// things.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace drover::net {

struct HttpTarget {
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;
};

// BadInput for a target that does not start with '/', broken or double encoding, control
// characters,
// "." and ".." segments, text that is not UTF-8, and more than 100 query fields.
Result<HttpTarget> parse_target(std::string_view target);

// The other direction, for clients: everything but letters, digits and -._~ becomes %XX.
std::string percent_encode(std::string_view text);

}  // namespace drover::net
