// nodeagent/supervisor_pauses.cpp - attempts that stand still for a while, and their clocks.
// SPDX-License-Identifier: Apache-2.0
//
// The freezer of the attempt's cgroup stops all of it at once. Without one, STOP goes to every
// process of the cgroup, or to the attempt's process group where nobody tracks more: a process that
// left the group goes on then. Neither changes what the attempt holds of memory and devices.
#include <signal.h>
#include <unistd.h>

#include "nodeagent/clock.hpp"
#include "nodeagent/supervisor.hpp"

namespace drover::nodeagent {

// Asking twice changes nothing; one that is being ended is left alone.
void Supervisor::on_pause(const AttemptId& id, bool suspended) {
  const auto at = by_id_.find(id);
  if (at == by_id_.end()) return;
  Attempt& attempt = *at->second;
  if (attempt.phase != Phase::Running || suspended == (attempt.suspended_us != 0)) return;
  if (!suspended) return go_on(attempt);
  stop_processes(attempt);
  attempt.suspended_us = boot_us();
  set_due(attempt, Due::Nothing, 0);  // neither warned nor ended meanwhile
  note_pause(attempt);
}

void Supervisor::go_on(Attempt& attempt) {
  const std::int64_t stood = boot_us() - attempt.suspended_us;
  attempt.suspended_us = 0;
  attempt.paused_us += stood;
  attempt.started_boot_us += stood;
  arm_time_limit(attempt);
  note_pause(attempt);
  wake_processes(attempt);
}

// A limit that has passed already ends it now.
void Supervisor::on_limit(const LimitFrame& limit) {
  const auto at = by_id_.find(limit.id);
  if (at == by_id_.end()) return;
  Attempt& attempt = *at->second;
  attempt.accept.time_limit_us = limit.time_limit_us;
  append_record(journal_.pending(), LimitRecord{limit.id, limit.time_limit_us});
  if (attempt.phase == Phase::Running && attempt.suspended_us == 0) arm_time_limit(attempt);
}

void Supervisor::note_pause(const Attempt& attempt) {
  append_record(journal_.pending(),
                PauseRecord{attempt.accept.id, attempt.suspended_us, attempt.paused_us});
}

void Supervisor::stop_processes(const Attempt& attempt) const {
  if (cgroups_.freeze(cgroup_of(attempt), true)) return;
  signal_group(attempt, SIGSTOP);
  if (cgroups_.tracking() != Cgroups::Tracking::None)
    cgroups_.signal_all(cgroup_of(attempt), SIGSTOP);
}

// Whoever stopped it, this supd or one before it, and by whatever means.
void Supervisor::wake_processes(const Attempt& attempt) const {
  (void)cgroups_.freeze(cgroup_of(attempt), false);
  signal_group(attempt, SIGCONT);
  if (cgroups_.tracking() != Cgroups::Tracking::None)
    cgroups_.signal_all(cgroup_of(attempt), SIGCONT);
}

}  // namespace drover::nodeagent
