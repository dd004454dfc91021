// cli/selector.hpp - how people name jobs: 5, 12.3, 1-10, 1,3,5-8, last, last~2, all.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace drover::cli {

struct JobRange {
  std::uint64_t first = 0, last = 0;  // both are members
  friend bool operator==(const JobRange&, const JobRange&) = default;
};

struct Selector {
  bool all = false;
  std::vector<std::uint32_t> last;  // `last~k`: the k-th newest, 0 = the newest
  std::vector<JobRange> ranges;     // as written, neither sorted nor merged
  struct Element {
    std::uint64_t job = 0;
    std::string indexes;  // "3" or "3,5-7"
    friend bool operator==(const Element&, const Element&) = default;
  };
  std::vector<Element> elements;  // 12.3, 12.[3,5-7], 12_3

  bool empty() const { return !all && last.empty() && ranges.empty() && elements.empty(); }
  std::uint64_t count() const;  // jobs named by number
};

inline constexpr std::uint64_t kMaxSelectedJobs = 1'000'000;

// Words may each hold a list. BadInput with the piece at fault.
Result<Selector> parse_selector(const std::vector<std::string>& words);

// "1-3,7" for the ranges.
std::string to_text(const std::vector<JobRange>& ranges);

}  // namespace drover::cli
