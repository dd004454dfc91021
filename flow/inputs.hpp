// flow/inputs.hpp - what users ask of workflows, as values.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "dag/run.hpp"
#include "flow/records.hpp"
#include "sched/inputs.hpp"

namespace drover::flow {

// A workflow that was read and planned, and whose steps' jobs have passed the entrance.
struct SubmitWorkflow {
  Owner owner;
  std::string user;
  std::shared_ptr<const WorkflowSource> source;
  std::shared_ptr<dag::Run> run;  // of that source; nothing has happened in it
  // Steps of an earlier workflow that have succeeded and are the same here: their values.
  struct Reused {
    std::string step;
    JobId job{};  // that ran then
    std::vector<std::pair<std::string, std::string>> values;
    std::string items;                        // JSON list, of a step with items
    std::uint32_t element = dag::kNoElement;  // of the job, which it shared
  };
  JobId resumes{};  // 0 = none
  std::vector<Reused> reused;
};

enum class WorkflowVerb : std::uint8_t { Cancel, Pause, Resume };
struct CommandWorkflow {
  sched::Actor actor;
  JobId workflow{};
  WorkflowVerb verb{};
  std::string step;  // Cancel: it and all that needs it; empty = everything
};
struct SetValues {
  sched::Actor actor;
  JobId workflow{};
  std::string part;  // as in DROVER_STEP
  std::vector<std::pair<std::string, std::string>> values;
};
struct AddSteps {
  sched::Actor actor;
  JobId workflow{};
  std::string document;
};

// A workflow that has ended, as stored: what has not succeeded runs again.
struct ReopenWorkflow {
  sched::Actor actor;
  WorkflowRecord record;
  std::shared_ptr<const WorkflowSource> source;
  std::shared_ptr<const std::vector<dag::Fact>> facts;
};

using Input = std::variant<SubmitWorkflow, CommandWorkflow, SetValues, AddSteps, ReopenWorkflow>;

}  // namespace drover::flow
