// server/command_json_in.hpp - the small bodies of commands: cancel, hold, drain, backup.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace drover::server {

struct CommandBody {
  std::string elements, reason, ids, user, dir;
  std::string step, document;  // of workflows
  std::vector<std::pair<std::string, std::string>> values;
  std::int64_t index = -1;  // of the element that sets them; -1 = none
  std::int32_t signal = 0;
  bool attempts_lost = false;
  std::map<std::string, std::string> set;  // labels
  std::vector<std::string> remove;
};
// An empty text is an empty body. `allowed` names the fields this command takes, separated by
// spaces.
Result<CommandBody> read_command(std::string json, std::string_view allowed);

}  // namespace drover::server
