// cli/statement_view.hpp - what a statement left, as text for people.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "cli/json.hpp"
#include "cli/table.hpp"

namespace drover::cli {

// All take the answer of GET /api/v1/jobs/{id} (and of POST /api/v1/statements).

// Tables aligned, texts as they are, of all else kind, size and file. Empty without results.
std::string render_results(const Json& answer, const Style& style);
// "ValueError: no\n" and the traceback, or why it did not run; empty when it succeeded.
std::string render_failure(const Json& answer, bool color);
// "job 12 running [####....] 40% reading".
std::string describe_statement(const Json& answer);
// "result 0 is not whole: it ends after 5000 rows, 40210 bytes"; empty when it is whole.
std::string describe_cut(const Json& result);
// Its exit code; 1 when it failed without one.
int statement_status(const Json& answer);

}  // namespace drover::cli
