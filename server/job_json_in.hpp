// server/job_json_in.hpp - one job's JSON into sched::JobSpec: fields, ranges, nearest match,
// limits.
//
// Nothing is skipped: an unknown or doubled field is an error, so nesting is bounded by the fields
// themselves. Owner, user and defaults are not its business (sched/entrance.hpp).
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "sched/job_spec.hpp"
#include "server/json_padding.hpp"

namespace drover::server {

// Reusable: keeps its buffers between texts. One thread at a time.
class JobReader {
 public:
  JobReader();
  ~JobReader();
  JobReader(JobReader&&) noexcept;

  // `json` must have kJsonPadding readable bytes after its end.
  Result<sched::JobSpec> read_padded(std::string_view json, Time now_wall);
  Result<sched::JobSpec> read(std::string json, Time now_wall);
  // `job` with the fields that `json` names. Refuses, by name, what a job that was accepted keeps.
  Result<sched::JobSpec> alter(std::string json, sched::JobSpec job, Time now_wall);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// "afterok:12:13,afterany:14", "?" between them = one is enough; "singleton" sets the flag.
Result<void> read_dependency_text(std::string_view text, sched::JobSpec& spec);

// "0-9%2"
Result<void> read_array_text(std::string_view text, sched::JobSpec& spec);

}  // namespace drover::server
