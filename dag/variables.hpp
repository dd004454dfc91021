// dag/variables.hpp - "${name}", "${name + 1}" and "&{yyyyMMdd%-1d}" in text.
// SPDX-License-Identifier: Apache-2.0
//
// The syntax and the built-in dates of Linkis (run_date and its family), with its rules of types:
// dates take + and - of whole numbers, texts take + only, numbers are decimal. What begins with a
// 0 is a text.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "dag/run_dates.hpp"

namespace drover::dag {

// Names that whoever runs a workflow gives values to, besides "steps.NAME.values.KEY".
inline constexpr std::array<std::string_view, 9> kSystemNames{
    "item",        "index",         "user",      "submit_user", "execute_user",
    "workflow_id", "workflow_name", "step_name", "attempt"};

class Variables {
 public:
  // Names that are not in `own`: "steps.list.values.n". Nothing for an unknown one.
  using Lookup = std::function<std::optional<std::string>(std::string_view name)>;

  // `now` (wall, UTC) gives run_date unless `own` does. Values may name each other. BadInput for a
  // bad date or name and for values that name each other in a circle.
  static Result<Variables> make(std::map<std::string, std::string> own, Time now);
  // Without dates: for a text that is substituted again later.
  static Result<Variables> only(std::map<std::string, std::string> own);

  enum class Unknown : std::uint8_t { Keep, Refuse };
  // Unknown names stay as they are (code: the shell has its own), or are refused with the nearest.
  // One pass: what a value brings in is not looked at again. O(text).
  Result<std::string> substitute(std::string_view text, Unknown unknown,
                                 const Lookup& lookup = {}) const;
  std::optional<std::string> find(std::string_view name) const;

 private:
  Result<void> resolve(std::map<std::string, std::string> own);
  std::map<std::string, std::string, std::less<>> own_;
  RunDay run_;
  bool has_dates_ = false;
};

// Names inside "${...}" of a text, each once, in order.
std::vector<std::string> names_in(std::string_view text);

}  // namespace drover::dag
