// nodeagent/supervisor.cpp - orders in, forks and kills out, ends reported until acked.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/supervisor.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "nodeagent/clock.hpp"

namespace drover::nodeagent {
namespace {

constexpr std::size_t kRecentSlots = 16384;
constexpr std::int32_t kGraceMaxS = 86400;

std::int64_t to_us(const timeval& time) {
  return std::int64_t{time.tv_sec} * 1'000'000 + time.tv_usec;
}

}  // namespace

Supervisor::Supervisor(Options options, Cgroups cgroups, Journal journal, FailureSlots slots)
    : options_(std::move(options)),
      cgroups_(std::move(cgroups)),
      journal_(std::move(journal)),
      slots_(slots),
      pool_(cgroups_),
      launcher_(cgroups_, options_.oom_score_lowered),
      recent_(kRecentSlots) {}

Result<void> Supervisor::on_payload(std::string_view& payload) {
  // First pass: every launch of this round is in the journal before the first fork.
  std::string_view scan = payload;
  int scanned = 0;
  while (scanned < launches_left_) {
    auto next = next_message(scan);
    if (!next) return fail(std::move(next.error()));
    if (!*next) break;
    if ((*next)->kind != MessageKind::Launch) continue;
    ++scanned;
    auto decoded = decode_launch((*next)->body, frame_);
    if (!decoded) return fail(std::move(decoded.error()));
    if (knows(frame_.id)) continue;
    append_record(journal_.pending(),
                  AcceptRecord{frame_.id, frame_.uid, frame_.time_limit_us, frame_.warn_signal,
                               frame_.warn_before_s, std::min(frame_.kill_grace_s, kGraceMaxS)});
  }
  if (scanned > 0) journal_blocked_ = !journal_.flush().has_value();
  while (true) {
    if (launches_left_ == 0) return {};
    auto next = next_message(payload);
    if (!next) return fail(std::move(next.error()));
    if (!*next) return {};
    if ((*next)->kind == MessageKind::Launch) --launches_left_;
    auto done = on_message(**next);
    if (!done) return fail(std::move(done.error()));
  }
}

Result<void> Supervisor::on_message(const Message& message) {
  switch (message.kind) {
    case MessageKind::Hello: {
      auto protocol = decode_hello(message.body);
      if (!protocol) return fail(std::move(protocol.error()));
      if (*protocol != kSupdProtocol)
        return fail(Errc::Unsupported, "the agent speaks another protocol");
      greet();
      return {};
    }
    case MessageKind::Launch: {
      auto decoded = decode_launch(message.body, frame_);
      if (!decoded) return fail(std::move(decoded.error()));
      on_launch();
      return {};
    }
    case MessageKind::Kill: {
      auto kill = decode_kill(message.body);
      if (!kill) return fail(std::move(kill.error()));
      on_kill(*kill);
      return {};
    }
    case MessageKind::Ack: {
      auto id = decode_ack(message.body);
      if (!id) return fail(std::move(id.error()));
      on_ack(*id);
      return {};
    }
    case MessageKind::Suspend:
    case MessageKind::Resume: {
      auto id = decode_ack(message.body);
      if (!id) return fail(std::move(id.error()));
      on_pause(*id, message.kind == MessageKind::Suspend);
      return {};
    }
    case MessageKind::Limit: {
      auto limit = decode_limit(message.body);
      if (!limit) return fail(std::move(limit.error()));
      on_limit(*limit);
      return {};
    }
    case MessageKind::List: greet(); return {};
    case MessageKind::Welcome:
    case MessageKind::Held:
    case MessageKind::ListEnd:
    case MessageKind::Started:
    case MessageKind::Ended: break;
  }
  return fail(Errc::BadInput, "a message that supd does not take");
}

void Supervisor::greet() {
  WelcomeFrame welcome{kSupdProtocol, ::getpid(), {}};
  welcome.facts = "cgroup=" + cgroups_.facts() + "\nprivilege_drop=" +
                  (launcher_.is_root() ? "yes" : "no, jobs run as the daemon's user") +
                  "\nuid=" + std::to_string(launcher_.own_uid()) + "\n";
  append_welcome(outbox_, welcome);
  for (const auto& [id, attempt] : by_id_) append_held(outbox_, {id, attempt->pid != 0});
  std::vector<const Unacked*> ends;
  for (const auto& entry : unacked_) ends.push_back(&entry.second);
  std::sort(ends.begin(), ends.end(),
            [](const Unacked* a, const Unacked* b) { return a->seq < b->seq; });
  for (const Unacked* end : ends) append_ended(outbox_, end->seq, end->report);
  append_list_end(outbox_);
}

bool Supervisor::knows(const AttemptId& id) const {
  const std::uint64_t hash = AttemptIdHash{}(id);
  return by_id_.count(id) != 0 || unacked_.count(id) != 0 || recent_[hash % kRecentSlots] == hash;
}

void Supervisor::on_launch() {
  const AttemptId id = frame_.id;
  if (knows(id)) return;  // a repeated order: an attempt starts at most once
  if (journal_blocked_)
    return refuse(id, EndCause::LaunchFailed,
                  "the node cannot write its journal: free space in the data directory");
  if (by_id_.size() >= kAttemptsMax || unacked_.size() >= kUnackedEndsMax)
    return refuse(id, EndCause::LaunchFailed, "the node has no room for more attempts");
  if (frame_.uid < options_.min_uid)
    return refuse(id, EndCause::LaunchFailed,
                  "this node does not run jobs of uid " + std::to_string(frame_.uid));
  if (!launcher_.is_root() && frame_.uid != launcher_.own_uid())
    return refuse(id, EndCause::LaunchFailed,
                  "this node's supervisor runs as uid " + std::to_string(launcher_.own_uid()) +
                      " and cannot start jobs of uid " + std::to_string(frame_.uid));
  Attempt& attempt = add({id, frame_.uid, frame_.time_limit_us, frame_.warn_signal,
                          frame_.warn_before_s, std::min(frame_.kill_grace_s, kGraceMaxS)});
  attempt.memory_limited = frame_.mem_limit_bytes > 0;
  // A v2 memory limit belongs to the directory: such an attempt gets its own.
  if (!attempt.memory_limited || cgroups_.memory() != Cgroups::Memory::V2)
    attempt.slot = pool_.take();
  attempt.orphans_before = orphans_reaped_;
  auto spawned =
      launcher_.launch(frame_, slots_[attempt.index], cgroup_of(attempt), attempt.slot.dir);
  if (!spawned) {
    if (attempt.slot.number != 0) pool_.give_back(attempt.slot);
    by_id_.erase(id);
    free_.push_back(attempt.index);
    return refuse(id, EndCause::LaunchFailed, std::move(spawned.error().message));
  }
  attempt.pid = spawned->pid;
  attempt.identity = spawned->identity;
  attempt.started_wall_us = wall_us();
  by_pid_[attempt.pid] = &attempt;
  attempt.started_boot_us = boot_us();
  append_record(journal_.pending(), start_record(attempt));
  arm_time_limit(attempt);
  append_started(outbox_, ++seq_, {id, attempt.started_wall_us, attempt.pid});
}

void Supervisor::refuse(const AttemptId& id, EndCause cause, std::string message) {
  EndReport report;
  report.id = id;
  report.cause = cause;
  report.never_started = true;
  report.ended_us = wall_us();
  report.message = std::move(message);
  report_end(std::move(report));
}

void Supervisor::on_kill(const KillFrame& kill) {
  const auto at = by_id_.find(kill.id);
  if (at == by_id_.end()) {
    const auto ended = unacked_.find(kill.id);
    if (ended != unacked_.end())
      return append_ended(outbox_, ended->second.seq, ended->second.report);
    // The launch may still be on its way: the end that we remember now refuses it.
    if (kill.signal == 0) refuse(kill.id, EndCause::Killed, "ended before it started");
    return;
  }
  Attempt& attempt = *at->second;
  if (kill.signal != 0) return signal_group(attempt, kill.signal);
  begin_end(attempt, EndCause::Killed);
}

void Supervisor::on_ack(const AttemptId& id) {
  if (unacked_.erase(id) == 0) return;
  append_ack_record(journal_.pending(), id);
  remember(id);
}

void Supervisor::remember(const AttemptId& id) {
  const std::uint64_t hash = AttemptIdHash{}(id);
  recent_[hash % kRecentSlots] = hash;
}

Supervisor::Attempt& Supervisor::add(const AcceptRecord& accept) {
  std::uint32_t index = 0;
  if (free_.empty()) {
    index = static_cast<std::uint32_t>(slab_.size());
    slab_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Attempt& attempt = slab_[index];
  attempt = Attempt{};
  attempt.accept = accept;
  attempt.index = index;
  by_id_[accept.id] = &attempt;
  return attempt;
}

void Supervisor::on_child_ends() {
  int status = 0;
  rusage usage{};
  pid_t pid = 0;
  while ((pid = ::wait4(-1, &status, WNOHANG, &usage)) > 0) {
    const auto at = by_pid_.find(pid);
    if (at == by_pid_.end()) {  // an orphan of a job that was handed to us
      ++orphans_reaped_;
      continue;
    }
    Attempt& attempt = *at->second;
    attempt.end.user_us = to_us(usage.ru_utime);
    attempt.end.system_us = to_us(usage.ru_stime);
    attempt.end.max_rss_kib = usage.ru_maxrss;
    on_main_end(attempt, status);
  }
}

void Supervisor::on_main_end(Attempt& attempt, int status) {
  by_pid_.erase(attempt.pid);
  if (attempt.suspended_us != 0) wake_processes(attempt);  // its cgroup is used again
  EndReport& end = attempt.end;
  end.id = attempt.accept.id;
  end.started_us = attempt.started_wall_us;
  end.ended_us = wall_us();
  end.cause = WIFSIGNALED(status) ? EndCause::Signalled : EndCause::Exited;
  if (WIFSIGNALED(status)) end.term_signal = WTERMSIG(status);
  if (WIFEXITED(status)) end.exit_code = WEXITSTATUS(status);
  const FailureSlot& slot = slots_[attempt.index];
  if (!attempt.adopted && slot.step != 0) {
    end.cause = EndCause::LaunchFailed;
    end.never_started = true;
    end.exit_code = 0;
    end.message = describe(slot);
  } else if (attempt.forced != EndCause::Exited) {
    end.cause = attempt.forced;
  }
  attempt.phase = Phase::Draining;
  drain(attempt);
}

void Supervisor::report_end(EndReport report) {
  append_record(journal_.pending(), report);
  append_ended(outbox_, ++seq_, report);
  const AttemptId id = report.id;
  unacked_.insert_or_assign(id, Unacked{seq_, std::move(report)});
}

void Supervisor::finish(Attempt& attempt) {
  set_due(attempt, Due::Nothing, 0);
  if (attempt.memory_limited) cgroups_.remove_memory(cgroup_of(attempt));
  report_end(std::move(attempt.end));
  by_id_.erase(attempt.accept.id);
  free_.push_back(attempt.index);
}

bool Supervisor::end_of_round() {
  launches_left_ = kLaunchesPerRound;
  journal_blocked_ = !journal_.flush().has_value();
  if (!journal_blocked_ && journal_.wants_compaction()) compact();
  return !journal_blocked_;
}

void Supervisor::compact() {
  std::string live;
  for (const auto& [id, attempt] : by_id_) {
    append_record(live, attempt->accept);
    if (attempt->pid == 0) continue;
    append_record(live, start_record(*attempt));
    attempt->paused_us = 0;  // the start that is now written is later by as much
    if (attempt->suspended_us != 0)
      append_record(live, PauseRecord{id, attempt->suspended_us, attempt->paused_us});
  }
  for (const auto& entry : unacked_) append_record(live, entry.second.report);
  (void)journal_.compact(live);  // refused by the disk: the old file is as good
}

CgroupName Supervisor::cgroup_of(const Attempt& attempt) {
  if (attempt.slot.number != 0) return CgroupName(attempt.slot.number);
  if (attempt.adopted_slot != 0) return CgroupName(attempt.adopted_slot);
  return CgroupName(attempt.accept.id);
}

StartRecord Supervisor::start_record(const Attempt& attempt) {
  return {attempt.accept.id,
          attempt.pid,
          attempt.identity,
          attempt.started_wall_us,
          attempt.started_boot_us,
          attempt.slot.number != 0 ? attempt.slot.number : attempt.adopted_slot};
}

void Supervisor::leave() {
  pool_.clear();
  cgroups_.remove_bases();
}

std::int64_t Supervisor::next_deadline_us() const {
  return deadlines_.empty() ? 0 : deadlines_.begin()->first;
}

}  // namespace drover::nodeagent
