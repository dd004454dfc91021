// linkis/exec_id.hpp - the long name of a task: service, instance, and creator_user_engine_number.
//
//   exec_id018026linkis-cg-entrancebda01node03.oracle.cn:9104LINKISCLI_hadoop_shell_12
//           |  |  18 bytes          26 bytes                 short id
//           lengths, three digits each
//
// Clients take it as it is. Of what comes back, only the short id counts: the instance may be one
// that has gone. Names may hold '_', so a short id is compared, never cut into its parts.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace drover::linkis {

inline constexpr std::string_view kEntrance = "linkis-cg-entrance";

struct TaskName {
  std::string creator, user, engine;
  std::uint64_t task = 0;
};

std::string short_id(const TaskName& name);  // "IDE_hadoop_shell_12"
// `instance` is host:port, cut at 999 bytes.
std::string exec_id(std::string_view instance, const TaskName& name);

// What a client names a task by: its number, its short id, or its long one.
struct TaskReference {
  std::uint64_t task = 0;
  std::string short_id;  // empty: the number alone was given
  std::string instance;  // of the long one
};
// BadInput: none of the three.
Result<TaskReference> parse_task(std::string_view text);

}  // namespace drover::linkis
