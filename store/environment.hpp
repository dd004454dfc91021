// store/environment.hpp - one open LMDB environment with Drover's tables, and its transactions.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <google/protobuf/message_lite.h>
#include <lmdb.h>

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "store/format.hpp"
#include "store/reader_gate.hpp"

namespace drover::store {

inline constexpr const char* kDataFile = "data.mdb";

struct SpaceUsed {
  std::uint64_t map_bytes = 0, file_bytes = 0,
                free_bytes = 0;  // free: pages inside the file to be used again
};

class ReadTxn;
class WriteTxn;

class Environment : public std::enable_shared_from_this<Environment> {
 public:
  enum class Use {
    Create,
    Write,
    Read
  };  // Read: no lock table, changes nothing; the folder must be locked
  static Result<std::shared_ptr<Environment>> open(const std::string& dir, std::uint64_t map_bytes,
                                                   std::uint64_t map_max_bytes, Use use);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  Result<ReadTxn> begin_read();    // any thread
  Result<WriteTxn> begin_write();  // one at a time
  std::uint64_t last_txn() const;
  // Doubles the map. `patience` 0 = only when no reader is inside right now (answers false
  // otherwise). By who writes, outside of a transaction.
  Result<bool> grow(std::chrono::milliseconds patience);
  bool is_half_full();               // by who writes
  SpaceUsed space(bool count_free);  // any thread
  Result<void> copy_to(int fd);

  static constexpr MDB_dbi kNoTable = 0;  // LMDB's own: of an older store that is only read
  MDB_dbi dbi(Table table) const { return tables_[std::size_t(table)]; }
  bool has(Table table) const { return dbi(table) != kNoTable; }
  // A store from before there were all tables; they are to be made before it is written to.
  bool lacks_tables() const;
  Result<void> add_tables(WriteTxn& txn);

 private:
  friend class ReadTxn;
  Environment() = default;
  Result<void> open_tables(Use use);
  void give_back(MDB_txn* txn);

  MDB_env* env_ = nullptr;
  std::array<MDB_dbi, kTables> tables_{};
  std::uint64_t map_bytes_ = 0, map_max_bytes_ = 0;
  ReaderGate gate_;
  std::mutex idle_mutex_;
  std::vector<MDB_txn*>
      idle_;  // reset reader transactions, kept for their slot in the reader table
};

// A consistent view. Values point into the map and live as long as the transaction.
class ReadTxn {
 public:
  ReadTxn(ReadTxn&& other) noexcept
      : environment_(std::move(other.environment_)), txn_(std::exchange(other.txn_, nullptr)) {}
  ReadTxn& operator=(ReadTxn&&) = delete;
  ~ReadTxn();

  // The sealed value, or nothing.
  Result<std::optional<std::string_view>> find(Table table, std::string_view key) const;
  bool has(Table table) const { return environment_->has(table); }
  std::uint64_t entries(Table table) const;
  std::uint64_t free_pages() const;  // O(free list)
  std::uint64_t id() const { return mdb_txn_id(txn_); }

 private:
  friend class Environment;
  friend class Cursor;
  ReadTxn(std::shared_ptr<Environment> environment, MDB_txn* txn)
      : environment_(std::move(environment)), txn_(txn) {}
  std::shared_ptr<Environment> environment_;
  MDB_txn* txn_;
};

// Walks one table in key order. Answers false at the end. Must not outlive its transaction.
class Cursor {
 public:
  static Result<Cursor> open(const ReadTxn& txn, Table table);
  Cursor(Cursor&& other) noexcept
      : cursor_(std::exchange(other.cursor_, nullptr)),
        table_(other.table_),
        key_(other.key_),
        value_(other.value_) {}
  Cursor& operator=(Cursor&&) = delete;
  ~Cursor();

  Result<bool> first() { return move(MDB_FIRST); }
  Result<bool> last() { return move(MDB_LAST); }
  Result<bool> next() { return move(MDB_NEXT); }
  Result<bool> previous() { return move(MDB_PREV); }
  Result<bool> seek(std::string_view key);         // the first record at or after `key`
  Result<bool> seek_before(std::string_view key);  // the last record before `key`
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }
  Table table() const { return table_; }

 private:
  Cursor(MDB_cursor* cursor, Table table) : cursor_(cursor), table_(table) {}
  Result<bool> move(MDB_cursor_op op);
  MDB_cursor* cursor_;
  Table table_;
  std::string_view key_, value_;
};

// The one write transaction. Dropping it aborts; commit() consumes it.
class WriteTxn {
 public:
  WriteTxn(WriteTxn&& other) noexcept;
  WriteTxn& operator=(WriteTxn&&) = delete;
  ~WriteTxn();

  // Adds or replaces; a key past the end of the table is appended without a search.
  Result<void> put(Table table, const Key& key, const google::protobuf::MessageLite& message);
  Result<void> put_index(Table table, const Key& key);  // a record without a payload
  Result<bool> erase(Table table, const Key& key);      // false when there was none
  Result<std::optional<std::string_view>> find(Table table, std::string_view key);
  Result<bool> contains(Table table, const Key& key);  // no search when the key is past the end
  // Key of the first record at or after `key`, or of the last record of the table; empty when none.
  Result<std::string> first_key_from(Table table, std::string_view key);
  Result<std::string> last_key(Table table);
  std::uint64_t entries(Table table) const;
  std::uint64_t id() const { return mdb_txn_id(txn_); }
  std::uint64_t written() const { return written_; }
  // Pages of the file written to so far fit no more: grow the map and do the whole commit again.
  bool map_is_full() const { return map_is_full_; }
  Result<void> commit();

 private:
  friend class Environment;
  WriteTxn(Environment& environment, MDB_txn* txn) : environment_(&environment), txn_(txn) {}
  Result<void> check(int rc, std::string_view doing);
  Result<MDB_cursor*> cursor(Table table);
  Result<char*> reserve(Table table, std::string_view key, std::size_t size);

  struct Tail {  // the greatest key of a table, read once
    bool known = false;
    std::string key;
  };
  Environment* environment_;
  MDB_txn* txn_;
  std::array<MDB_cursor*, kTables> cursors_{};
  std::array<Tail, kTables> tails_;
  std::uint64_t written_ = 0;
  bool map_is_full_ = false;
};

}  // namespace drover::store
