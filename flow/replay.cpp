// flow/replay.cpp - document and facts back to a run.
// SPDX-License-Identifier: Apache-2.0
#include "flow/replay.hpp"

#include <string>
#include <utility>

#include "dag/read_workflow.hpp"
#include "dag/workflow_plan.hpp"

namespace drover::flow {

Result<dag::Variables> names_of(const dag::Workflow& workflow, const WorkflowSource& source) {
  std::map<std::string, std::string> own = workflow.variables;
  for (const char* name : {"user", "submit_user", "execute_user"}) own[name] = source.user;
  for (const auto& [name, param] : workflow.params) {
    if (!param.value) continue;
    own[name] = *param.value;
    own["params." + name] = *param.value;
  }
  return dag::Variables::make(std::move(own), source.submitted);
}

Result<dag::Run> replay(JobId id, const WorkflowSource& source,
                        const std::vector<dag::Fact>& facts) {
  const auto broken = [&](const Error& error) {
    return fail(Errc::Corrupt, "workflow " + std::to_string(raw(id)) + ": " + error.message,
                "droverd --check DIR lists what is damaged");
  };
  auto workflow = dag::read_workflow(source.bundle);
  if (!workflow) return broken(workflow.error());
  auto plan = dag::plan_workflow(*workflow, source.rules);
  if (!plan) return broken(plan.error());
  auto names = names_of(*workflow, source);
  if (!names) return broken(names.error());
  dag::Run run(id, *std::move(workflow), *std::move(plan), *std::move(names));
  run.begin_history();
  for (const dag::Fact& fact : facts)
    if (auto ok = run.apply(fact); !ok) return broken(ok.error());
  if (auto planned = run.end_history(); !planned) return broken(planned.error());
  return run;
}

}  // namespace drover::flow
