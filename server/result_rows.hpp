// server/result_rows.hpp - the rows of a stored result of any kind, a batch at a time, as clients
// of Linkis read them.
//
// A table comes chunk by chunk, a text piece by piece; a page or a picture is one row.
// What is unpacked and formatted is so on the thread pool; one batch is in memory.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "linkis/cell.hpp"
#include "linkis/dolphin.hpp"
#include "server/result_place.hpp"
#include "server/result_table.hpp"

namespace drover::server {

struct StoredResult {  // one entry of a statement's list
  linkis::ResultType type{};
  std::string name, file, preview;      // file: empty = the preview is all of it
  std::string mime;                     // of a picture
  std::int64_t rows = 0, bytes = 0;     // rows: of a table
  std::vector<linkis::Column> columns;  // of a table
  bool is_log = false;                  // a text: what the statement printed; has no other file
  bool has_file() const { return is_log || !file.empty(); }
};

class RowBatch {
 public:
  std::int64_t first = 0;   // number of its first row in the result
  std::int64_t offset = 0;  // of a text's file: where that row begins
  std::size_t size() const { return is_table_ ? table_.size() : lines_.size(); }
  void read(std::size_t row, linkis::Row& into) const;

 private:
  friend class ResultRows;
  bool is_table_ = false;
  ChunkRows table_;
  std::vector<std::string> lines_;
  std::span<const linkis::Column> columns_;  // of the result
};

// Loop thread, but for `work`. Kept alive by what it waits for.
class ResultRows : public std::enable_shared_from_this<ResultRows> {
 public:
  static constexpr std::int64_t kWholeMax = 8 << 20;  // of a page or picture
  static constexpr std::size_t kLineMax = 1 << 20;    // longer lines of a text become several

  // The first batch has row `first`, and maybe rows before it.
  ResultRows(Services& services, Owner owner, ResultPlace place, StoredResult result,
             std::int64_t first);
  ~ResultRows();
  ResultRows(const ResultRows&) = delete;
  ResultRows& operator=(const ResultRows&) = delete;
  const StoredResult& result() const { return result_; }
  // Before the first next(), of a text: row `row`, not behind `first`, begins at `offset`, as an
  // earlier batch said.
  void begin_at(std::int64_t row, std::int64_t offset);

  using Work = std::function<void(const RowBatch&)>;      // on the thread pool
  using Done = std::function<void(const Result<bool>&)>;  // false: there was no batch any more
  // One call at a time.
  void next(Work work, Done done);
  // The last batch once more, for what `work` left of it.
  void again(Work work, Done done);

 private:
  void next_table();
  void on_index(const LogPiece& piece);
  void next_packed();
  void on_packed(const LogPiece& piece);
  void next_piece();
  void on_piece(const LogPiece& piece);
  void take_lines();
  void read(const std::string& file, std::int64_t offset, std::int64_t limit,
            void (ResultRows::*then)(const LogPiece&));
  void read_log();
  void give(std::function<Result<void>()> prepare);
  void end(const Result<bool>& how);

  Services& services_;
  PlacedFiles files_;
  StoredResult result_;
  std::int64_t first_;
  IndexReader index_;
  std::deque<ChunkPlace> places_;
  ChunkPlace chunk_;
  RowBatch batch_;
  std::string packed_;                            // also a text's bytes without a whole line yet
  std::int64_t index_at_ = 0, at_ = 0, row_ = 0;  // at_: of a text; row_: the next batch's first
  bool at_end_ = false;
  Work work_;
  Done done_;
};

}  // namespace drover::server
