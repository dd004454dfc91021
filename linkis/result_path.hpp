// linkis/result_path.hpp - the paths of a task's results and log, as clients see them.
//
//   file:///drover/<user>/result/<task>                the folder
//   file:///drover/<user>/result/<task>/_0.dolphin     one result
//   file:///drover/<user>/log/<task>.log               the log
//   file:///drover/<user>                              what is the user's
//
// No such files exist. A path that comes back is read into its parts, the parts name a task, and
// that task's owner decides who may see it: no text of a client becomes a path of the system.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace drover::linkis {

struct ResultPath {
  enum class Kind : std::uint8_t { Home, Results, Result, Log };
  Kind kind{};
  std::string user;
  std::uint64_t task = 0;
  std::uint32_t index = 0;  // of a result
  friend bool operator==(const ResultPath&, const ResultPath&) = default;
};

std::string to_text(const ResultPath& path);
std::string results_path(std::string_view user, std::uint64_t task);
std::string result_path(std::string_view user, std::uint64_t task, std::uint32_t index);
std::string log_path(std::string_view user, std::uint64_t task);

// BadInput when it is empty; NotFound for everything that to_text would not write. "file://" may be
// missing, and a folder may end in '/'.
Result<ResultPath> parse_path(std::string_view text);

}  // namespace drover::linkis
