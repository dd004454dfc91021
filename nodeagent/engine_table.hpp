// nodeagent/engine_table.hpp - what one engine runs, and which ends the controller has not acked.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "nodeagent/engine_lines.hpp"
#include "nodeagent/reports.hpp"

namespace drover::nodeagent {

struct LogPlace {
  std::string path;
  std::int64_t limit = 0;  // bytes; 0 = any
};

// Stands between the controller (messages lost, doubled, of an old session) and an engine (its
// connection, or this agent, may go at any time), as attempt_table.hpp does for supd. A function of
// its calls: outputs gather in out() and the caller sends and clears them.
class EngineTable {
 public:
  struct Outputs {
    std::string to_engine;  // lines
    std::vector<StartReport> started;
    std::vector<EngineEnd> ended;
    std::vector<EngineProgress> progress;
  };

  explicit EngineTable(std::size_t statements_max = 2000) : statements_max_(statements_max) {}
  Outputs& out() { return out_; }
  std::uint64_t launched() const { return launched_; }  // ever

  // The controller's side.
  void on_welcome(SessionId session);  // tells every unacked end again
  void on_controller_lost() { session_ = SessionId{}; }
  void on_launch(SessionId session, const AttemptId& id, std::string execute_line,
                 std::int32_t grace_s, std::int64_t now_us, LogPlace log = {});
  // A launch that the agent cannot pass on: ends at once.
  void on_bad_launch(SessionId session, const AttemptId& id, std::string why, std::int64_t now_us);
  // `signal`: 0 = end it after the grace; INT and TERM likewise; KILL: without grace. Others are
  // not for statements.
  void on_kill(SessionId session, const AttemptId& id, std::int32_t signal, std::int64_t now_us);
  void on_note(SessionId session, const AttemptId& id, std::string_view text);  // may be lost
  void on_ack(SessionId session, const AttemptId& id);
  void repeat_ends();  // called from time to time while a session lasts

  // The engine's side.
  void on_engine(const std::vector<AttemptId>& running, std::int64_t now_us);  // it said hello
  void on_engine_lost();
  void on_started(const StartReport& report);
  void on_progress(EngineProgress progress);
  void on_ended(EngineEnd end);

  // For Hello: all whose end is not acked, sorted (also ends: the controller awaits the report).
  std::vector<HeldReport> running() const;
  bool is_empty() const { return entries_.empty(); }
  std::size_t running_count() const { return entries_.size() - ended_; }
  // Of the statement that runs, should it have been launched by this agent: the first that has not
  // ended, in the order in which the engine got them.
  LogPlace log_of_running() const;
  SessionId session() const { return session_; }

 private:
  enum class Phase : std::uint8_t { Ordered, Held, Ended };
  struct Entry {
    Phase phase = Phase::Ordered;
    bool started = false;
    std::int64_t started_us = 0;
    bool kill_wanted = false;  // while the engine is away
    std::int32_t grace_s = kDefaultGrace;
    std::string line;  // while Ordered
    LogPlace log;
    std::uint64_t number = 0;  // of its launch
    EngineEnd end;             // when Ended
  };
  static constexpr std::int32_t kDefaultGrace = 10;  // of what an earlier agent was told

  bool is_current(SessionId session) const { return raw(session) != 0 && session == session_; }
  void end(Entry& entry, EngineEnd end);
  static EngineEnd local_end(const AttemptId& id, EndCause cause, bool never_started,
                             std::string why, std::int64_t now_us);

  std::map<AttemptId, Entry> entries_;  // an engine has few
  std::size_t statements_max_, ended_ = 0;
  std::uint64_t launched_ = 0;
  SessionId session_{};  // 0 = none
  bool engine_up_ = false;
  Outputs out_;
};

}  // namespace drover::nodeagent
