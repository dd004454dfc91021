// server/result_table.hpp - a statement's table as its files hold it: the index and the chunks.
//
// The files are the user's: whatever stands in them is read within limits or refused. The layout is
// in docs/engine-protocol.md.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <simdjson.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace drover::server {

inline constexpr std::int64_t kChunkBytesMax = 64 << 20;  // packed, and unpacked
inline constexpr std::size_t kIndexLineMax = 4 << 20;     // {"columns":[...]} of a wide table

struct ChunkPlace {
  std::int64_t row = 0, rows = 0;      // the first one, and how many
  std::int64_t offset = 0, bytes = 0;  // in N.rows
};

// Fed the index in pieces. Chunks follow each other without gaps, in rows and in bytes.
class IndexReader {
 public:
  // Appends to `chunks` those that hold a row from `first` on.
  Result<void> feed(std::string_view piece, std::int64_t first, std::vector<ChunkPlace>& chunks);

 private:
  Result<void> line(std::string& line, std::int64_t first, std::vector<ChunkPlace>& chunks);

  std::string rest_;  // of the last piece: a line without its end
  std::int64_t next_row_ = 0, next_offset_ = 0;
  simdjson::dom::parser parser_;
};

Result<std::string> unpack_chunk(std::string_view packed, std::int64_t max = kChunkBytesMax);

// The rows of one chunk. Not to be moved: the rows point into the parser.
class ChunkRows {
 public:
  ChunkRows() = default;
  ChunkRows(const ChunkRows&) = delete;
  ChunkRows& operator=(const ChunkRows&) = delete;

  // Each row must be an array; there must be as many as the index says.
  Result<void> read(std::string_view packed, std::int64_t rows);
  std::size_t size() const { return rows_.size(); }
  simdjson::dom::element row(std::size_t row) const { return rows_[row]; }
  void append_json(std::size_t row, std::string& out) const;  // [1,"a"]
  void append_csv(std::size_t row, std::string& out) const;   // RFC 4180, with its line end

 private:
  simdjson::dom::parser parser_;
  std::vector<simdjson::dom::element> rows_;
};

void append_csv_cell(std::string_view text, std::string& out);

}  // namespace drover::server
