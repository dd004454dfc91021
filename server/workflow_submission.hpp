// server/workflow_submission.hpp - a workflow's document on its way to the turn.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

#include "base/result.hpp"
#include "flow/inputs.hpp"
#include "server/auth.hpp"
#include "store/store.hpp"

namespace drover::server {

// The body of POST /api/v1/workflows.
struct WorkflowBody {
  dag::Bundle bundle;
  dag::PlanRules rules;
  JobId resumes{};
};
Result<WorkflowBody> read_workflow_body(std::string json);

// What it becomes, before anybody has looked at its steps' jobs.
struct Drafted {
  flow::SubmitWorkflow submit;
  struct Draft {
    std::uint32_t step = 0;
    std::string json;
  };
  std::vector<Draft> jobs;  // equal ones once
};
// Reads, plans, and drafts the jobs of all steps; looks up what replays run, and what `resumes` has
// done already. O(document); any thread.
Result<Drafted> draft_workflow(WorkflowBody body, const store::Store& store, const Caller& caller,
                               Time now);

// A workflow as stored. NotFound also for one that is being forgotten. Any thread.
struct StoredWorkflow {
  flow::WorkflowRecord record;
  std::shared_ptr<const flow::WorkflowSource> source;
  std::vector<dag::Fact> facts;
};
Result<StoredWorkflow> load_workflow(const store::Snapshot& snapshot, JobId id);

}  // namespace drover::server
