// nodeagent/attempt_table.hpp - the agent's attempts: sessions, repetitions, acks. No IO.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "nodeagent/reports.hpp"

namespace drover::nodeagent {

// Stands between the controller (any message lost, late, doubled or of an old session) and supd
// (any disconnect). A function of its calls: outputs gather in out() and the caller sends and
// clears them. The simulation drives the same class.
class AttemptTable {
 public:
  struct Outputs {
    std::string to_supd;  // messages of supd_frame.hpp
    std::vector<StartReport> started;
    std::vector<EndReport> ended;
    bool empty() const { return to_supd.empty() && started.empty() && ended.empty(); }
    void clear() {
      to_supd.clear();
      started.clear();
      ended.clear();
    }
  };
  enum class Verdict : std::uint8_t {
    Accepted,
    Waits,  // until an older attempt of the same task, which is killed now, has ended
    Duplicate,
    StaleSession,  // dropped: only orders of the current session are obeyed
    StaleEpoch,    // dropped: a newer attempt of the task is here
    Full,          // refused with an end report
  };
  struct Counters {
    std::uint64_t launches = 0, duplicates = 0, stale_sessions = 0, stale_epochs = 0;
  };

  explicit AttemptTable(std::size_t attempts_max = 100'000) : attempts_max_(attempts_max) {}

  Outputs& out() { return out_; }
  const Counters& counters() const { return counters_; }

  // The controller's side.
  void on_welcome(SessionId session);  // tells every unacked end again
  void on_controller_lost() { session_ = SessionId{}; }
  // `payload` is the attempt's Launch message; kept until supd is known to have it.
  Verdict on_launch(SessionId session, const AttemptId& id, std::string payload);
  // A launch that the agent itself cannot prepare: ends at once.
  Verdict on_bad_launch(SessionId session, const AttemptId& id, std::string message,
                        std::int64_t now_us);
  void on_kill(SessionId session, const AttemptId& id, std::int32_t signal, std::int64_t now_us);
  void on_pause(SessionId session, const AttemptId& id, bool suspended);
  void on_limit(SessionId session, const AttemptId& id, std::int64_t time_limit_us);
  void on_ack(SessionId session, const AttemptId& id);
  void repeat_ends();  // called from time to time while a session lasts

  // supd's side: a list (held, ended) follows each connect and closes with on_list_end.
  void on_list_begin();
  void on_held(const HeldReport& held);
  void on_list_end(std::int64_t now_us);
  void on_supd_lost();
  void on_started(const StartReport& report);
  void on_ended(EndReport report);

  bool is_synced() const { return supd_up_; }
  // For Hello: everything whose end the controller has not acked, sorted. An end that waits for its
  // ack counts as held, so that the controller awaits the report instead of taking it for lost.
  std::vector<HeldReport> running() const;
  // Those that started at least `age` ago; of a start that an earlier agent heard nothing is known.
  std::vector<StartReport> running_since(std::int64_t now_us, Duration age) const;
  std::size_t size() const { return entries_.size(); }
  std::size_t running_count() const { return entries_.size() - ended_; }
  SessionId session() const { return session_; }

 private:
  enum class Phase : std::uint8_t { Ordered, Held, Ended };
  struct Entry {
    Phase phase = Phase::Ordered;
    bool started = false;
    std::int64_t started_us = 0;  // with the pid, from supd's report
    std::int32_t pid = 0;
    bool seen = false;                         // in the list that is being received
    bool waits = false;                        // for an older attempt of the task
    bool kill_wanted = false;                  // while supd is away
    std::optional<bool> pause_wanted;          // likewise: suspended or not
    std::optional<std::int64_t> limit_wanted;  // likewise
    std::string launch;                        // while Ordered
    EndReport end;                             // when Ended
  };
  using Entries = std::unordered_map<AttemptId, Entry, AttemptIdHash>;

  bool is_current(SessionId session);
  Verdict admit(SessionId session, const AttemptId& id);
  void end(const AttemptId& id, Entry& entry, EndReport report);
  void order(const AttemptId& id, Entry& entry);
  void release_waiting(const TaskId& task);
  std::vector<AttemptId> sorted_ids() const;

  Entries entries_;
  std::unordered_map<TaskId, AttemptId> newest_;  // of each task in entries_
  std::size_t attempts_max_;
  std::size_t ended_ = 0;  // entries whose end waits for its ack
  SessionId session_{};    // 0 = none
  bool supd_up_ = false;
  Outputs out_;
  Counters counters_;
};

}  // namespace drover::nodeagent
