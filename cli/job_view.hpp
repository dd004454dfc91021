// cli/job_view.hpp - reading job objects: columns, words for people, the job's exit status.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/context.hpp"
#include "cli/json.hpp"
#include "cli/selector.hpp"
#include "cli/table.hpp"

namespace drover::cli {

// The job of an answer, with the answer's "task", "why" and "spec" as members: one object to read
// from.
Json job_of(const Json& answer);
bool is_final(std::string_view state);
// What `run` and `wait` exit with: 0, the largest exit code, 143 when timed out or cancelled
// without one, 125 when it failed before its program ran.
int exit_status(const Json& job);

Color state_color(std::string_view state);
const std::vector<Column>& job_columns();
const std::vector<Column>& task_columns();

// "2026-12-24T08:00:00.000000Z" -> microseconds, or nothing.
std::optional<std::int64_t> parse_iso_us(std::string_view text);
std::string show_time(const Json& value,
                      const Style& style);     // "3m ago" on a terminal, else ISO 8601
std::string show_seconds(const Json& value);   // 61.5 -> "1:01", "" for null
std::string show_short_seconds(double value);  // "0.9 s", "12.3 s", "1:02:03"
std::string cpu_list(const Json& numbers);     // [0,1,2,5] -> "0-2,5"
std::string job_reason(const Json& job);       // reason and detail in one text

// Resolves `last~k` into ids of the current user's newest jobs, engines left out; the numbers in
// the answer are sorted as written.
Result<bool> resolve_last(Context& context, Selector& selector);
// The numbers of those in place of `last` in the spec's "dependency".
Result<bool> resolve_dependency(Context& context, Json& spec);
// All jobs that the selector names, in the order of the server. NotFound when a single named job is
// unknown.
Result<std::vector<Json>> fetch_jobs(Context& context, const Query& query, std::size_t limit);
// Words -> one job id (and element); BadInput when they name several.
struct OneJob {
  std::uint64_t id = 0;
  std::optional<std::uint32_t> element;
  std::string path() const { return "/api/v1/jobs/" + std::to_string(id); }
};
Result<OneJob> one_job(Context& context, const std::string& word);

}  // namespace drover::cli
