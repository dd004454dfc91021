// dag/variables.hpp - "${name}", "${name + 1}" and "&{yyyyMMdd%-1d}" in text.
// SPDX-License-Identifier: Apache-2.0
//
// The syntax and the built-in dates of Linkis (run_date and its family), with its rules of types:
// dates take + and - of whole numbers, texts take + only, numbers are decimal.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace drover::dag {

class Variables {
 public:
  // Names that are not in `own`: "steps.list.values.n". Nothing for an unknown one.
  using Lookup = std::function<std::optional<std::string>(std::string_view name)>;

  // `now` (wall, UTC) gives run_date unless `own` does. BadInput for a bad date or name.
  static Result<Variables> make(std::map<std::string, std::string> own, Time now);

  enum class Unknown : std::uint8_t { Keep, Refuse };
  // Unknown names stay as they are (code: the shell has its own), or are refused with the nearest.
  // One pass: what a value brings in is not looked at again. O(text).
  Result<std::string> substitute(std::string_view text, Unknown unknown,
                                 const Lookup& lookup = {}) const;
  std::optional<std::string> find(std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> own_;
  std::int64_t run_day_ = 0;  // days since 1970-01-01
};

// Names inside "${...}" of a text, each once, in order.
std::vector<std::string> names_in(std::string_view text);

}  // namespace drover::dag
