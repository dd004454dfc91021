// store/transaction.cpp - reading, walking and writing sealed records inside LMDB transactions.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstring>

#include "store/environment.hpp"
#include "store/lmdb_error.hpp"
#include "store/record.hpp"

namespace drover::store {
namespace {

MDB_val to_val(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }
std::string_view to_view(const MDB_val& val) {
  return {static_cast<const char*>(val.mv_data), val.mv_size};
}

}  // namespace

// ---------------------------------------------------------------- reading

ReadTxn::~ReadTxn() {
  if (txn_ != nullptr) environment_->give_back(txn_);
}

Result<std::optional<std::string_view>> ReadTxn::find(Table table, std::string_view key) const {
  if (!environment_->has(table)) return std::nullopt;
  MDB_val k = to_val(key);
  MDB_val v{};
  const int rc = mdb_get(txn_, environment_->dbi(table), &k, &v);
  if (rc == MDB_NOTFOUND) return std::nullopt;
  if (auto ok = check_lmdb(rc, "read " + record_name(table, key)); !ok) return fail(ok.error());
  return to_view(v);
}

std::uint64_t ReadTxn::entries(Table table) const {
  if (!environment_->has(table)) return 0;
  MDB_stat stat{};
  mdb_stat(txn_, environment_->dbi(table), &stat);
  return stat.ms_entries;
}

std::uint64_t ReadTxn::free_pages() const {
  constexpr MDB_dbi kFreeList = 0;  // LMDB's own: transaction -> count, page numbers
  MDB_cursor* cursor = nullptr;
  if (mdb_cursor_open(txn_, kFreeList, &cursor) != MDB_SUCCESS) return 0;
  std::uint64_t pages = 0;
  MDB_val k{}, v{};
  while (mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == MDB_SUCCESS) {
    std::uint64_t count = 0;
    if (v.mv_size >= sizeof count) std::memcpy(&count, v.mv_data, sizeof count);
    pages += count;
  }
  mdb_cursor_close(cursor);
  return pages;
}

Result<Cursor> Cursor::open(const ReadTxn& txn, Table table) {
  if (!txn.environment_->has(table)) return Cursor(nullptr, table);  // an empty table
  MDB_cursor* cursor = nullptr;
  const int rc = mdb_cursor_open(txn.txn_, txn.environment_->dbi(table), &cursor);
  if (auto ok = check_lmdb(rc, "open a cursor"); !ok) return fail(ok.error());
  return Cursor(cursor, table);
}

Cursor::~Cursor() {
  if (cursor_ != nullptr) mdb_cursor_close(cursor_);
}

Result<bool> Cursor::move(MDB_cursor_op op) {
  if (cursor_ == nullptr) return false;
  MDB_val k{}, v{};
  const int rc = mdb_cursor_get(cursor_, &k, &v, op);
  if (rc == MDB_NOTFOUND) return false;
  if (auto ok = check_lmdb(rc, fmt::format("walk table {}", to_string(table_))); !ok)
    return fail(ok.error());
  key_ = to_view(k);
  value_ = to_view(v);
  return true;
}

Result<bool> Cursor::seek(std::string_view key) {
  if (cursor_ == nullptr) return false;
  MDB_val k = to_val(key);
  MDB_val v{};
  const int rc = mdb_cursor_get(cursor_, &k, &v, MDB_SET_RANGE);
  if (rc == MDB_NOTFOUND) return false;
  if (auto ok = check_lmdb(rc, "seek " + record_name(table_, key)); !ok) return fail(ok.error());
  key_ = to_view(k);
  value_ = to_view(v);
  return true;
}

Result<bool> Cursor::seek_before(std::string_view key) {
  const auto found = seek(key);
  if (!found) return found;
  return *found ? previous() : last();
}

// ---------------------------------------------------------------- writing

WriteTxn::WriteTxn(WriteTxn&& other) noexcept
    : environment_(other.environment_),
      txn_(std::exchange(other.txn_, nullptr)),
      cursors_(std::exchange(other.cursors_, {})),
      tails_(std::move(other.tails_)),
      written_(other.written_),
      map_is_full_(other.map_is_full_) {}

WriteTxn::~WriteTxn() {
  // Cursors of a write transaction are freed by its end, whichever it is.
  if (txn_ != nullptr) mdb_txn_abort(txn_);
}

Result<void> WriteTxn::check(int rc, std::string_view doing) {
  if (rc == MDB_MAP_FULL) map_is_full_ = true;
  return check_lmdb(rc, doing);
}

Result<MDB_cursor*> WriteTxn::cursor(Table table) {
  MDB_cursor*& cursor = cursors_[std::size_t(table)];
  if (cursor == nullptr)
    if (auto ok = check(mdb_cursor_open(txn_, environment_->dbi(table), &cursor), "open a cursor");
        !ok)
      return fail(ok.error());
  return cursor;
}

Result<std::string> WriteTxn::last_key(Table table) {
  Tail& tail = tails_[std::size_t(table)];
  if (tail.known) return tail.key;
  const auto at = cursor(table);
  if (!at) return fail(at.error());
  MDB_val k{}, v{};
  const int rc = mdb_cursor_get(*at, &k, &v, MDB_LAST);
  if (rc != MDB_NOTFOUND) {
    if (auto ok = check(rc, fmt::format("find the end of table {}", to_string(table))); !ok)
      return fail(ok.error());
    tail.key = to_view(k);
  }
  tail.known = true;
  return tail.key;
}

Result<char*> WriteTxn::reserve(Table table, std::string_view key, std::size_t size) {
  const auto at = cursor(table);
  if (!at) return fail(at.error());
  Tail& tail = tails_[std::size_t(table)];
  if (!tail.known)
    if (auto end = last_key(table); !end) return fail(end.error());
  const bool past_the_end = key > tail.key;
  MDB_val k = to_val(key);
  MDB_val v{size, nullptr};
  const unsigned flags = MDB_RESERVE | (past_the_end ? MDB_APPEND : 0u);
  const int rc = mdb_cursor_put(*at, &k, &v, flags);
  if (rc != MDB_SUCCESS) {
    if (auto ok = check(rc, "write " + record_name(table, key)); !ok) return fail(ok.error());
  }
  if (past_the_end) tail.key.assign(key);
  ++written_;
  return static_cast<char*>(v.mv_data);
}

Result<void> WriteTxn::put(Table table, const Key& key,
                           const google::protobuf::MessageLite& message) {
  const std::size_t size = kHeaderBytes + message.ByteSizeLong();
  if (size > kRecordMaxBytes)
    return fail(Errc::Limit, fmt::format("record {} of {} bytes is too large to store",
                                         record_name(table, key.view()), size));
  const auto room = reserve(table, key.view(), size);
  if (!room) return fail(room.error());
  message.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(*room + kHeaderBytes));
  seal(table, key.view(), *room, size);
  return {};
}

Result<void> WriteTxn::put_index(Table table, const Key& key) {
  const auto room = reserve(table, key.view(), kHeaderBytes);
  if (!room) return fail(room.error());
  seal(table, key.view(), *room, kHeaderBytes);
  return {};
}

Result<bool> WriteTxn::erase(Table table, const Key& key) {
  const auto at = cursor(table);
  if (!at) return fail(at.error());
  MDB_val k = to_val(key.view());
  MDB_val v{};
  int rc = mdb_cursor_get(*at, &k, &v, MDB_SET);
  if (rc == MDB_NOTFOUND) return false;
  if (rc == MDB_SUCCESS) rc = mdb_cursor_del(*at, 0);
  if (auto ok = check(rc, "erase " + record_name(table, key.view())); !ok) return fail(ok.error());
  tails_[std::size_t(table)] = Tail{};  // it may have been the last one
  ++written_;
  return true;
}

Result<std::optional<std::string_view>> WriteTxn::find(Table table, std::string_view key) {
  const auto at = cursor(table);
  if (!at) return fail(at.error());
  MDB_val k = to_val(key);
  MDB_val v{};
  const int rc = mdb_cursor_get(*at, &k, &v, MDB_SET);
  if (rc == MDB_NOTFOUND) return std::nullopt;
  if (auto ok = check(rc, "read " + record_name(table, key)); !ok) return fail(ok.error());
  return to_view(v);
}

Result<bool> WriteTxn::contains(Table table, const Key& key) {
  if (!tails_[std::size_t(table)].known)
    if (auto end = last_key(table); !end) return fail(end.error());
  if (key.view() > tails_[std::size_t(table)].key) return false;
  const auto found = find(table, key.view());
  if (!found) return fail(found.error());
  return found->has_value();
}

Result<std::string> WriteTxn::first_key_from(Table table, std::string_view key) {
  const auto at = cursor(table);
  if (!at) return fail(at.error());
  MDB_val k = to_val(key);
  MDB_val v{};
  const int rc = key.empty() ? mdb_cursor_get(*at, &k, &v, MDB_FIRST)
                             : mdb_cursor_get(*at, &k, &v, MDB_SET_RANGE);
  if (rc == MDB_NOTFOUND) return std::string();
  if (auto ok = check(rc, "seek " + record_name(table, key)); !ok) return fail(ok.error());
  return std::string(to_view(k));
}

std::uint64_t WriteTxn::entries(Table table) const {
  MDB_stat stat{};
  mdb_stat(txn_, environment_->dbi(table), &stat);
  return stat.ms_entries;
}

Result<void> WriteTxn::commit() {
  MDB_txn* txn = std::exchange(txn_, nullptr);
  return check(mdb_txn_commit(txn), "commit");
}

}  // namespace drover::store
