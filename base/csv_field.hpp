// base/csv_field.hpp - one field of a line of comma-separated values (RFC 4180).
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

namespace drover {

// In quotes where it has commas, quotes or line ends; a quote inside is doubled.
inline std::string quoted_csv(std::string text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace drover
