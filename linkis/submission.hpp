// linkis/submission.hpp - the bodies of entrance/submit and of the older entrance/execute.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "linkis/json.hpp"
#include "linkis/labels.hpp"

namespace drover::linkis {

struct Submission {
  std::string execute_user;  // as asked for; empty = who asks
  std::string code, run_type;
  EngineType engine;
  UserCreator user_creator;                                   // empty parts: not said
  Json labels, params, source;                                // as given: clients read them back
  std::int64_t running_timeout_s = 0, queuing_timeout_s = 0;  // 0: none
  // How often it is run again when its engine was lost, and what is waited before.
  std::int64_t retries = 0, retry_delay_s = 30;
  std::int32_t priority = 0;           // 0: as usual
  bool once = false;                   // on an engine of its own
  std::int64_t cpus = 0, mem_mib = 0;  // that its engine must have, of the startup map; 0: not said
  std::vector<std::string> arguments;  // of a script
  std::string directory;               // where it runs; empty: where its engine does
  std::string session;  // of drover.session, or of the labels bindEngine and fixedEngineConn
};

// BadInput: no code (20007), no labels (20008), no engine type or run type (20009).
Result<Submission> parse_submit(const Json& body);
Result<Submission> parse_execute(const Json& body);
// createEngineConn with what its job is: {"jobContent","runtime","source","variable"}. A content
// that has no code is the code itself, as JSON.
Result<Submission> parse_once(const Json& body, const Json& content);
// The label engineConnMode says so.
bool is_once(const Json& labels);

// What is kept with the job, and read back for history: {"labels","params","source"}.
std::string to_origin(const Submission& submission, std::string_view request_host);
inline constexpr std::size_t kOriginMax = 256 << 10;

}  // namespace drover::linkis
