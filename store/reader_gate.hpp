// store/reader_gate.hpp - readers pass freely; the map may be moved only while none is inside.
// SPDX-License-Identifier: Apache-2.0
//
// A reader holds addresses inside LMDB's map, and growing the map moves it. The writer closes the
// gate for a short time and waits for readers to leave; when they do not, it opens the gate again
// before the next try, so that a thread which already holds one snapshot can take a second one and
// finish.
#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace drover::store {

class ReaderGate {
 public:
  void enter() {
    std::unique_lock lock(mutex_);
    moved_.wait(lock, [this] { return !closed_; });
    ++inside_;
  }
  void leave() {
    const std::scoped_lock lock(mutex_);
    if (--inside_ == 0) moved_.notify_all();
  }

  // Runs `move` while nobody is inside. False when readers stayed for the whole of `patience`.
  template <class Move>
  bool close_and(std::chrono::milliseconds patience, Move&& move) {
    constexpr std::chrono::milliseconds kTry{20};
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::unique_lock lock(mutex_);
    for (;;) {
      closed_ = true;
      const bool empty = moved_.wait_for(lock, patience.count() == 0 ? patience : kTry,
                                         [this] { return inside_ == 0; });
      if (empty) move();
      closed_ = false;
      moved_.notify_all();
      if (empty) return true;
      if (std::chrono::steady_clock::now() >= deadline) return false;
      moved_.wait_for(lock, std::chrono::milliseconds(2));  // let the waiting readers in
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable moved_;
  std::uint64_t inside_ = 0;
  bool closed_ = false;
};

}  // namespace drover::store
