// tests/fuzz/result_table_fuzz.cpp - a table's files are read or refused, within limits.
// SPDX-License-Identifier: Apache-2.0
// LINK: drover::server
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.hpp"
#include "server/result_table.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace drover::server;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  IndexReader reader;
  std::vector<ChunkPlace> chunks;
  for (std::size_t at = 0; at < size; at += 17)
    if (!reader.feed(bytes.substr(at, 17), 3, chunks)) break;
  std::int64_t row = 0;
  for (const ChunkPlace& chunk : chunks) {
    DROVER_CHECK(chunk.rows > 0 && chunk.row + chunk.rows > 3, "it holds a row that was asked for");
    DROVER_CHECK(chunk.row >= row, "in order");
    DROVER_CHECK(chunk.bytes > 0 && chunk.bytes <= kChunkBytesMax, "within the limit");
    row = chunk.row + chunk.rows;
  }
  const auto text = unpack_chunk(bytes, 1 << 20);
  DROVER_CHECK(!text || text->size() <= 1 << 20, "within the limit");
  ChunkRows rows;
  if (!rows.read(bytes, 2)) return 0;
  std::string out;
  for (std::size_t at = 0; at < rows.size(); ++at) {
    rows.append_json(at, out);
    rows.append_csv(at, out);
  }
  return 0;
}
