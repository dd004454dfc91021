// sched/counted_words.hpp - numbers in sentences: "3 jobs".
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>

#include "base/counted_words.hpp"
#include "base/ids.hpp"

namespace drover::sched {

inline std::string number(std::uint64_t n) { return std::to_string(n); }
inline std::string number(JobId id) { return std::to_string(raw(id)); }
inline std::string times(std::uint64_t n, const std::string& one) {
  return counted(std::int64_t(n), one);
}

}  // namespace drover::sched
