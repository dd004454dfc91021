// nodeagent/supervisor_ends.cpp - how attempts are stopped, emptied, and taken over.
// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "nodeagent/clock.hpp"
#include "nodeagent/supervisor.hpp"

namespace drover::nodeagent {
namespace {

constexpr std::int64_t kDrainFirstUs = 1'000, kDrainLastUs = 200'000;

}  // namespace

void Supervisor::set_due(Attempt& attempt, Due due, std::int64_t at_us) {
  if (attempt.due != Due::Nothing) deadlines_.erase({attempt.due_us, attempt.index});
  attempt.due = due;
  attempt.due_us = at_us;
  if (due != Due::Nothing) deadlines_.insert({at_us, attempt.index});
}

void Supervisor::arm_time_limit(Attempt& attempt) {
  const AcceptRecord& accept = attempt.accept;
  if (accept.time_limit_us == 0) return set_due(attempt, Due::Nothing, 0);
  const std::int64_t limit_at = attempt.started_boot_us + accept.time_limit_us;
  const std::int64_t before = std::int64_t{accept.warn_before_s} * 1'000'000;
  const bool warns = accept.warn_signal != 0 && before > 0 && before < accept.time_limit_us;
  if (warns && !attempt.is_warned) return set_due(attempt, Due::Warn, limit_at - before);
  set_due(attempt, Due::Limit, limit_at);
}

void Supervisor::on_time() {
  const std::int64_t now = boot_us();
  while (!deadlines_.empty() && deadlines_.begin()->first <= now)
    on_due(slab_[deadlines_.begin()->second]);
}

void Supervisor::on_due(Attempt& attempt) {
  const Due due = attempt.due;
  set_due(attempt, Due::Nothing, 0);
  switch (due) {
    case Due::Nothing: return;
    case Due::Warn:
      attempt.is_warned = true;
      signal_group(attempt, attempt.accept.warn_signal);
      return arm_time_limit(attempt);
    case Due::Limit: return begin_end(attempt, EndCause::TimeLimit);
    case Due::Kill:
      kill_now(attempt);
      // Uninterruptible processes outlive a KILL for a while; orphans may need another sweep.
      return set_due(attempt, Due::Kill, boot_us() + 1'000'000);
    case Due::Drain: return drain(attempt);
  }
}

void Supervisor::begin_end(Attempt& attempt, EndCause cause) {
  if (attempt.phase != Phase::Running) return;
  attempt.phase = Phase::Ending;
  attempt.forced = cause;
  if (attempt.suspended_us != 0) wake_processes(attempt);
  signal_group(attempt, SIGTERM);
  signal_group(attempt, SIGCONT);  // a stopped job shall hear the TERM too
  set_due(attempt, Due::Kill, boot_us() + std::int64_t{attempt.accept.kill_grace_s} * 1'000'000);
}

void Supervisor::signal_group(const Attempt& attempt, int signal) const {
  // The child calls setsid first; until then it has no group of its own.
  if (attempt.pid > 1 && attempt.phase != Phase::Draining &&
      (!attempt.adopted || attempt.pidfd >= 0) && ::kill(-attempt.pid, signal) != 0)
    ::kill(attempt.pid, signal);
}

// Linux 6.14 and later end at once whatever is cloned into a cgroup that was killed once.
void Supervisor::kill_now(Attempt& attempt) {
  if (attempt.suspended_us != 0) wake_processes(attempt);  // a v1 freezer holds up even a KILL
  signal_group(attempt, SIGKILL);
  if (cgroups_.tracking() != Cgroups::Tracking::None) {
    attempt.was_killed = true;
    return cgroups_.kill_all(cgroup_of(attempt));
  }
  if (!attempt.adopted) return;
  for (const Orphan& process : find_by_mark(attempt.pid, raw(attempt.accept.id.epoch)))
    ::kill(process.pid, SIGKILL);
}

void Supervisor::kill_everything() {
  std::vector<Attempt*> all;
  for (const auto& entry : by_id_) all.push_back(entry.second);
  for (Attempt* attempt : all) {
    if (attempt->phase == Phase::Draining) continue;
    attempt->phase = Phase::Ending;
    if (attempt->forced == EndCause::Exited) attempt->forced = EndCause::Killed;
    kill_now(*attempt);
    set_due(*attempt, Due::Kill, boot_us() + 100'000);
  }
}

// The main process is gone: nothing of the attempt may be left when its end is reported.
void Supervisor::drain(Attempt& attempt) {
  if (is_empty(attempt)) return finish(attempt);
  attempt.drain_delay_us = std::clamp(attempt.drain_delay_us * 2, kDrainFirstUs, kDrainLastUs);
  set_due(attempt, Due::Drain, boot_us() + attempt.drain_delay_us);
}

bool Supervisor::is_empty(Attempt& attempt) {
  const CgroupName name = cgroup_of(attempt);
  EndReport& end = attempt.end;
  if (attempt.memory_limited && end.cause != EndCause::OutOfMemory &&
      cgroups_.oom_kills(name) > 0 && (end.term_signal == SIGKILL || end.exit_code != 0)) {
    end.cause = EndCause::OutOfMemory;
    end.message = "killed: the job used more memory than it asked for";
  }
  if (cgroups_.tracking() == Cgroups::Tracking::None) return no_orphans(attempt);
  // Most jobs leave nothing: then one of these calls is all.
  if (attempt.slot.number != 0 && !attempt.was_killed && try_return_slot(attempt)) return true;
  if (attempt.slot.number == 0 && attempt.orphans_before == orphans_reaped_ &&
      cgroups_.try_remove(name))
    return true;
  std::int64_t user = 0, system = 0;
  if (cgroups_.cpu_us(name, user, system)) {  // counts also what the main process did not wait for
    end.user_us = std::max(end.user_us, user - attempt.slot.user_us);
    end.system_us = std::max(end.system_us, system - attempt.slot.system_us);
  }
  attempt.was_killed = true;
  cgroups_.kill_all(name);
  if (!cgroups_.try_remove(name)) return false;
  pool_.discard(attempt.slot);
  return true;
}

// A slot is used again only when wait() has told all the CPU time spent in it, so that the next
// attempt's share can be told apart.
bool Supervisor::try_return_slot(Attempt& attempt) {
  if (attempt.orphans_before != orphans_reaped_ || !pool_.is_empty(attempt.slot)) return false;
  attempt.slot.user_us += attempt.end.user_us;
  attempt.slot.system_us += attempt.end.system_us;
  pool_.give_back(attempt.slot);
  attempt.slot = {};
  return true;
}

bool Supervisor::no_orphans(const Attempt& attempt) {
  if (attempt.adopted) {
    const auto left = find_by_mark(attempt.pid, raw(attempt.accept.id.epoch));
    for (const Orphan& process : left) ::kill(process.pid, SIGKILL);
    return left.empty();
  }
  std::vector<pid_t> known;
  known.reserve(by_pid_.size());
  for (const auto& entry : by_pid_) known.push_back(entry.first);
  std::sort(known.begin(), known.end());
  bool clean = true;
  for (const Orphan& orphan : find_orphans(known)) {
    const bool ours = orphan.session == attempt.pid || orphan.epoch == raw(attempt.accept.id.epoch);
    // One that hides its origin goes with the last attempt of its user.
    const bool nameless = orphan.epoch == 0 && by_pid_.count(orphan.session) == 0 &&
                          orphan.uid == attempt.accept.uid &&
                          std::none_of(by_pid_.begin(), by_pid_.end(), [&](const auto& entry) {
                            return entry.second->accept.uid == orphan.uid;
                          });
    if (!ours && !nameless) continue;
    ::kill(orphan.pid, SIGKILL);
    clean = false;
  }
  return clean;
}

void Supervisor::adopt(const JournalState& state, WatchPidfd watch, void* context) {
  for (const EndReport& end : state.ended) unacked_.insert_or_assign(end.id, Unacked{++seq_, end});
  // First what belongs to no attempt that may still run, so that an attempt which this supd reports
  // as ended has nothing left.
  std::set<std::string> kept;
  for (const JournalState::Open& open : state.open) {
    if (open.start.pid == 0) continue;
    const std::uint32_t slot = open.start.cgroup_slot;
    kept.insert(slot != 0 ? CgroupName(slot).text : CgroupName(open.accept.id).text);
    kept.insert(CgroupName(open.accept.id).text);
    pool_.skip_number(slot);
  }
  for (const std::string& name : cgroups_.leftovers())
    if (kept.count(name) == 0) cgroups_.purge(name);
  for (const JournalState::Open& open : state.open) adopt_one(open, watch, context);
}

void Supervisor::adopt_one(const JournalState::Open& open, WatchPidfd watch, void* context) {
  Attempt& attempt = add(open.accept);
  attempt.adopted = true;
  attempt.memory_limited = true;  // not in the journal; asking the cgroup costs nothing here
  attempt.pid = open.start.pid;
  attempt.identity = open.start.identity;
  attempt.adopted_slot = open.start.cgroup_slot;
  attempt.orphans_before = orphans_reaped_;
  attempt.started_wall_us = open.start.started_wall_us;
  attempt.end.id = open.accept.id;
  attempt.end.started_us = open.start.started_wall_us;
  if (attempt.pid > 0) {
    attempt.pidfd = open_pidfd(attempt.pid);
    if (attempt.pidfd >= 0 && process_identity(attempt.pid, attempt.pidfd) == attempt.identity) {
      watch(context, attempt.pidfd, attempt.index);
      attempt.suspended_us = open.pause.since_boot_us;
      attempt.paused_us = open.pause.paused_us;
      attempt.started_boot_us = open.start.started_boot_us + attempt.paused_us;
      if (attempt.suspended_us == 0) arm_time_limit(attempt);
      if (attempt.suspended_us != 0) stop_processes(attempt);
      return;
    }
    if (attempt.pidfd >= 0) ::close(attempt.pidfd);
    attempt.pidfd = -1;
  }
  attempt.end.cause = EndCause::Unknown;
  attempt.end.ended_us = wall_us();
  attempt.end.message = attempt.pid > 0
                            ? "the job ended while the node's supervisor was not running"
                            : "the node's supervisor stopped while it started the job";
  attempt.phase = Phase::Draining;
  drain(attempt);
}

void Supervisor::on_adopted_end(std::uint32_t attempt_index) {
  Attempt& attempt = slab_[attempt_index];
  int status = 0;
  const bool is_known = exit_status_of(attempt.pidfd, status);
  ::close(attempt.pidfd);
  attempt.pidfd = -1;
  if (is_known) return on_main_end(attempt, status);
  attempt.end.ended_us = wall_us();
  attempt.end.cause = EndCause::Unknown;
  attempt.end.message = "the exit code was lost when the node's supervisor restarted";
  if (attempt.forced != EndCause::Exited) attempt.end.cause = attempt.forced;
  attempt.phase = Phase::Draining;
  drain(attempt);
}

}  // namespace drover::nodeagent
