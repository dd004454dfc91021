// nodeagent/supd_journal.cpp - record codec, replay, and the append-only file.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/supd_journal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/write_all.hpp"
#include "nodeagent/bytes.hpp"
#include "nodeagent/supd_frame.hpp"

namespace drover::nodeagent {
namespace {

enum class RecordKind : std::uint8_t {
  Boot = 1,
  Accept = 2,
  Start = 3,
  End = 4,
  Ack = 5,
  Pause = 6,
  Limit = 7
};

constexpr std::size_t kRecordHeader = 8;
constexpr std::size_t kRecordMax = 1 << 20;
constexpr std::uint64_t kCompactAt = 8 << 20;

std::uint32_t checksum(std::string_view body) {
  return static_cast<std::uint32_t>(XXH3_64bits(body.data(), body.size()));
}

class Scope {
 public:
  Scope(std::string& out, RecordKind kind) : out_(out), start_(out.size()) {
    put(out_, std::uint64_t{0});
    put(out_, static_cast<std::uint8_t>(kind));
  }
  ~Scope() {
    const std::string_view body = std::string_view(out_).substr(start_ + kRecordHeader);
    const std::uint32_t header[2] = {static_cast<std::uint32_t>(body.size()), checksum(body)};
    std::memcpy(out_.data() + start_, header, sizeof(header));
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  std::string& out_;
  std::size_t start_;
};

// Keeps the table while records go by; order of acceptance is kept by a growing position.
class Replay {
 public:
  bool on_record(RecordKind kind, std::string_view body) {
    Reader reader(body);
    switch (kind) {
      case RecordKind::Boot: return true;
      case RecordKind::Accept: {
        AcceptRecord accept;
        accept.id = reader.id();
        accept.uid = reader.number<std::uint32_t>();
        accept.time_limit_us = reader.number<std::int64_t>();
        accept.warn_signal = reader.number<std::int32_t>();
        accept.warn_before_s = reader.number<std::int32_t>();
        accept.kill_grace_s = reader.number<std::int32_t>();
        if (!reader.finished()) return false;
        open_[accept.id] = {next_++, {accept, {}, {}}};
        return true;
      }
      case RecordKind::Start: {
        StartRecord start;
        start.id = reader.id();
        start.pid = reader.number<std::int32_t>();
        start.identity = reader.number<std::uint64_t>();
        start.started_wall_us = reader.number<std::int64_t>();
        start.started_boot_us = reader.number<std::int64_t>();
        start.cgroup_slot = reader.number<std::uint32_t>();
        if (!reader.finished()) return false;
        const auto at = open_.find(start.id);
        if (at != open_.end()) at->second.second.start = start;
        return true;
      }
      case RecordKind::Pause: {
        PauseRecord pause;
        pause.id = reader.id();
        pause.since_boot_us = reader.number<std::int64_t>();
        pause.paused_us = reader.number<std::int64_t>();
        if (!reader.finished()) return false;
        const auto at = open_.find(pause.id);
        if (at != open_.end()) at->second.second.pause = pause;
        return true;
      }
      case RecordKind::Limit: {
        LimitRecord limit;
        limit.id = reader.id();
        limit.time_limit_us = reader.number<std::int64_t>();
        if (!reader.finished()) return false;
        const auto at = open_.find(limit.id);
        if (at != open_.end()) at->second.second.accept.time_limit_us = limit.time_limit_us;
        return true;
      }
      case RecordKind::End: {
        auto end = decode_end_body(body);
        if (!end) return false;
        open_.erase(end->id);
        const AttemptId id = end->id;
        ended_[id] = {next_++, std::move(*end)};
        return true;
      }
      case RecordKind::Ack: {
        const AttemptId id = reader.id();
        if (!reader.finished()) return false;
        ended_.erase(id);
        return true;
      }
    }
    return false;
  }
  void collect(JournalState& state) {
    std::vector<std::pair<std::uint64_t, const JournalState::Open*>> open;
    for (const auto& [id, entry] : open_) open.emplace_back(entry.first, &entry.second);
    std::sort(open.begin(), open.end());
    for (const auto& entry : open) state.open.push_back(*entry.second);
    std::vector<std::pair<std::uint64_t, EndReport*>> ended;
    for (auto& [id, entry] : ended_) ended.emplace_back(entry.first, &entry.second);
    std::sort(ended.begin(), ended.end());
    for (const auto& entry : ended) state.ended.push_back(std::move(*entry.second));
  }

 private:
  template <class Value>
  using Table = std::unordered_map<AttemptId, std::pair<std::uint64_t, Value>, AttemptIdHash>;
  Table<JournalState::Open> open_;
  Table<EndReport> ended_;
  std::uint64_t next_ = 0;
};

Result<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    if (errno == ENOENT) return std::string{};
    return fail(Errc::Io, "cannot read " + path + ": " + std::strerror(errno));
  }
  std::string bytes;
  char block[65536];
  ssize_t got = 0;
  while ((got = ::read(fd, block, sizeof(block))) > 0) bytes.append(block, std::size_t(got));
  const int error = got < 0 ? errno : 0;
  ::close(fd);
  if (error != 0) return fail(Errc::Io, "cannot read " + path + ": " + std::strerror(error));
  return bytes;
}

}  // namespace

void append_boot_record(std::string& out, std::string_view boot_id) {
  Scope scope(out, RecordKind::Boot);
  out += boot_id;
}

void append_record(std::string& out, const AcceptRecord& accept) {
  Scope scope(out, RecordKind::Accept);
  put_id(out, accept.id);
  put(out, accept.uid);
  put(out, accept.time_limit_us);
  put(out, accept.warn_signal);
  put(out, accept.warn_before_s);
  put(out, accept.kill_grace_s);
}

void append_record(std::string& out, const StartRecord& start) {
  Scope scope(out, RecordKind::Start);
  put_id(out, start.id);
  put(out, start.pid);
  put(out, start.identity);
  put(out, start.started_wall_us);
  put(out, start.started_boot_us);
  put(out, start.cgroup_slot);
}

void append_record(std::string& out, const PauseRecord& pause) {
  Scope scope(out, RecordKind::Pause);
  put_id(out, pause.id);
  put(out, pause.since_boot_us);
  put(out, pause.paused_us);
}

void append_record(std::string& out, const LimitRecord& limit) {
  Scope scope(out, RecordKind::Limit);
  put_id(out, limit.id);
  put(out, limit.time_limit_us);
}

void append_record(std::string& out, const EndReport& end) {
  Scope scope(out, RecordKind::End);
  append_end_body(out, end);
}

void append_ack_record(std::string& out, const AttemptId& id) {
  Scope scope(out, RecordKind::Ack);
  put_id(out, id);
}

JournalState replay_journal(std::string_view bytes, std::string_view boot_id) {
  JournalState state;
  Replay replay;
  bool first = true;
  while (!bytes.empty()) {
    Reader reader(bytes);
    const auto size = reader.number<std::uint32_t>();
    const auto sum = reader.number<std::uint32_t>();
    const std::string_view body = reader.bytes(size);
    if (!reader.ok() || size == 0 || size > kRecordMax || checksum(body) != sum) break;
    const auto kind = static_cast<RecordKind>(body[0]);
    if (first && (kind != RecordKind::Boot || body.substr(1) != boot_id)) {
      state.other_boot = true;
      return state;
    }
    first = false;
    if (!replay.on_record(kind, body.substr(1))) break;
    bytes.remove_prefix(kRecordHeader + size);
  }
  state.damaged_bytes = bytes.size();
  replay.collect(state);
  return state;
}

Journal::Journal(Journal&& other) noexcept
    : path_(std::move(other.path_)),
      boot_id_(std::move(other.boot_id_)),
      pending_(std::move(other.pending_)),
      fd_(std::exchange(other.fd_, -1)),
      bytes_(other.bytes_),
      compacted_bytes_(other.compacted_bytes_) {}

Journal::~Journal() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Journal> Journal::open(const std::string& path, std::string_view boot_id,
                              JournalState& state) {
  auto bytes = read_file(path);
  if (!bytes) return fail(std::move(bytes.error()));
  state = replay_journal(*bytes, boot_id);
  std::string live;
  for (const JournalState::Open& open : state.open) {
    append_record(live, open.accept);
    if (open.start.pid != 0) append_record(live, open.start);
    if (open.pause != PauseRecord{}) append_record(live, open.pause);
  }
  for (const EndReport& end : state.ended) append_record(live, end);
  if (state.damaged_bytes != 0) (void)::rename(path.c_str(), (path + ".damaged").c_str());
  Journal journal(path, std::string(boot_id));
  auto compacted = journal.compact(live);
  if (!compacted) return fail(std::move(compacted.error()));
  return journal;
}

Result<void> Journal::flush() {
  if (pending_.empty()) return {};
  const std::size_t wrote = write_most(fd_, pending_);
  if (wrote == pending_.size()) {
    bytes_ += wrote;
    pending_.clear();
    return {};
  }
  const int error = errno;
  // A half-written record would hide everything behind it: take it back.
  if (wrote > 0 && ::ftruncate(fd_, static_cast<off_t>(bytes_)) != 0)
    return fail(Errc::Io, "cannot repair " + path_ + ": " + std::strerror(errno));
  return fail(Errc::Io, "cannot write " + path_ + ": " + std::strerror(error),
              "free space on the file system of the data directory");
}

bool Journal::wants_compaction() const {
  return bytes_ > kCompactAt && bytes_ > 4 * compacted_bytes_;
}

Result<void> Journal::compact(std::string_view live) {
  const std::string fresh_path = path_ + ".new";
  const int fd = ::open(fresh_path.c_str(),
                        O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return fail(Errc::Io, "cannot create " + fresh_path + ": " + std::strerror(errno));
  std::string bytes;
  append_boot_record(bytes, boot_id_);
  bytes += live;
  if (!write_all(fd, bytes) || ::rename(fresh_path.c_str(), path_.c_str()) != 0) {
    const int error = errno;
    ::close(fd);
    ::unlink(fresh_path.c_str());
    return fail(Errc::Io, "cannot write " + fresh_path + ": " + std::strerror(error),
                "free space on the file system of the data directory");
  }
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
  bytes_ = compacted_bytes_ = bytes.size();
  return {};
}

}  // namespace drover::nodeagent
