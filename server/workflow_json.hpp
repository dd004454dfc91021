// server/workflow_json.hpp - workflows and their steps as JSON.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "dag/run.hpp"
#include "flow/records.hpp"
#include "server/json_writer.hpp"
#include "store/store.hpp"

namespace drover::server {

void append_workflow(JsonWriter& out, const flow::WorkflowRecord& record, Time now);
void append_fact(JsonWriter& out, const dag::Fact& fact, const dag::Run& run);

// {"v":1,"workflow":{...},"steps":[...]}. Any thread.
std::string workflow_json(const flow::WorkflowRecord& record, const dag::Run& run,
                          const store::Snapshot& snapshot, Time now);

}  // namespace drover::server
