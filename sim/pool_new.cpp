// sim/pool_new.cpp - small blocks of drover-sim come from free lists instead of the C library.
//
// A replay of 54,000 jobs makes half a million small blocks and gives them back in no order; the
// general allocator takes an eighth of the run for it. Blocks of up to 512 bytes are carved from
// one reserved range of addresses, so `delete` knows them by address alone; memory once used for a
// size stays with that size until the program ends, which a short-lived program can afford. Free
// lists belong to threads, and a block may be given back by another thread than took it.
// SPDX-License-Identifier: Apache-2.0
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <sys/mman.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace {

constexpr std::size_t kRange = std::size_t(1) << 36;  // addresses, not memory
constexpr std::size_t kChunk = std::size_t(1) << 16;  // of one block size
constexpr std::size_t kStep = 16, kSizes = 33;        // 16, 32, ... 512 bytes

struct Block {
  Block* next;
};
struct List {
  Block* free = nullptr;
  char* at = nullptr;  // what is left of the newest chunk
  char* end = nullptr;
};
constinit thread_local List lists[kSizes];
constinit std::atomic<std::size_t> used{0};
std::uint8_t size_of_chunk[kRange / kChunk];

char* reserve() {
  void* const range = ::mmap(nullptr, kRange, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (range == MAP_FAILED) return nullptr;  // a limit on addresses: then the C library serves all
  ::madvise(range, kRange, MADV_HUGEPAGE);
  return static_cast<char*>(range);
}

char* range() {
  static char* const base = reserve();
  return base;
}
char* base = nullptr;  // set by the first request; what `delete` compares with

void* from_c_library(std::size_t size) {
  if (void* const block = std::malloc(size > 0 ? size : 1)) return block;
  throw std::bad_alloc();
}

[[gnu::noinline]] void* carve(List& list, std::size_t step, std::size_t size) {
  if (list.at == list.end || list.end - list.at < std::ptrdiff_t(step * kStep)) {
    base = range();
    if (base == nullptr) return from_c_library(size);
    const std::size_t chunk = used.fetch_add(kChunk);
    if (chunk + kChunk > kRange) return from_c_library(size);
    size_of_chunk[chunk / kChunk] = std::uint8_t(step);
    list.at = base + chunk;
    list.end = list.at + kChunk;
  }
  void* const block = list.at;
  list.at += step * kStep;
  return block;
}

void* take(std::size_t size) {
  const std::size_t step = (size + kStep - 1) / kStep;
  if (step >= kSizes || step == 0) return from_c_library(size);
  List& list = lists[step];
  if (Block* const block = list.free) {
    list.free = block->next;
    return block;
  }
  return carve(list, step, size);
}

void give(void* pointer) noexcept {
  const auto offset = std::size_t(static_cast<char*>(pointer) - base);
  if (base == nullptr || offset >= kRange) return std::free(pointer);
  List& list = lists[size_of_chunk[offset / kChunk]];
  auto* const block = static_cast<Block*>(pointer);
  block->next = list.free;
  list.free = block;
}

}  // namespace

void* operator new(std::size_t size) { return take(size); }
void* operator new[](std::size_t size) { return take(size); }
void operator delete(void* pointer) noexcept { give(pointer); }
void operator delete[](void* pointer) noexcept { give(pointer); }
void operator delete(void* pointer, std::size_t) noexcept { give(pointer); }
void operator delete[](void* pointer, std::size_t) noexcept { give(pointer); }
#endif
