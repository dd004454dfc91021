// flow/replay.hpp - a workflow as its facts have made it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "base/result.hpp"
#include "dag/run.hpp"
#include "flow/records.hpp"

namespace drover::flow {

// Parameters, custom variables and the user under one set of names; the dates follow from when it
// was submitted.
Result<dag::Variables> names_of(const dag::Workflow& workflow, const WorkflowSource& source);

// Corrupt when the facts do not fit the document. O(workflow + facts). Any thread.
Result<dag::Run> replay(JobId id, const WorkflowSource& source,
                        const std::vector<dag::Fact>& facts);

}  // namespace drover::flow
