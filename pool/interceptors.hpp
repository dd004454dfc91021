// pool/interceptors.hpp - the chain that the code of a statement passes before it is a job.
// SPDX-License-Identifier: Apache-2.0
//
// In order: size, rules about dangerous code, limit of rows, comments; variables are filled in
// before (code_variables.hpp). Each is a function of the statement and the site's settings. A
// refusal names rule and line and says what to do.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "pool/code_rules.hpp"
#include "pool/statement_labels.hpp"
#include "sched/job_spec.hpp"

namespace drover::pool {

struct RowLimit {               // "IDE=5000", "IDE/spark=1000", "*=100000"
  std::string creator, engine;  // "*" = any creator; "" = any engine
  std::int64_t rows = 0;
};
Result<RowLimit> parse_row_limit(std::string_view text);

struct CodeSettings {
  std::size_t bytes_max = 4u << 20;
  std::vector<CodeRule> forbidden;
  std::vector<std::string> strip_comments;  // languages, or names of families
  std::vector<RowLimit> row_limits;         // the first that fits
  std::vector<LabelDefault> labels;         // likewise, for each key
};

// CPUs, memory and GPUs that a statement asks for become wishes about its engine. Unsupported,
// named by its field: what only an engine can be asked for. Of a submission as it came: later
// defaults fill the same fields.
Result<void> take_wishes(sched::JobSpec& spec);

// `creator`: the system that submits. Returns what was changed, a sentence each; they are the first
// lines of the statement's log. Errors: Limit - too long; Denied - a rule forbids it.
Result<std::vector<std::string>> intercept_code(sched::JobSpec& spec, std::string_view creator,
                                                const CodeSettings& settings);

}  // namespace drover::pool
