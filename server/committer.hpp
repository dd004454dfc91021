// server/committer.hpp - writes the store: by a thread of its own, or at once where that is quick.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/result.hpp"
#include "base/time.hpp"
#include "net/loop.hpp"
#include "server/commit_pace.hpp"
#include "store/store.hpp"

namespace drover::server {

class Committer {
 public:
  // Runs on the loop thread; gets the batch back, for what follows the commit.
  using OnDurable = std::function<void(Result<void>, store::CommitBatch, Duration took)>;

  Committer(net::Loop& loop, store::Store& store, OnDurable on_durable, CommitPace pace = {});
  ~Committer();  // finishes the commit on the way

  // At most one commit is on the way. Both on the loop thread.
  bool idle() const { return idle_; }
  enum class When : std::uint8_t { AtOnce, Beside };                 // AtOnce: if that is quicker
  void commit(store::CommitBatch batch, BatchSize size, When when);  // when idle

 private:
  struct Written {
    Result<void> result;
    Duration took;
  };

  void tell(Written written, store::CommitBatch batch);  // any thread
  void work();

  net::Loop& loop_;
  store::Store& store_;
  OnDurable on_durable_;
  bool idle_ = true;  // loop thread's view
  CommitPace pace_;   // likewise

  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<store::CommitBatch> next_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace drover::server
