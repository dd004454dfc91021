// cli/prospect_view.cpp - a line for each that is in the way, and one for the start.
// SPDX-License-Identifier: Apache-2.0
#include "cli/prospect_view.hpp"

#include <string>

namespace drover::cli {
namespace {

std::string in_the_way(const Json& one) {
  const std::string node = text_of(one, "node"), until = text_of(one, "until");
  if (!member(one, "job").is_number()) return "node " + node + ": " + text_of(one, "text");
  return "job " + text_of(one, "job") + (node.empty() ? "" : " on " + node) + ": " +
         text_of(one, "text") + (until.empty() ? ", without a time limit" : ", until " + until);
}

std::string start_text(const Json& answer) {
  const std::string start = text_of(answer, "expected_start");
  const std::string because = text_of(answer, "start_because");
  if (start.empty()) return because.empty() ? "" : "expected start: not known, since " + because;
  const std::string as_of = " (as of " + text_of(answer, "estimated_at") + ")";
  if (text_of(answer, "start_bound") == "not_before")
    return "starts not before " + start + as_of + (because.empty() ? "" : ": " + because);
  const std::int64_t before = number_of(answer, "jobs_before");
  return "expected to start by " + start +
         (before > 0 ? ", after " + std::to_string(before) + (before == 1 ? " job" : " jobs")
                     : "") +
         ", if those before it run to their limits" + as_of;
}

}  // namespace

void show_prospect(Context& context, const Json& answer) {
  const Json& obstacles = member(answer, "in_the_way");
  if (obstacles.is_array())
    for (const Json& one : obstacles)
      context.out("  in the way: " + clean_line(in_the_way(one)) + '\n');
  if (const std::int64_t more = number_of(answer, "more_in_the_way"); more > 0)
    context.out("  and " + std::to_string(more) + " more\n");
  if (const std::string start = start_text(answer); !start.empty())
    context.out("  " + clean_line(start) + '\n');
}

}  // namespace drover::cli
