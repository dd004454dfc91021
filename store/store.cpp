// store/store.cpp - opening, committing, growing, copying: the life of a store.
// SPDX-License-Identifier: Apache-2.0
#include "store/store.hpp"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>

#include "store/commit.hpp"
#include "store/directory.hpp"
#include "store/environment.hpp"
#include "store/lmdb_error.hpp"
#include "store/opening.hpp"
#include "store/room.hpp"
#include "store/snapshot_state.hpp"

namespace drover::store {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t(1) << 20;
// A commit that finds the map full waits this long for readers: snapshots are meant to be short.
constexpr std::chrono::seconds kReaderPatience{60};
constexpr std::chrono::milliseconds kRoomEvery{1000};

std::int64_t steady_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

struct Store::State {
  StoreOptions options;
  Directory directory;
  std::shared_ptr<Environment> environment;
  std::unique_ptr<Room> room;
  Scratch scratch;
  JobId purge_from{};
  bool failed = false;
  mutable std::atomic<std::int64_t> room_checked_ms{0};
  std::atomic<std::uint64_t> commits{0}, records_written{0};

  // One attempt; `map_full` says that a larger map would help.
  Result<void> try_commit(const CommitBatch& batch, bool& map_full);
  void look_at_room() const;
};

Result<void> Store::State::try_commit(const CommitBatch& batch, bool& map_full) {
  auto txn = environment->begin_write();
  if (!txn) return fail(txn.error());
  JobId from = purge_from;
  auto done = write_batch(*txn, batch, scratch);
  if (done) {
    const sched::Changes& changes = batch.changes;
    const RetentionLimits limits{options.events_max, options.closed_jobs_max,
                                 options.closed_workflows_max, options.step_results_max};
    done =
        trim(*txn, limits, changes.events.size(), changes.jobs.size() + changes.tasks.size(), from);
  }
  const std::uint64_t written = txn->written();
  if (done) done = txn->commit();
  map_full = txn->map_is_full();
  if (!done) return done;
  purge_from = from;
  commits.fetch_add(1, std::memory_order_relaxed);
  records_written.fetch_add(written, std::memory_order_relaxed);
  return {};
}

void Store::State::look_at_room() const {
  const SpaceUsed space = environment->space(false);
  room->keep_ahead_of(space.file_bytes);
}

Result<Store> Store::open(const StoreOptions& options) {
  if (options.map_initial_mib == 0 || options.map_max_mib < options.map_initial_mib)
    return fail(Errc::BadInput, "map_initial_mib must be at least 1 and at most map_max_mib");
  auto directory = Directory::open(options.dir, Directory::Missing::Create);
  if (!directory) return fail(directory.error());
  if (!directory->contains(kDataFile))
    if (auto ok = create_store(*directory, options.map_max_mib * kMiB); !ok)
      return fail(ok.error(), "create the store");
  for (const char* name : {kDataFile, "lock.mdb", "holder"})
    if (auto ok = directory->check_file(name); !ok) return fail(ok.error());
  const std::string dir = directory->path();
  auto environment = open_existing(dir, options.map_initial_mib * kMiB, options.map_max_mib * kMiB,
                                   Environment::Use::Write);
  if (!environment) return fail(environment.error());
  auto room = Room::open(dir + "/" + kDataFile, options.reserve_mib * kMiB);
  if (!room) return fail(room.error());
  directory->sign();
  std::unique_ptr<State> state(new State{options,
                                         std::move(*directory),
                                         std::move(*environment),
                                         std::move(*room),
                                         {},
                                         {},
                                         false,
                                         {},
                                         {},
                                         {}});
  state->look_at_room();
  state->room_checked_ms = steady_ms();
  return Store(std::move(state));
}

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::~Store() = default;
Store::Store(Store&&) noexcept = default;

Result<bool> Store::commit_at_once(const CommitBatch& batch) {
  if (state_->failed || state_->environment->is_half_full()) return false;
  bool map_full = false;
  auto done = state_->try_commit(batch, map_full);
  if (done) return true;
  if (map_full) return false;
  state_->failed = true;
  return fail(done.error(), "store a turn");
}

Result<void> Store::commit(const CommitBatch& batch) {
  if (batch.changes.empty() && batch.workflows.empty() && batch.idempotency.empty()) return {};
  if (state_->failed)
    return fail(Errc::Io, "the store failed earlier and takes no more writes",
                "stop droverd, repair the cause, start it again");
  for (;;) {
    bool map_full = false;
    auto done = state_->try_commit(batch, map_full);
    if (done) break;
    if (map_full) {
      const auto grown = state_->environment->grow(kReaderPatience);
      if (grown && *grown) continue;
      done = grown ? fail(Errc::Unavailable, "a reader kept the store from growing for a minute")
                   : fail(grown.error());
    }
    state_->failed = true;  // memory of the caller may be ahead of the disk from here on
    return fail(done.error(), "store a turn");
  }
  // Early, and only when nobody reads: then the wait above hardly ever happens.
  if (state_->environment->is_half_full()) {
    const auto grown = state_->environment->grow(std::chrono::milliseconds(0));
    if (!grown && grown.error().code == Errc::Io) state_->failed = true;
  }
  return {};
}

Result<Snapshot> Store::snapshot() const {
  auto txn = state_->environment->begin_read();
  if (!txn) return fail(txn.error());
  return Snapshot(std::unique_ptr<Snapshot::State>(new Snapshot::State{std::move(*txn)}));
}

bool Store::has_room() const {
  const std::int64_t now = steady_ms();
  std::int64_t checked = state_->room_checked_ms.load(std::memory_order_relaxed);
  // One thread looks; the others take the last answer.
  if (now - checked >= kRoomEvery.count() &&
      state_->room_checked_ms.compare_exchange_strong(checked, now))
    state_->look_at_room();
  return state_->room->enough();
}

StoreStats Store::stats() const {
  const SpaceUsed space = state_->environment->space(true);
  state_->room->keep_ahead_of(space.file_bytes);
  return {space.map_bytes, space.file_bytes - std::min(space.free_bytes, space.file_bytes),
          state_->room->disk_free(), state_->commits, state_->records_written};
}

Result<void> Store::backup(const std::string& dir) const {
  std::error_code problem;
  const bool empty = std::filesystem::is_empty(dir, problem);
  if (problem)
    return fail(Errc::NotFound, "cannot look into " + dir + ": " + problem.message(),
                "create an empty folder for the backup first");
  if (!empty) return fail(Errc::Conflict, dir + " is not empty", "choose an empty folder");
  const std::string path = dir + "/" + kDataFile;
  const FileHandle file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.is_open()) return fail(system_error(errno, "create " + path));
  if (auto ok = state_->environment->copy_to(file.fd()); !ok) return ok;
  // The copy counts only when a power cut cannot take it back.
  const FileHandle folder(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (::fsync(file.fd()) != 0 || !folder.is_open() || ::fsync(folder.fd()) != 0)
    return fail(system_error(errno, "sync " + path));
  return {};
}

Result<CheckReport> Store::check() const {
  const auto txn = state_->environment->begin_read();
  if (!txn) return fail(txn.error());
  return check_records(*txn);
}

}  // namespace drover::store
