// flow/records.hpp - what the store keeps about workflows.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "dag/fact.hpp"
#include "dag/read_workflow.hpp"
#include "dag/run.hpp"
#include "dag/workflow_plan.hpp"

namespace drover::flow {

enum class WorkflowState : std::uint8_t { Running, Paused, Succeeded, Failed, Cancelled };
std::string_view to_string(WorkflowState state);  // "running", ...
std::optional<WorkflowState> workflow_state_from(std::string_view word);
constexpr bool is_final(WorkflowState state) { return state >= WorkflowState::Succeeded; }

// Small: written with every fact.
struct WorkflowRecord {
  JobId id{};
  Owner owner;
  std::string user, name;
  WorkflowState state{};
  Time submitted, ended;  // wall
  dag::PartCounts counts;
  JobId first_failed{};  // the job of the first step that failed; 0 = none
  std::string first_failed_step;
  JobId resumes{};
  std::uint64_t facts = 0;
};

// What never changes of a workflow; all else follows from its facts.
struct WorkflowSource {
  dag::Bundle bundle;
  dag::PlanRules rules;
  std::string user;
  Time submitted;  // wall: run_date and its family follow from it
};

using Values = std::vector<std::pair<std::string, std::string>>;

struct CacheEntry {  // the result of a step, for steps that ask for the same
  std::uint32_t uid = 0;
  std::string key;
  Time at, until;  // wall
  JobId job{};
  Values values;
};

struct Changes {
  struct New {
    JobId id{};
    std::shared_ptr<const WorkflowSource> source;
  };
  // One that had ended runs again. The oldest are forgotten by the store on its own, perhaps while
  // this was decided: what is missing there is written again.
  struct Reopened {
    JobId id{};
    std::shared_ptr<const WorkflowSource> source;
    std::shared_ptr<const std::vector<dag::Fact>> facts;
  };
  std::vector<New> sources;
  std::vector<Reopened> reopened;
  std::vector<WorkflowRecord> records;
  std::vector<std::pair<JobId, dag::Fact>> facts;
  std::vector<CacheEntry> cache;
  bool empty() const {
    return sources.empty() && reopened.empty() && records.empty() && facts.empty() && cache.empty();
  }
};

}  // namespace drover::flow
