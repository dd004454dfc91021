// pool/statement_labels.hpp - the labels that statements have without saying so.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sched/job_spec.hpp"

namespace drover::pool {

struct LabelDefault {  // "creator=IDE", "sql: partition=short"
  std::string engine;  // of this type alone; empty = of all
  std::string key, value;
};
// BadInput: no KEY=VALUE, or a label that Drover sets by itself.
Result<LabelDefault> parse_label_default(std::string_view text);

// `userCreator=ann-IDE`, as Linkis writes it, becomes `creator=IDE`; the user must be the
// statement's. What is not said then comes from the first default that fits. Names of engines are
// complete already.
Result<void> complete_statement_labels(sched::JobSpec& spec,
                                       const std::vector<LabelDefault>& defaults);

}  // namespace drover::pool
