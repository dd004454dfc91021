// nodeagent/engine_table.cpp - every statement is passed on once and every end told until acked.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/engine_table.hpp"

#include <signal.h>

#include <set>
#include <utility>

namespace drover::nodeagent {

EngineEnd EngineTable::local_end(const AttemptId& id, EndCause cause, bool never_started,
                                 std::string why, std::int64_t now_us) {
  EngineEnd end;
  end.report.id = id;
  end.report.cause = cause;
  end.report.never_started = never_started;
  end.report.ended_us = now_us;
  end.report.message = std::move(why);
  return end;
}

void EngineTable::on_welcome(SessionId session) {
  session_ = session;
  out_.started.clear();
  out_.ended.clear();
  // Hello told what runs, but a start may have come since: the controller takes one for the other.
  for (const auto& [id, entry] : entries_)
    if (entry.phase == Phase::Held && entry.started)
      out_.started.push_back({id, entry.started_us, 0});
  repeat_ends();
}

void EngineTable::repeat_ends() {
  if (raw(session_) == 0 || ended_ == 0) return;
  for (const auto& [id, entry] : entries_)
    if (entry.phase == Phase::Ended) out_.ended.push_back(entry.end);
}

void EngineTable::on_launch(SessionId session, const AttemptId& id, std::string execute_line,
                            std::int32_t grace_s, std::int64_t now_us, LogPlace log) {
  if (!is_current(session) || entries_.count(id) != 0) return;
  if (entries_.size() >= statements_max_) {  // not remembered: nothing ran
    out_.ended.push_back(local_end(id, EndCause::LaunchFailed, true,
                                   "too many statements wait for this engine", now_us));
    return;
  }
  if (engine_up_) out_.to_engine += execute_line;
  Entry& entry = entries_[id];
  entry.number = ++launched_;
  entry.log = std::move(log);
  entry.line = std::move(execute_line);
  if (grace_s > 0) entry.grace_s = grace_s;
}

void EngineTable::on_bad_launch(SessionId session, const AttemptId& id, std::string why,
                                std::int64_t now_us) {
  if (!is_current(session) || entries_.count(id) != 0) return;
  end(entries_[id], local_end(id, EndCause::LaunchFailed, true, std::move(why), now_us));
}

void EngineTable::on_kill(SessionId session, const AttemptId& id, std::int32_t signal,
                          std::int64_t now_us) {
  if (!is_current(session)) return;
  if (signal != 0 && signal != SIGINT && signal != SIGTERM && signal != SIGKILL) return;
  const auto at = entries_.find(id);
  if (at == entries_.end()) {  // launches of this session came before: it will not come any more
    out_.ended.push_back(
        local_end(id, EndCause::Killed, true, "the engine does not know it", now_us));
    return;
  }
  Entry& entry = at->second;
  if (signal == SIGKILL) entry.grace_s = 0;
  if (entry.phase == Phase::Ended)
    out_.ended.push_back(entry.end);
  else if (engine_up_)
    out_.to_engine += cancel_line(id, entry.grace_s);
  else
    entry.kill_wanted = true;
}

void EngineTable::on_note(SessionId session, const AttemptId& id, std::string_view text) {
  if (!is_current(session) || !engine_up_) return;
  const auto at = entries_.find(id);
  if (at != entries_.end() && at->second.phase != Phase::Ended)
    out_.to_engine += note_line(id, text);
}

void EngineTable::on_ack(SessionId session, const AttemptId& id) {
  if (!is_current(session)) return;
  const auto at = entries_.find(id);
  if (at == entries_.end() || at->second.phase != Phase::Ended) return;
  if (engine_up_) out_.to_engine += ack_line(id);  // else it tells the end again, and is acked then
  entries_.erase(at);
  --ended_;
}

void EngineTable::on_engine(const std::vector<AttemptId>& running, std::int64_t now_us) {
  engine_up_ = true;
  out_.to_engine.clear();
  const std::set<AttemptId> known(running.begin(), running.end());
  for (const AttemptId& id : known) {
    if (entries_.count(id) == 0 && entries_.size() >= statements_max_) break;
    Entry& entry = entries_[id];
    if (entry.phase == Phase::Ordered) entry.phase = Phase::Held;
    entry.line.clear();
  }
  for (auto& [id, entry] : entries_) {
    const bool is_known = known.count(id) != 0;
    if (entry.phase == Phase::Ordered) {
      out_.to_engine += entry.line;
    } else if (entry.phase == Phase::Held && !is_known) {
      end(entry, local_end(id, EndCause::Unknown, false, "the engine has lost it", now_us));
    }
    if (entry.phase != Phase::Ended && std::exchange(entry.kill_wanted, false))
      out_.to_engine += cancel_line(id, entry.grace_s);
  }
}

void EngineTable::on_engine_lost() {
  engine_up_ = false;
  out_.to_engine.clear();  // orders are kept in their entries
}

void EngineTable::on_started(const StartReport& report) {
  const auto at = entries_.find(report.id);
  if (at == entries_.end() || at->second.phase == Phase::Ended) return;
  at->second.phase = Phase::Held;
  at->second.line.clear();
  at->second.started_us = report.at_us;
  if (std::exchange(at->second.started, true)) return;  // told again after a reconnect
  if (raw(session_) != 0) out_.started.push_back(report);
}

void EngineTable::on_progress(EngineProgress progress) {
  const auto at = entries_.find(progress.id);
  if (at == entries_.end() || at->second.phase != Phase::Held || raw(session_) == 0) return;
  for (EngineProgress& known : out_.progress)
    if (known.id == progress.id) return void(known = std::move(progress));
  out_.progress.push_back(std::move(progress));
}

void EngineTable::on_ended(EngineEnd report) {
  const auto at = entries_.find(report.report.id);
  if (at == entries_.end()) {  // acked while the engine was away: it may forget it
    if (engine_up_) out_.to_engine += ack_line(report.report.id);
    return;
  }
  if (at->second.phase != Phase::Ended) end(at->second, std::move(report));
}

void EngineTable::end(Entry& entry, EngineEnd report) {
  entry.phase = Phase::Ended;
  entry.line = {};
  entry.log = {};
  entry.end = std::move(report);
  ++ended_;
  if (raw(session_) != 0) out_.ended.push_back(entry.end);
}

LogPlace EngineTable::log_of_running() const {
  const Entry* first = nullptr;
  for (const auto& [id, entry] : entries_)
    if (entry.phase != Phase::Ended && (first == nullptr || entry.number < first->number))
      first = &entry;
  return first != nullptr ? first->log : LogPlace{};
}

std::vector<HeldReport> EngineTable::running() const {
  std::vector<HeldReport> held;
  for (const auto& [id, entry] : entries_) {
    const bool may_have_run =
        entry.started || (entry.phase == Phase::Ended && !entry.end.report.never_started);
    held.push_back({id, may_have_run});
  }
  return held;
}

}  // namespace drover::nodeagent
