// base/counted_words.hpp - numbers in sentences: "1 job is", "3 jobs are".
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>

namespace drover {

inline std::string counted(std::int64_t number, const std::string& one) {
  return std::to_string(number) + " " + one + (number == 1 ? "" : "s");
}
inline const char* is_or_are(std::int64_t number) { return number == 1 ? " is" : " are"; }

}  // namespace drover
