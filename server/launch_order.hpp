// server/launch_order.hpp - what the node needs to start an attempt: command, environment, files.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "base/result.hpp"
#include "proto/agent.pb.h"
#include "rm/resource_manager.hpp"
#include "sched/messages.hpp"
#include "server/auth.hpp"

namespace drover::server {

struct TaskFiles {
  std::string out, err, in;  // absolute; empty err = same file as out, empty in = /dev/null
};
// The files of one task, from its spec alone: what launches them is what reads them back.
Result<TaskFiles> task_files(const sched::JobSpec& spec, TaskId task, const std::string& node);

struct StatementLimits {  // 0 = none
  std::int64_t log_bytes = 64 << 20, result_bytes = std::int64_t(1) << 30;
  std::int64_t result_rows = 50'000'000, preview_bytes = 16 << 10;
};
struct LaunchSite {
  std::string node;  // name
  const Users::Entry& user;
  const rm::ResourceManager& resources;  // the topology of the nodes
  std::int64_t kill_grace_s = 10;
  StatementLimits statements = {};
};
// Fills `order`. The environment is built, never inherited: Drover's variables, then the user's,
// then a minimal set.
Result<void> fill_launch(const sched::JobSpec& spec, const sched::Launch& launch,
                         const LaunchSite& site, proto::LaunchOrder& order);

void set_attempt(const AttemptId& id, proto::AttemptRef& ref);
AttemptId to_attempt(const proto::AttemptRef& ref);

}  // namespace drover::server
