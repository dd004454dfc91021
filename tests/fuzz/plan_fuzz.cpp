// tests/fuzz/plan_fuzz.cpp - any request is refused with words, or runs to its end.
// LINK: drover::dag
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.hpp"
#include "dag/compile.hpp"
#include "dag/execution.hpp"

// One step a line: "name strategy code after after ...".
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace drover::dag;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto next = [](std::string_view& from, char end) {
    const std::string_view word = from.substr(0, from.find(end));
    from.remove_prefix(std::min(word.size() + 1, from.size()));
    return std::string(word);
  };
  JobRequest request;
  request.variables = {{"x", "value"}, {"y", "${x}"}};
  while (!text.empty() && request.steps.size() < 200) {
    const std::string line = next(text, '\n');
    std::string_view rest = line;
    StepRequest step;
    step.name = next(rest, ' ');
    step.strategy = next(rest, ' ');
    step.code = next(rest, ' ');
    while (!rest.empty()) step.after.push_back(next(rest, ' '));
    request.steps.push_back(std::move(step));
  }
  const auto plan = compile(std::move(request));
  if (!plan) {
    DROVER_CHECK(!plan.error().message.empty(), "a refusal says why");
    return 0;
  }
  DROVER_CHECK(
      !(*plan)->to_text().empty() && !(*plan)->to_dot().empty() && !(*plan)->to_json().empty(),
      "every plan prints");
  Execution execution(*plan);
  for (std::size_t turn = 0; !execution.is_done(); ++turn) {
    const std::vector<PlanNode> ready = execution.ready();
    DROVER_CHECK(!ready.empty(), "an open execution has something to run");
    const Mark end = (turn + size) % 5 != 0 ? Mark::Succeeded : Mark::Failed;
    DROVER_CHECK(execution.complete(ready.front(), end).has_value(), "what is ready can end");
  }
  return 0;
}
