// nodeagent/supd_journal.hpp - what supd remembers across its own death: accepted, started, ended.
// SPDX-License-Identifier: Apache-2.0
//
// File: records, each u32 size of body, u32 checksum of body, body (u8 kind, then the fields). Not
// fsynced: after a power cut the processes are gone too, and the boot id in the first record tells
// (promise P3). A torn or damaged tail ends the replay; what stood before it is used.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "nodeagent/reports.hpp"

namespace drover::nodeagent {

struct AcceptRecord {
  AttemptId id;
  std::uint32_t uid = 0;
  std::int64_t time_limit_us = 0;
  std::int32_t warn_signal = 0, warn_before_s = 0, kill_grace_s = 0;
  friend bool operator==(const AcceptRecord&, const AcceptRecord&) = default;
};
struct StartRecord {
  AttemptId id;
  std::int32_t pid = 0;
  std::uint64_t identity = 0;  // pidfd inode, else the start time of /proc/PID/stat
  std::int64_t started_wall_us = 0, started_boot_us = 0;
  std::uint32_t cgroup_slot = 0;  // of the pool; 0 = a cgroup of the attempt's own name
  friend bool operator==(const StartRecord&, const StartRecord&) = default;
};

struct PauseRecord {
  AttemptId id;
  std::int64_t since_boot_us = 0;  // stands still since; 0 = it runs
  std::int64_t paused_us = 0;      // before that, since the start that the journal has
  friend bool operator==(const PauseRecord&, const PauseRecord&) = default;
};

struct LimitRecord {  // instead of what was accepted
  AttemptId id;
  std::int64_t time_limit_us = 0;
  friend bool operator==(const LimitRecord&, const LimitRecord&) = default;
};

struct JournalState {  // what a replay leaves
  struct Open {
    AcceptRecord accept;
    StartRecord start;  // pid 0: forked or not, we do not know
    PauseRecord pause;  // the last one, if any
    friend bool operator==(const Open&, const Open&) = default;
  };
  std::vector<Open> open;           // accepted, not ended; in order of acceptance
  std::vector<EndReport> ended;     // ended, not acked
  std::uint64_t damaged_bytes = 0;  // at the end of the file
  bool other_boot = false;          // everything was dropped: the machine has booted since
};

// Codec, free of IO.
void append_boot_record(std::string& out, std::string_view boot_id);
void append_record(std::string& out, const AcceptRecord& accept);
void append_record(std::string& out, const StartRecord& start);
void append_record(std::string& out, const PauseRecord& pause);
void append_record(std::string& out, const LimitRecord& limit);
void append_record(std::string& out, const EndReport& end);
void append_ack_record(std::string& out, const AttemptId& id);
JournalState replay_journal(std::string_view bytes, std::string_view boot_id);

// The file. Records gather in memory and go out with flush(), one write(2) per round.
class Journal {
 public:
  // Reads what is there, then starts a fresh compacted file in its place.
  static Result<Journal> open(const std::string& path, std::string_view boot_id,
                              JournalState& state);
  Journal(Journal&& other) noexcept;
  Journal& operator=(Journal&&) = delete;
  ~Journal();

  std::string& pending() { return pending_; }
  // Io when the file system refuses; the records stay pending and the next flush tries again.
  Result<void> flush();
  // True when enough of the file is dead that a rewrite pays.
  bool wants_compaction() const;
  // Replaces the file by `live` (made with the append functions, without the boot record).
  Result<void> compact(std::string_view live);

 private:
  Journal(std::string path, std::string boot_id)
      : path_(std::move(path)), boot_id_(std::move(boot_id)) {}

  std::string path_, boot_id_, pending_;
  int fd_ = -1;
  std::uint64_t bytes_ = 0, compacted_bytes_ = 0;
};

}  // namespace drover::nodeagent
