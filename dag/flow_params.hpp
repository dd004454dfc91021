// dag/flow_params.hpp - parameters of a workflow: their types, defaults, and given values.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>

#include "base/result.hpp"
#include "dag/doc_fields.hpp"
#include "dag/workflow.hpp"

namespace drover::dag {

Result<void> read_params(std::map<std::string, Param>& into, const DocField& field);

// Lays given values over the defaults. `origin` is the document's. BadInput for an unknown or
// missing parameter, another type, and a value that is no choice.
Result<void> give_params(std::map<std::string, Param>& params, const std::string& origin,
                         const std::map<std::string, std::string>& given);

// What "${name}" and "${params.name}" stand for: parameters and variables of `flow`, for Variables.
std::map<std::string, std::string> own_values(const Workflow& flow);

}  // namespace drover::dag
