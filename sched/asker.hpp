// sched/asker.hpp - who waits for room, or would: what answers about it need to know.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "rm/resource_manager.hpp"
#include "sched/job_state.hpp"

namespace drover::sched {

struct Job;
struct Partition;

struct Asker {
  const Job* job = nullptr;  // null: what somebody might submit
  JobState state{};
  rm::ClassId what{};
  rm::PathId path{};
  Duration length;                      // as its shape has it: kUnlimited without a limit
  rm::ReservedId by = rm::kUnreserved;  // the reservation that it names
  const Partition* partition = nullptr;
  Time from;  // mono; it may not start before; 0 = it may
};

}  // namespace drover::sched
