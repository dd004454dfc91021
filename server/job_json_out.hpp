// server/job_json_out.hpp - jobs, tasks and events as the API shows them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "sched/controller.hpp"
#include "sched/messages.hpp"
#include "server/json_writer.hpp"

namespace drover::server {

// One job as read from the store; `why` is laid over it when the controller knows better.
struct JobRow {
  sched::JobRecord record;
  sched::JobSpec spec;  // without script and environment
  std::string node;     // of a single job that was placed
};

void append_time(JsonWriter& out, std::string_view name,
                 Time at);  // ISO 8601 UTC with microseconds, or null
void append_seconds(JsonWriter& out, std::string_view name, Duration d);
std::string group_name(const sched::JobSpec& spec, const std::vector<std::string>& group_by);

struct JobView {
  const JobRow& row;
  const std::vector<std::string>& group_by;
  Time now;  // wall
  const sched::Why* why = nullptr;
  bool with_spec = false;
};
void append_job(JsonWriter& out, const JobView& view);
void append_task(JsonWriter& out, const sched::JobSpec& spec, const sched::TaskRecord& task,
                 Time now);
void append_event(JsonWriter& out, const sched::Event& event);
// What orders the job between groups: every factor with its value, weight and points.
void append_priority(JsonWriter& out, const sched::PriorityParts& parts);
void append_why(JsonWriter& out, const sched::Why& why);
void append_obstacles(JsonWriter& out, const sched::Why& why);  // "in_the_way"
// "expected_start", null when there is no telling, else with its kind and "jobs_before"; and when
// it was worked out. Nothing but a null for who does not wait.
void append_estimate(JsonWriter& out, const std::optional<sched::Estimate>& estimate);

}  // namespace drover::server
