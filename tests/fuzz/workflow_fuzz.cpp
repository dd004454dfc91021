// tests/fuzz/workflow_fuzz.cpp - any document is refused with words, or plans, prints and ends.
// LINK: drover::dag
// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.hpp"
#include "dag/read_workflow.hpp"
#include "dag/variables.hpp"
#include "dag/workflow_plan.hpp"

namespace {

using namespace drover::dag;

// Ends whatever may run until nothing is left.
void run_to_end(const Workflow& flow, const WorkflowPlan& plan, std::size_t seed) {
  Execution execution(plan.physical);
  for (std::size_t turn = 0; !execution.is_done(); ++turn) {
    const std::vector<PlanNode> ready = execution.ready();
    DROVER_CHECK(!ready.empty(), "an open execution has something to run");
    const std::uint32_t part = plan.physical->step(ready.front());
    Mark end = (turn + seed) % 5 != 0 ? Mark::Succeeded : Mark::Failed;
    if (plan.parts.at(part).role == PartRole::Gather) end = gathered(flow, plan, execution, part);
    DROVER_CHECK(execution.complete(ready.front(), end).has_value(), "what is ready can end");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bundle bundle;
  bundle.origin = "f.toml";
  bundle.text.assign(reinterpret_cast<const char*>(data), size);
  bundle.files = {{"a.sh", "#!/bin/sh\necho ${n}\n"},
                  {"in.toml",
                   "params.n = 1\n[[step]]\nname = 'x'\nscript = 'a.sh'\n"
                   "[[step]]\nname = 'y'\nneeds = ['x:done']\ncommand = ['${n}']\n"},
                  {"self.toml", bundle.text}};
  if (const auto wanted = files_wanted(bundle))
    for (const std::string& pattern : wanted->patterns) bundle.globs[pattern] = {"1", "2"};
  const auto flow = read_workflow(bundle);
  if (!flow) {
    DROVER_CHECK(!flow.error().message.empty(), "a refusal says why");
    return 0;
  }
  const auto own = Variables::make({{"n", "7"}}, drover::Time{1'800'000'000'000'000});
  for (const Step& step : flow->steps)
    if (const auto text = own->substitute(step.job, Variables::Unknown::Keep); !text)
      DROVER_CHECK(!text.error().message.empty(), "a refusal says why");
  std::size_t items = 0;
  for (const Step& step : flow->steps) items += step.foreach.items.size();
  if (flow->steps.size() > 300 || items > 100'000) return 0;  // right, and slow
  const auto ast = workflow_ast(*flow);
  DROVER_CHECK(ast.has_value(), "what was read is valid");
  DROVER_CHECK(!to_text(*ast).empty() && !to_text(plan(*ast)).empty(), "every tree prints");
  for (const bool rules : {true, false}) {
    const auto made =
        plan_workflow(*flow, {.fuse = rules, .drop_implied = rules, .critical_path = rules});
    DROVER_CHECK(made.has_value(), "what was read can be planned");
    DROVER_CHECK(!made->physical->to_text().empty() && !made->physical->to_dot().empty() &&
                     !made->physical->to_json().empty(),
                 "every plan prints");
    run_to_end(*flow, *made, size);
  }
  return 0;
}
