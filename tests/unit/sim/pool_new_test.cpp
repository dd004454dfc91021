// tests/unit/sim/pool_new_test.cpp - blocks of drover-sim: whole, apart, and used again.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <random>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kChunk = std::size_t(1) << 16;

struct Block {
  unsigned char* at;
  std::size_t size;
  unsigned char mark;
  static Block make(std::size_t size, unsigned char mark) {
    Block block{static_cast<unsigned char*>(::operator new(size)), size, mark};
    std::memset(block.at, mark, size);
    return block;
  }
  bool is_whole() const {
    return std::all_of(at, at + size, [this](unsigned char byte) { return byte == mark; });
  }
};

TEST(PoolNew, BlocksOfEverySizeAreAlignedAndApart) {
  constexpr std::size_t kMax = std::size_t(1) << 26;
  for (const std::size_t size :
       {std::size_t(0), std::size_t(1), std::size_t(16), std::size_t(17), std::size_t(512),
        std::size_t(513), std::size_t(1025), kChunk - 1, kChunk, kChunk + 1, kMax, kMax + 1}) {
    std::vector<Block> blocks;
    const int count = size < kMax ? 3 : 1;
    for (int mark = 1; mark <= count; ++mark)
      blocks.push_back(Block::make(size, std::uint8_t(mark)));
    for (const Block& block : blocks) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block.at) % 16, 0u) << size;
      EXPECT_TRUE(block.is_whole()) << size;
      ::operator delete(block.at);
    }
  }
  ::operator delete(nullptr);
}

TEST(PoolNew, AnotherThreadMayGiveABlockBack) {
  std::vector<Block> blocks;
  std::mt19937_64 prng(3);
  for (int i = 0; i < 2'000; ++i)
    blocks.push_back(Block::make(prng() % (i % 20 == 0 ? 300'000 : 700), std::uint8_t(i)));
  std::thread other([&] {
    for (const Block& block : blocks) {
      ASSERT_TRUE(block.is_whole());
      ::operator delete(block.at);
    }
    const Block again = Block::make(600, 1);
    ::operator delete(again.at);
  });
  other.join();
}

// Where the blocks made here begin and end.
struct Span {
  std::uintptr_t lowest = UINTPTR_MAX, highest = 0;
  void* make(std::size_t chunks) {
    void* const block = ::operator new(chunks* kChunk);
    const auto at = reinterpret_cast<std::uintptr_t>(block);
    lowest = std::min(lowest, at);
    highest = std::max(highest, at + chunks * kChunk);
    return block;
  }
  std::size_t chunks() const { return (highest - lowest) / kChunk; }
};

// Else each size that none before was large enough for would take fresh memory.
TEST(PoolNew, WhatGrowsTakesTheSamePlaceAgain) {
  constexpr std::size_t kMost = 512;
  Span span;
  void* last = nullptr;
  for (std::size_t chunks = 2; chunks <= kMost; ++chunks) {
    void* const next = span.make(chunks);
    ::operator delete(last);
    last = next;
  }
  ::operator delete(last);
  EXPECT_LE(span.chunks(), 8 * kMost);
}

TEST(PoolNew, WhatComesAndGoesInAnyOrderTakesTheSamePlacesAgain) {
  constexpr std::size_t kLive = 100, kMost = 100;
  std::mt19937_64 prng(5);
  Span span;
  for (int round = 0; round < 100; ++round) {
    std::vector<void*> blocks;
    for (std::size_t i = 0; i < kLive; ++i) blocks.push_back(span.make(2 + prng() % (kMost - 1)));
    std::ranges::shuffle(blocks, prng);
    for (void* const block : blocks) ::operator delete(block);
  }
  EXPECT_LE(span.chunks(), 2 * kLive * kMost);
}

}  // namespace
