// server/agent_reports.hpp - what an agent says, checked and turned into the controller's words.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/result.hpp"
#include "proto/agent.pb.h"
#include "sched/messages.hpp"

namespace drover::server {

// A peer may send anything: sizes and numbers are checked before the resource manager sees them.
Result<rm::NodeSpec> to_node_spec(const proto::NodeInfo& info);
sched::TaskEnded to_ended(const proto::Ended& ended);

}  // namespace drover::server
