// base/index_set.hpp - the indexes of an array job: "0-99:2,200,300-310%8" without the %.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace drover {

// A sorted set of 32-bit indexes kept as disjoint arithmetic runs; a million elements are one run.
// Value type; all calls cost O(runs) or O(log runs).
class IndexSet {
 public:
  struct Run {
    std::uint32_t first = 0, last = 0, step = 1;  // last is a member
    friend bool operator==(const Run&, const Run&) = default;
  };

  // Parses "1,3,5-9,20-40:5". Duplicates collapse. At most `max_count` members and 10,000 runs.
  // Errors: BadInput with the offending piece and the accepted form; Limit when too many.
  static Result<IndexSet> parse(std::string_view text, std::uint64_t max_count = 10'000'000);
  static IndexSet single(std::uint32_t index) { return from_runs({{index, index, 1}}); }
  static IndexSet from_runs(std::vector<Run> sorted_disjoint);

  bool empty() const { return runs_.empty(); }
  std::uint64_t count() const;
  bool contains(std::uint32_t index) const;
  std::optional<std::uint32_t> first() const;  // the smallest member
  std::optional<std::uint32_t> next_after(
      std::uint32_t index) const;  // the smallest member > index
  std::uint32_t max() const;       // the largest; call only when not empty
  const std::vector<Run>& runs() const { return runs_; }
  std::string to_string() const;  // parse(to_string()) gives an equal set

  friend bool operator==(const IndexSet&, const IndexSet&) = default;

 private:
  std::vector<Run> runs_;
};

}  // namespace drover
