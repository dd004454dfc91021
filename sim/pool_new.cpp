// sim/pool_new.cpp - blocks of drover-sim come from free lists instead of the C library.
//
// A replay makes small blocks and gives them back in no order, the more the more places it plans:
// under conservative the general allocator costs 4 % of the run (docs/adr/0011), and it knows
// nothing of what a program that soon ends can afford. Blocks of up to 64 KiB are carved from
// one reserved range of addresses, so `delete` knows them by address alone; memory once used for a
// size stays with that size until the program ends, which a short-lived program can afford. Free
// lists belong to threads, and a block may be given back by another thread than took it.
//
// Larger blocks, the text of a trace above all, are runs of chunks in the same range: what was text
// becomes jobs, instead of memory that the kernel must clear. The range asks for huge pages.
// SPDX-License-Identifier: Apache-2.0
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <sys/mman.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>

namespace {

constexpr std::size_t kRange = std::size_t(1) << 36;  // addresses, not memory
constexpr std::size_t kChunk = std::size_t(1) << 16;  // of one block size
constexpr std::size_t kStep = 16, kSteps = 32;  // 16, 32, ... 512 bytes, then 1, 2, ... 64 KiB
constexpr std::size_t kSizes = kSteps + 1 + 7;
constexpr std::size_t kLargeMax = std::size_t(1) << 26;
constexpr std::uint8_t kLarge = kSizes;  // in place of a size: the first chunk of a run

std::size_t kind_of(std::size_t size) {  // its place among the sizes; at most kChunk
  if (size <= kStep * kSteps) return (size + kStep - 1) / kStep;
  return kSteps + std::size_t(std::bit_width((size - 1) / (kStep * kSteps)));
}
std::size_t size_of(std::size_t kind) {
  return kind <= kSteps ? kind * kStep : (kStep * kSteps) << (kind - kSteps);
}

struct Block {
  Block* next;
};
struct List {
  Block* free = nullptr;
  char* at = nullptr;  // what is left of the newest chunk
  char* end = nullptr;
};

struct Run {  // of chunks
  std::size_t first = 0, count = 0;
};
constinit thread_local List lists[kSizes];
std::uint8_t kind_of_chunk[kRange / kChunk];
std::uint32_t length_of_run[kRange / kChunk];  // by its first chunk

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

// Hands out chunks, those given back first. Gaps side by side are one, so that what grows and
// shrinks needs no fresh chunks each time; more gaps than it can remember are lost.
class Chunks {
 public:
  char* take(std::size_t count, std::uint8_t kind) {
    const std::scoped_lock lock(mutex_);
    base = range();
    if (base == nullptr) return nullptr;
    Run* gap = gaps_.data();
    while (gap != end_ && gap->count < count) ++gap;
    Run fresh{used_, count};
    if (gap != end_) {
      fresh.first = gap->first;
      gap->first += count;
      gap->count -= count;
      if (gap->count == 0) *gap = *--end_;
    } else if (used_ + count <= kRange / kChunk) {
      used_ += count;
    } else {
      return nullptr;
    }
    kind_of_chunk[fresh.first] = kind;
    length_of_run[fresh.first] = std::uint32_t(count);
    return base + fresh.first * kChunk;
  }
  void give(std::size_t first) {
    const std::scoped_lock lock(mutex_);
    Run freed{first, length_of_run[first]};
    for (Run* gap = gaps_.data(); gap != end_;) {
      const bool before = gap->first + gap->count == freed.first;
      if (!before && freed.first + freed.count != gap->first) {
        ++gap;
        continue;
      }
      freed = {before ? gap->first : freed.first, gap->count + freed.count};
      *gap = *--end_;
    }
    if (freed.first + freed.count == used_)
      used_ = freed.first;
    else if (end_ != gaps_.data() + gaps_.size())
      *end_++ = freed;
  }

 private:
  std::mutex mutex_;
  std::size_t used_ = 0;
  std::array<Run, 64> gaps_{};
  Run* end_ = gaps_.data();
};
constinit Chunks chunks;

[[gnu::noinline]] void* carve(List& list, std::size_t kind) {
  const std::size_t size = size_of(kind);
  if (list.at == list.end || list.end - list.at < std::ptrdiff_t(size)) {
    char* const chunk = chunks.take(1, std::uint8_t(kind));
    if (chunk == nullptr) return from_c_library(size);
    list.at = chunk;
    list.end = list.at + kChunk;
  }
  void* const block = list.at;
  list.at += size;
  return block;
}

[[gnu::noinline]] void* take_large(std::size_t size) {
  if (size <= kLargeMax)
    if (char* const run = chunks.take((size + kChunk - 1) / kChunk, kLarge)) return run;
  return from_c_library(size);
}

void* take(std::size_t size) {
  if (size > kChunk) return take_large(size);
  const std::size_t kind = kind_of(size > 0 ? size : 1);
  List& list = lists[kind];
  if (Block* const block = list.free) {
    list.free = block->next;
    return block;
  }
  return carve(list, kind);
}

void give(void* pointer) noexcept {
  const auto offset = std::size_t(static_cast<char*>(pointer) - base);
  if (base == nullptr || offset >= kRange) return std::free(pointer);
  const std::uint8_t kind = kind_of_chunk[offset / kChunk];
  if (kind == kLarge) return chunks.give(offset / kChunk);
  List& list = lists[kind];
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
