// nodeagent/supervisor.hpp - supd's attempts: what runs, when it must stop, what to report.
// SPDX-License-Identifier: Apache-2.0
//
// One thread, no sockets: supd_server.hpp feeds it messages, signals and time and sends what it
// leaves in outbox(). A round is: on_payload() and on_child_ends() in any number, then
// end_of_round().
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "nodeagent/cgroup_pool.hpp"
#include "nodeagent/cgroups.hpp"
#include "nodeagent/launcher.hpp"
#include "nodeagent/orphans.hpp"
#include "nodeagent/supd_frame.hpp"
#include "nodeagent/supd_journal.hpp"

namespace drover::nodeagent {

inline constexpr std::uint32_t kAttemptsMax = 65536;     // running at once
inline constexpr std::size_t kUnackedEndsMax = 200'000;  // then launches are refused
inline constexpr int kLaunchesPerRound = 32;             // so that ends are reaped in between

class Supervisor {
 public:
  struct Options {
    std::string boot_id;
    std::uint32_t min_uid = 0;  // jobs of lower uids are refused
    bool oom_score_lowered = false;
  };
  // A pidfd of an adopted attempt has to be watched; it is closed by the supervisor.
  using WatchPidfd = void (*)(void* context, int pidfd, std::uint32_t attempt_index);

  Supervisor(Options options, Cgroups cgroups, Journal journal, FailureSlots slots);

  // Takes over what an earlier supd left. Call once, before anything else.
  void adopt(const JournalState& state, WatchPidfd watch, void* context);

  // One payload of the agent's stream. Launches beyond the round's share stay in `payload`; call
  // again in the next round. BadInput: close the connection.
  Result<void> on_payload(std::string_view& payload);
  // Welcome, table and unacked ends, as after each connect.
  void greet();
  void on_child_ends();  // SIGCHLD: reaps everything there is
  void on_adopted_end(std::uint32_t attempt_index);
  void on_time();  // the deadline has passed
  // Writes the journal; true when the outbox may leave. Events are held back while the disk
  // refuses.
  bool end_of_round();
  void kill_everything();  // shutdown asked twice

  void leave();  // the process ends now

  std::int64_t next_deadline_us() const;  // CLOCK_BOOTTIME; 0 = none
  std::string& outbox() { return outbox_; }
  bool is_idle() const { return by_id_.empty(); }
  std::size_t running() const { return by_id_.size(); }

 private:
  enum class Phase : std::uint8_t { Running, Ending, Draining };
  enum class Due : std::uint8_t { Nothing, Warn, Limit, Kill, Drain };
  struct Attempt {
    AcceptRecord accept;
    std::uint32_t index = 0;
    pid_t pid = 0;
    CgroupSlot slot;
    std::uint32_t adopted_slot = 0;  // the pool number of an earlier supd
    std::uint64_t orphans_before = 0;
    int pidfd = -1;  // adopted only
    std::uint64_t identity = 0;
    Phase phase = Phase::Running;
    Due due = Due::Nothing;
    std::int64_t due_us = 0;
    std::int64_t started_wall_us = 0;
    std::int64_t started_boot_us = 0;  // later by as long as it stood still
    std::int64_t suspended_us = 0;     // CLOCK_BOOTTIME; since when it stands still; 0 = it runs
    std::int64_t paused_us = 0;        // before that, since the start that the journal has
    bool is_warned = false;
    std::int64_t drain_delay_us = 0;
    EndCause forced = EndCause::Exited;  // TimeLimit or Killed when we end it
    bool memory_limited = false, adopted = false;
    bool was_killed = false;  // through its cgroup, which no other attempt gets then
    EndReport end;
  };
  struct Unacked {
    std::uint64_t seq = 0;
    EndReport report;
  };

  Result<void> on_message(const Message& message);
  void on_launch();
  void on_kill(const KillFrame& kill);
  void on_ack(const AttemptId& id);
  void on_pause(const AttemptId& id, bool suspended);
  void stop_processes(const Attempt& attempt) const;
  void wake_processes(const Attempt& attempt) const;
  void on_limit(const LimitFrame& limit);
  void note_pause(const Attempt& attempt);
  void go_on(Attempt& attempt);
  void refuse(const AttemptId& id, EndCause cause, std::string message);
  bool knows(const AttemptId& id) const;

  Attempt& add(const AcceptRecord& accept);
  void adopt_one(const JournalState::Open& open, WatchPidfd watch, void* context);
  void set_due(Attempt& attempt, Due due, std::int64_t at_us);
  void arm_time_limit(Attempt& attempt);
  void on_due(Attempt& attempt);
  void begin_end(Attempt& attempt, EndCause cause);
  void kill_now(Attempt& attempt);
  void signal_group(const Attempt& attempt, int signal) const;
  void on_main_end(Attempt& attempt, int status);
  void drain(Attempt& attempt);
  bool is_empty(Attempt& attempt);
  bool try_return_slot(Attempt& attempt);
  static CgroupName cgroup_of(const Attempt& attempt);
  static StartRecord start_record(const Attempt& attempt);
  bool no_orphans(const Attempt& attempt);
  void finish(Attempt& attempt);
  void report_end(EndReport report);
  void remember(const AttemptId& id);
  void compact();

  Options options_;
  Cgroups cgroups_;
  Journal journal_;
  FailureSlots slots_;
  CgroupPool pool_;
  Launcher launcher_;
  LaunchFrame frame_;  // reused for every launch
  int launches_left_ = kLaunchesPerRound;
  bool journal_blocked_ = false;

  std::deque<Attempt> slab_;  // index -> attempt; never shrinks, addresses stay
  std::vector<std::uint32_t> free_;
  std::unordered_map<AttemptId, Attempt*, AttemptIdHash> by_id_;
  std::unordered_map<pid_t, Attempt*> by_pid_;
  std::set<std::pair<std::int64_t, std::uint32_t>> deadlines_;

  std::unordered_map<AttemptId, Unacked, AttemptIdHash> unacked_;
  std::uint64_t seq_ = 0;
  std::uint64_t orphans_reaped_ = 0;  // processes whose parents did not wait for them
  std::vector<std::uint64_t>
      recent_;  // hashes of attempts that ended and were acked; direct-mapped
  std::string outbox_;
};

}  // namespace drover::nodeagent
