// tests/unit/server/result_table_test.cpp - tables are read as written; damage is an error.
// SPDX-License-Identifier: Apache-2.0
#include "server/result_table.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

namespace drover::server {
namespace {

std::string pack(const std::string& text) {
  uLongf size = ::compressBound(uLong(text.size()));
  std::string packed(size, '\0');
  ::compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
              reinterpret_cast<const Bytef*>(text.data()), uLong(text.size()), 1);
  packed.resize(size);
  return packed;
}

constexpr const char* kIndex =
    "{\"columns\": [{\"name\": \"n\", \"type\": \"int\"}]}\n"
    "{\"row\": 0, \"rows\": 512, \"offset\": 0, \"bytes\": 900}\n"
    "{\"columns\": [{\"name\": \"n\", \"type\": \"float\"}]}\n"
    "{\"row\": 512, \"rows\": 1024, \"offset\": 900, \"bytes\": 1800}\n"
    "{\"rows\": 1536, \"complete\": true}\n";

TEST(ResultIndex, ChunksFromARowOnWhateverThePieces) {
  const std::string text = kIndex;
  for (std::size_t step = 1; step < text.size() + 7; step += 7) {
    for (const auto& [first, count] : {std::pair(0, 2u), {511, 2u}, {512, 1u}, {1536, 0u}}) {
      IndexReader reader;
      std::vector<ChunkPlace> chunks;
      for (std::size_t at = 0; at < text.size(); at += step)
        ASSERT_TRUE(reader.feed(text.substr(at, step), first, chunks)) << step;
      ASSERT_EQ(chunks.size(), count) << first;
      if (count > 0) {
        EXPECT_EQ(chunks.back().row, 512);
        EXPECT_EQ(chunks.back().rows, 1024);
        EXPECT_EQ(chunks.back().offset, 900);
        EXPECT_EQ(chunks.back().bytes, 1800);
      }
    }
  }
}

TEST(ResultIndex, DamageIsAnError) {
  for (const char* text : {
           "nonsense\n",
           "[]\n",
           "{\"row\": 0, \"rows\": 512}\n",
           "{\"row\": 1, \"rows\": 1, \"offset\": 0, \"bytes\": 1}\n",
           "{\"row\": 0, \"rows\": 1, \"offset\": 5, \"bytes\": 1}\n",
           "{\"row\": 0, \"rows\": 0, \"offset\": 0, \"bytes\": 1}\n",
           "{\"row\": 0, \"rows\": -1, \"offset\": 0, \"bytes\": 1}\n",
           "{\"row\": 0, \"rows\": 1, \"offset\": 0, \"bytes\": 999999999}\n",
           "{\"row\": 0, \"rows\": 9223372036854775807, \"offset\": 0, \"bytes\": 1}\n",
           "{\"row\": 0, \"rows\": \"1\", \"offset\": 0, \"bytes\": 1}\n",
       }) {
    IndexReader reader;
    std::vector<ChunkPlace> chunks;
    EXPECT_FALSE(reader.feed(text, 0, chunks)) << text;
    EXPECT_TRUE(chunks.empty()) << text;
  }
  IndexReader reader;
  std::vector<ChunkPlace> chunks;
  EXPECT_FALSE(reader.feed(std::string(kIndexLineMax + 1, 'x'), 0, chunks));
}

TEST(ResultChunk, RowsAsJsonAndCsv) {
  ChunkRows rows;
  ASSERT_TRUE(rows.read(pack(R"([[1,"a",null,true],[-2.5,"x,\"y\"\n","",[1,2]],[]])"), 3));
  std::string json, csv;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    rows.append_json(row, json);
    rows.append_csv(row, csv);
  }
  EXPECT_EQ(json, R"([1,"a",null,true][-2.5,"x,\"y\"\n","",[1,2]][])");
  EXPECT_EQ(csv, "1,a,,true\r\n-2.5,\"x,\"\"y\"\"\n\",\"\",\"[1,2]\"\r\n\r\n");
  ASSERT_TRUE(rows.read(pack("[[7]]"), 1));  // used again
  EXPECT_EQ(rows.size(), 1u);
}

TEST(ResultChunk, DamageIsAnError) {
  const std::string good = pack("[[1],[2]]");
  ChunkRows rows;
  EXPECT_TRUE(rows.read(good, 2));
  EXPECT_FALSE(rows.read(good, 3));
  EXPECT_FALSE(rows.read("", 0));
  EXPECT_FALSE(rows.read("no zlib stream", 2));
  EXPECT_FALSE(rows.read(good + "more", 2));
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(rows.read(good.substr(0, size), 2)) << size;
  for (const char* text : {"", "{}", "[[1],2]", "[[1]", "[[1],[2]]x", "[[1],[\"\xff\"]]"})
    EXPECT_FALSE(rows.read(pack(text), 2)) << text;
  for (std::size_t at = 0; at < good.size(); ++at) {  // a check sum finds what is left of it
    std::string other = good;
    other[at] = char(other[at] ^ 0x20);
    (void)rows.read(other, 2).has_value();
  }
}

TEST(ResultChunk, WhatUnpacksToTooMuchIsRefused) {
  const std::string packed = pack(std::string(3 << 20, ' '));
  EXPECT_TRUE(unpack_chunk(packed, 3 << 20));
  EXPECT_FALSE(unpack_chunk(packed, (3 << 20) - 1));
}

}  // namespace
}  // namespace drover::server
