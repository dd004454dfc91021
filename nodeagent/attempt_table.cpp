// nodeagent/attempt_table.cpp - at most one start per attempt, every end told until it is acked.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/attempt_table.hpp"

#include <algorithm>
#include <utility>

#include "nodeagent/supd_frame.hpp"

namespace drover::nodeagent {
namespace {

EndReport local_end(const AttemptId& id, EndCause cause, bool never_started, std::string message,
                    std::int64_t now_us) {
  EndReport report;
  report.id = id;
  report.cause = cause;
  report.never_started = never_started;
  report.ended_us = now_us;
  report.message = std::move(message);
  return report;
}

}  // namespace

bool AttemptTable::is_current(SessionId session) {
  if (raw(session) != 0 && session == session_) return true;
  ++counters_.stale_sessions;
  return false;
}

std::vector<AttemptId> AttemptTable::sorted_ids() const {
  std::vector<AttemptId> ids;
  ids.reserve(entries_.size());
  for (const auto& entry : entries_) ids.push_back(entry.first);
  std::sort(ids.begin(), ids.end());
  return ids;
}

void AttemptTable::on_welcome(SessionId session) {
  session_ = session;
  out_.started.clear();  // Hello told what runs
  out_.ended.clear();
  repeat_ends();
}

void AttemptTable::repeat_ends() {
  if (raw(session_) == 0 || ended_ == 0) return;
  for (const AttemptId& id : sorted_ids()) {
    const Entry& entry = entries_.at(id);
    if (entry.phase == Phase::Ended) out_.ended.push_back(entry.end);
  }
}

AttemptTable::Verdict AttemptTable::admit(SessionId session, const AttemptId& id) {
  if (!is_current(session)) return Verdict::StaleSession;
  if (entries_.count(id) != 0) {
    ++counters_.duplicates;
    return Verdict::Duplicate;
  }
  const auto newest = newest_.find(id.task);
  if (newest == newest_.end()) return Verdict::Accepted;
  if (newest->second.epoch > id.epoch) {
    ++counters_.stale_epochs;
    return Verdict::StaleEpoch;
  }
  return entries_.at(newest->second).phase == Phase::Ended ? Verdict::Accepted : Verdict::Waits;
}

AttemptTable::Verdict AttemptTable::on_launch(SessionId session, const AttemptId& id,
                                              std::string payload) {
  const Verdict verdict = admit(session, id);
  if (verdict != Verdict::Accepted && verdict != Verdict::Waits) return verdict;
  if (entries_.size() >= attempts_max_) {
    if (raw(session_) != 0)
      out_.ended.push_back(local_end(id, EndCause::LaunchFailed, true,
                                     "the node's agent has no room for more attempts", 0));
    return Verdict::Full;
  }
  ++counters_.launches;
  if (verdict == Verdict::Waits) {
    const AttemptId older = newest_.at(id.task);
    if (supd_up_)
      append_kill(out_.to_supd, {older, 0});
    else
      entries_.at(older).kill_wanted = true;
  }
  Entry& entry = entries_[id];
  entry.launch = std::move(payload);
  entry.waits = verdict == Verdict::Waits;
  newest_[id.task] = id;
  if (!entry.waits) order(id, entry);
  return verdict;
}

AttemptTable::Verdict AttemptTable::on_bad_launch(SessionId session, const AttemptId& id,
                                                  std::string message, std::int64_t now_us) {
  const Verdict verdict = admit(session, id);
  if (verdict != Verdict::Accepted && verdict != Verdict::Waits) return verdict;
  Entry& entry = entries_[id];
  newest_[id.task] = id;
  end(id, entry, local_end(id, EndCause::LaunchFailed, true, std::move(message), now_us));
  return Verdict::Accepted;
}

void AttemptTable::order(const AttemptId&, Entry& entry) {
  if (supd_up_) out_.to_supd += entry.launch;  // else on_list_end sends it
}

void AttemptTable::on_kill(SessionId session, const AttemptId& id, std::int32_t signal,
                           std::int64_t now_us) {
  if (!is_current(session)) return;
  const auto at = entries_.find(id);
  if (at == entries_.end()) {
    // The launch may be behind us: supd remembers the kill, refuses it then, and reports an end.
    if (supd_up_) append_kill(out_.to_supd, {id, signal});
    return;
  }
  Entry& entry = at->second;
  if (entry.phase == Phase::Ended) {
    out_.ended.push_back(entry.end);
    return;
  }
  if (entry.waits && signal == 0)
    return end(id, entry, local_end(id, EndCause::Killed, true, "ended before it started", now_us));
  if (supd_up_)
    append_kill(out_.to_supd, {id, signal});
  else if (signal == 0)
    entry.kill_wanted = true;
}

// Only what runs is suspended, so nothing has to wait for a launch.
void AttemptTable::on_pause(SessionId session, const AttemptId& id, bool suspended) {
  if (!is_current(session)) return;
  const auto at = entries_.find(id);
  if (at == entries_.end()) return;
  Entry& entry = at->second;
  if (entry.phase == Phase::Ended)
    out_.ended.push_back(entry.end);
  else if (supd_up_)
    append_pause(out_.to_supd, id, suspended);
  else
    entry.pause_wanted = suspended;
}

void AttemptTable::on_limit(SessionId session, const AttemptId& id, std::int64_t time_limit_us) {
  if (!is_current(session)) return;
  const auto at = entries_.find(id);
  if (at == entries_.end() || at->second.phase == Phase::Ended) return;
  if (supd_up_)
    append_limit(out_.to_supd, {id, time_limit_us});
  else
    at->second.limit_wanted = time_limit_us;
}

void AttemptTable::on_ack(SessionId session, const AttemptId& id) {
  if (!is_current(session)) return;
  const auto at = entries_.find(id);
  if (at == entries_.end() || at->second.phase != Phase::Ended) return;
  if (supd_up_) append_ack(out_.to_supd, id);  // else it reports the end again and is acked then
  entries_.erase(at);
  --ended_;
  const auto newest = newest_.find(id.task);
  if (newest != newest_.end() && newest->second == id) newest_.erase(newest);
}

void AttemptTable::on_list_begin() {
  for (auto& entry : entries_) entry.second.seen = false;
}

void AttemptTable::on_held(const HeldReport& held) {
  Entry& entry = entries_[held.id];
  entry.seen = true;
  const auto newest = newest_.find(held.id.task);
  if (newest == newest_.end() || newest->second.epoch < held.id.epoch)
    newest_[held.id.task] = held.id;
  if (entry.phase == Phase::Ended) return;
  entry.phase = Phase::Held;
  entry.launch.clear();
  if (held.started && !entry.started) on_started({held.id, 0, 0});
}

void AttemptTable::on_list_end(std::int64_t now_us) {
  supd_up_ = true;
  for (const AttemptId& id : sorted_ids()) {
    Entry& entry = entries_.at(id);
    if (entry.phase == Phase::Held && !entry.seen)
      end(id, entry,
          local_end(id, EndCause::Unknown, false,
                    "the node's supervisor has lost its record of the job", now_us));
    if (entry.phase == Phase::Ended) continue;
    if (std::exchange(entry.kill_wanted, false)) append_kill(out_.to_supd, {id, 0});
    if (const auto limit = std::exchange(entry.limit_wanted, std::nullopt))
      append_limit(out_.to_supd, {id, *limit});
    if (const auto pause = std::exchange(entry.pause_wanted, std::nullopt))
      append_pause(out_.to_supd, id, *pause);
    if (entry.phase == Phase::Ordered && !entry.waits) order(id, entry);
  }
}

std::vector<StartReport> AttemptTable::running_since(std::int64_t now_us, Duration age) const {
  std::vector<StartReport> found;
  for (const auto& [id, entry] : entries_)
    if (entry.phase == Phase::Held && entry.pid != 0 && now_us - entry.started_us >= age.us)
      found.push_back({id, entry.started_us, entry.pid});
  return found;
}

void AttemptTable::on_supd_lost() {
  supd_up_ = false;
  out_.to_supd.clear();  // launches are kept in their entries
}

void AttemptTable::on_started(const StartReport& report) {
  const auto at = entries_.find(report.id);
  if (at == entries_.end() || at->second.phase == Phase::Ended) return;
  at->second.phase = Phase::Held;
  at->second.started = true;
  if (report.pid != 0) {
    at->second.started_us = report.at_us;
    at->second.pid = report.pid;
  }
  at->second.launch.clear();
  // A start known only from supd's list is in Hello, or the controller heard it before.
  if (raw(session_) != 0 && report.at_us != 0) out_.started.push_back(report);
}

void AttemptTable::on_ended(EndReport report) {
  const AttemptId id = report.id;
  Entry& entry = entries_[id];
  entry.seen = true;
  if (entry.phase == Phase::Ended) return;
  newest_.try_emplace(id.task, id);
  end(id, entry, std::move(report));
}

void AttemptTable::end(const AttemptId& id, Entry& entry, EndReport report) {
  entry.phase = Phase::Ended;
  entry.launch = {};
  entry.waits = false;
  entry.end = std::move(report);
  ++ended_;
  if (raw(session_) != 0) out_.ended.push_back(entry.end);
  release_waiting(id.task);
}

void AttemptTable::release_waiting(const TaskId& task) {
  const auto newest = newest_.find(task);
  if (newest == newest_.end()) return;
  Entry& entry = entries_.at(newest->second);
  if (entry.phase != Phase::Ordered || !entry.waits) return;
  entry.waits = false;
  order(newest->second, entry);
}

std::vector<HeldReport> AttemptTable::running() const {
  std::vector<HeldReport> held;
  for (const AttemptId& id : sorted_ids()) {
    const Entry& entry = entries_.at(id);
    const bool may_have_run =
        entry.started || (entry.phase == Phase::Ended && !entry.end.never_started);
    held.push_back({id, may_have_run});
  }
  return held;
}

}  // namespace drover::nodeagent
