// server/committer.hpp - the one thread that writes the store; at most one commit is on the way.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/result.hpp"
#include "base/time.hpp"
#include "net/loop.hpp"
#include "store/store.hpp"

namespace drover::server {

class Committer {
 public:
  // Runs on the loop thread; gets the batch back, for what follows the commit.
  using OnDurable = std::function<void(Result<void>, store::CommitBatch, Duration took)>;

  Committer(net::Loop& loop, store::Store& store, OnDurable on_durable);
  ~Committer();  // finishes the commit on the way

  bool idle() const { return idle_; }     // loop thread
  void commit(store::CommitBatch batch);  // loop thread, when idle

 private:
  void work();

  net::Loop& loop_;
  store::Store& store_;
  OnDurable on_durable_;
  bool idle_ = true;  // loop thread's view

  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<store::CommitBatch> next_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace drover::server
