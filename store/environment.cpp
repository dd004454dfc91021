// store/environment.cpp - opening the environment, its reader pool, and growing the map
// SPDX-License-Identifier: Apache-2.0
#include "store/environment.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "store/lmdb_error.hpp"

namespace drover::store {
namespace {

constexpr unsigned kReadersMax = 2048;
constexpr std::size_t kIdleMax = 64;

// LMDB unmaps before it maps: when the second step fails the environment is lost. So ask the kernel
// first.
bool address_space_has(std::uint64_t bytes) {
  void* probe =
      ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (probe == MAP_FAILED) return false;
  ::munmap(probe, bytes);
  return true;
}

}  // namespace

Result<std::shared_ptr<Environment>> Environment::open(const std::string& dir,
                                                       std::uint64_t map_bytes,
                                                       std::uint64_t map_max_bytes, Use use) {
  std::shared_ptr<Environment> made(new Environment);
  made->map_max_bytes_ = map_max_bytes;
  if (auto ok = check_lmdb(mdb_env_create(&made->env_), "create the LMDB environment"); !ok)
    return fail(ok.error());
  mdb_env_set_maxdbs(made->env_, kTables);
  mdb_env_set_maxreaders(made->env_, kReadersMax);
  // A limit on address space (ulimit -v) only means growing in smaller steps from a smaller start.
  while (map_bytes > (std::uint64_t(64) << 20) && !address_space_has(map_bytes)) map_bytes /= 2;
  mdb_env_set_mapsize(made->env_, map_bytes);
  unsigned flags = MDB_NOTLS;
  if (use == Use::Read) flags |= MDB_RDONLY | MDB_NOLOCK;
  if (auto ok = check_lmdb(mdb_env_open(made->env_, dir.c_str(), flags, 0600), "open " + dir); !ok)
    return fail(ok.error());
  MDB_envinfo info{};
  mdb_env_info(made->env_, &info);
  made->map_bytes_ = info.me_mapsize;
  if (auto ok = made->open_tables(use); !ok) return fail(ok.error(), "open " + dir);
  return made;
}

Result<void> Environment::open_tables(Use use) {
  MDB_txn* txn = nullptr;
  const bool create = use == Use::Create;
  if (auto ok = check_lmdb(mdb_txn_begin(env_, nullptr, create ? 0 : MDB_RDONLY, &txn), "begin");
      !ok)
    return ok;
  for (std::size_t i = 0; i < kTables; ++i) {
    const char* name = to_string(Table(i));
    const int rc = mdb_dbi_open(txn, name, create ? MDB_CREATE : 0, &tables_[i]);
    if (rc == MDB_SUCCESS) continue;
    if (rc == MDB_NOTFOUND && i >= kFirstTables) {
      tables_[i] = kNoTable;
      continue;
    }
    mdb_txn_abort(txn);
    if (rc == MDB_NOTFOUND || rc == MDB_INCOMPATIBLE)
      return fail(Errc::Corrupt, std::string("table ") + name + " is missing",
                  "this is no Drover store, or it is damaged: restore a backup");
    return check_lmdb(rc, std::string("open table ") + name);
  }
  return check_lmdb(mdb_txn_commit(txn), "open tables");
}

bool Environment::lacks_tables() const {
  return std::find(tables_.begin(), tables_.end(), kNoTable) != tables_.end();
}

Result<void> Environment::add_tables(WriteTxn& txn) {
  for (std::size_t i = kFirstTables; i < kTables; ++i) {
    if (tables_[i] != kNoTable) continue;
    const int rc = mdb_dbi_open(txn.txn_, to_string(Table(i)), MDB_CREATE, &tables_[i]);
    const std::string doing = std::string("make table ") + to_string(Table(i));
    if (auto ok = check_lmdb(rc, doing); !ok) return ok;
  }
  return {};
}

Environment::~Environment() {
  for (MDB_txn* txn : idle_) mdb_txn_abort(txn);
  if (env_ != nullptr) mdb_env_close(env_);
}

Result<ReadTxn> Environment::begin_read() {
  gate_.enter();
  MDB_txn* txn = nullptr;
  {
    const std::scoped_lock lock(idle_mutex_);
    if (!idle_.empty()) {
      txn = idle_.back();
      idle_.pop_back();
    }
  }
  int rc = MDB_SUCCESS;
  if (txn != nullptr) {
    rc = mdb_txn_renew(txn);
    if (rc != MDB_SUCCESS) mdb_txn_abort(txn);
  } else {
    rc = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  }
  if (auto ok = check_lmdb(rc, "begin reading the store"); !ok) {
    gate_.leave();
    return fail(ok.error());
  }
  return ReadTxn(shared_from_this(), txn);
}

void Environment::give_back(MDB_txn* txn) {
  mdb_txn_reset(txn);
  {
    const std::scoped_lock lock(idle_mutex_);
    if (idle_.size() < kIdleMax) {
      idle_.push_back(txn);
      txn = nullptr;
    }
  }
  if (txn != nullptr) mdb_txn_abort(txn);
  gate_.leave();
}

Result<WriteTxn> Environment::begin_write() {
  MDB_txn* txn = nullptr;
  if (auto ok = check_lmdb(mdb_txn_begin(env_, nullptr, 0, &txn), "begin writing"); !ok)
    return fail(ok.error());
  return WriteTxn(*this, txn);
}

std::uint64_t Environment::last_txn() const {
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  return info.me_last_txnid;
}

Result<bool> Environment::grow(std::chrono::milliseconds patience) {
  const std::uint64_t target = std::min(map_bytes_ * 2, map_max_bytes_);
  if (target <= map_bytes_)
    return fail(Errc::Limit, "the store has reached its largest size",
                "raise map_max_mib, or keep fewer closed jobs and events");
  if (!address_space_has(target))
    return fail(Errc::Unavailable, "no address space to grow the store's map",
                "raise the limit on address space (ulimit -v)");
  int rc = MDB_SUCCESS;
  const bool moved = gate_.close_and(patience, [&] { rc = mdb_env_set_mapsize(env_, target); });
  if (!moved) return false;
  if (auto ok = check_lmdb(rc, "grow the store's map"); !ok) return fail(ok.error());
  map_bytes_ = target;
  return true;
}

bool Environment::is_half_full() {
  MDB_envinfo info{};
  MDB_stat stat{};
  mdb_env_info(env_, &info);
  mdb_env_stat(env_, &stat);
  return (info.me_last_pgno + 1) * stat.ms_psize > map_bytes_ / 2 && map_bytes_ < map_max_bytes_;
}

SpaceUsed Environment::space(bool count_free) {
  auto txn = begin_read();  // also keeps the map where it is
  if (!txn) return {};
  MDB_envinfo info{};
  MDB_stat stat{};
  mdb_env_info(env_, &info);
  mdb_env_stat(env_, &stat);
  SpaceUsed space{info.me_mapsize, (info.me_last_pgno + 1) * stat.ms_psize, 0};
  if (count_free) space.free_bytes = txn->free_pages() * stat.ms_psize;
  return space;
}

Result<void> Environment::copy_to(int fd) {
  // LMDB reads the map in a transaction of its own; ours keeps the map from being moved meanwhile.
  const auto hold = begin_read();
  if (!hold) return fail(hold.error());
  return check_lmdb(mdb_env_copyfd(env_, fd), "copy the store");
}

}  // namespace drover::store
