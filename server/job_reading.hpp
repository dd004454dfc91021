// server/job_reading.hpp - a job's fields on their way from JSON to a spec.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sched/job_spec.hpp"

namespace drover::server {

// What the fields say together, before the sums are made.
struct Reading {
  sched::JobSpec spec;
  Time now;
  std::int64_t mem_per_cpu_mib = 0;
  std::int64_t gpus_total = 0;
  std::int64_t nodes = 0, nodes_max = 0, ntasks = 0;  // 0 = not said
  bool spread = false;
  std::string hint;
  std::string account, partition, qos;  // become labels
  bool alters = false;                  // a job that was accepted
  std::vector<Reading> components;      // the second and later ones
};

// Fields that each component has of its own; the others are of the whole job.
std::span<const std::string_view> component_fields();  // sorted
bool is_of_component(std::string_view field);

// Sums and rules over several fields.
Result<void> complete(Reading& r);

}  // namespace drover::server
