// server/result_table.cpp - zlib and simdjson, within limits.
// SPDX-License-Identifier: Apache-2.0
#include "server/result_table.hpp"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace drover::server {
namespace {

namespace dom = simdjson::dom;

tl::unexpected<Error> damaged(const std::string& what) {
  return fail(Errc::Corrupt, "the result's files are damaged: " + what,
              "they were changed after the statement wrote them; run it again");
}

bool number_of(const dom::object& entry, std::string_view name, std::int64_t low,
               std::int64_t& into) {
  return entry[name].get_int64().get(into) == simdjson::SUCCESS && into >= low;
}

}  // namespace

Result<void> IndexReader::feed(std::string_view piece, std::int64_t first,
                               std::vector<ChunkPlace>& chunks) {
  while (!piece.empty()) {
    const std::size_t end = piece.find('\n');
    if (rest_.size() + std::min(end, piece.size()) > kIndexLineMax)
      return damaged("a line of the index is too long");
    rest_ += piece.substr(0, end);
    if (end == std::string_view::npos) break;
    piece.remove_prefix(end + 1);
    std::string whole = std::exchange(rest_, {});
    if (auto good = line(whole, first, chunks); !good) return good;
  }
  return {};
}

// {"row": 0, "rows": 4096, "offset": 0, "bytes": 9000}; the others have no "row".
Result<void> IndexReader::line(std::string& line, std::int64_t first,
                               std::vector<ChunkPlace>& chunks) {
  dom::object entry;
  if (parser_.parse(line).get_object().get(entry))
    return damaged("a line of the index is no JSON object");
  ChunkPlace place;
  if (entry["row"].error()) return {};
  if (!number_of(entry, "row", 0, place.row) || !number_of(entry, "rows", 1, place.rows) ||
      !number_of(entry, "offset", 0, place.offset) || !number_of(entry, "bytes", 1, place.bytes))
    return damaged("an entry of the index is incomplete");
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 4;
  if (place.row != next_row_ || place.offset != next_offset_ || place.row > kMost ||
      place.rows > kMost || place.offset > kMost)
    return damaged("the entries of the index do not follow each other");
  if (place.bytes > kChunkBytesMax) return damaged("a chunk is too large");
  next_row_ = place.row + place.rows;
  next_offset_ = place.offset + place.bytes;
  if (next_row_ > first) chunks.push_back(place);
  return {};
}

Result<std::string> unpack_chunk(std::string_view packed, std::int64_t max) {
  z_stream stream{};
  if (::inflateInit(&stream) != Z_OK) return fail(Errc::Limit, "no memory to unpack a chunk");
  std::string copy(packed);  // zlib's input is not const
  stream.next_in = reinterpret_cast<Bytef*>(copy.data());
  stream.avail_in = uInt(copy.size());
  std::string text;
  int code = Z_OK;
  while (code == Z_OK && std::int64_t(text.size()) <= max) {
    const std::size_t had = text.size();
    text.resize(std::max<std::size_t>(256 << 10, had * 2));
    stream.next_out = reinterpret_cast<Bytef*>(text.data() + had);
    stream.avail_out = uInt(text.size() - had);
    code = ::inflate(&stream, Z_NO_FLUSH);
    text.resize(text.size() - stream.avail_out);
    if (text.size() == had && code == Z_OK) break;
  }
  const bool is_whole = code == Z_STREAM_END && stream.avail_in == 0;
  ::inflateEnd(&stream);
  if (std::int64_t(text.size()) > max) return damaged("a chunk is too large");
  if (!is_whole) return damaged("a chunk cannot be unpacked");
  return text;
}

Result<void> ChunkRows::read(std::string_view packed, std::int64_t rows) {
  rows_.clear();
  const auto text = unpack_chunk(packed);
  if (!text) return fail(text.error());
  dom::array all;
  if (parser_.parse(*text).get_array().get(all)) return damaged("a chunk is no JSON array");
  for (const dom::element row : all) {
    if (!row.is_array()) return damaged("a row is no array");
    rows_.push_back(row);
  }
  if (std::int64_t(rows_.size()) != rows)
    return damaged("a chunk has another number of rows than the index says");
  return {};
}

void ChunkRows::append_json(std::size_t row, std::string& out) const {
  out += simdjson::minify(rows_[row]);
}

void ChunkRows::append_csv(std::size_t row, std::string& out) const {
  bool is_first = true;
  for (const dom::element cell : dom::array(rows_[row])) {
    if (!std::exchange(is_first, false)) out += ',';
    std::string_view text;
    if (cell.is_null()) continue;
    if (cell.get_string().get(text) == simdjson::SUCCESS)
      append_csv_cell(text, out);
    else
      append_csv_cell(simdjson::minify(cell), out);
  }
  out += "\r\n";
}

// Quoted where it must be; an empty text is quoted, for null is nothing at all.
void append_csv_cell(std::string_view text, std::string& out) {
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace drover::server
