// flow/replay.hpp - a workflow as its facts have made it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "base/result.hpp"
#include "dag/run.hpp"
#include "flow/records.hpp"

namespace drover::flow {

// Parameters and custom variables under one set of names; the dates follow from `submitted`.
Result<dag::Variables> names_of(const dag::Workflow& workflow, Time submitted);

// Corrupt when the facts do not fit the document. O(workflow + facts). Any thread.
Result<dag::Run> replay(JobId id, const WorkflowSource& source,
                        const std::vector<dag::Fact>& facts);

}  // namespace drover::flow
