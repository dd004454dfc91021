// server/committer.cpp - hands batches over to the writer thread and results back.
// SPDX-License-Identifier: Apache-2.0
#include "server/committer.hpp"

#include <memory>

#include "base/check.hpp"

namespace drover::server {

Committer::Committer(net::Loop& loop, store::Store& store, OnDurable on_durable)
    : loop_(loop), store_(store), on_durable_(std::move(on_durable)), thread_([this] { work(); }) {}

Committer::~Committer() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Committer::commit(store::CommitBatch batch) {
  DROVER_CHECK(idle_, "one commit at a time");
  idle_ = false;
  {
    const std::lock_guard lock(mutex_);
    next_ = std::move(batch);
  }
  wake_.notify_one();
}

void Committer::work() {
  for (;;) {
    store::CommitBatch batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stop_ || next_.has_value(); });
      if (!next_) return;
      batch = std::move(*next_);
      next_.reset();
    }
    const Time begun = net::Loop::now().mono;
    Result<void> result = store_.commit(batch);
    const Duration took = net::Loop::now().mono - begun;
    auto done = std::make_shared<store::CommitBatch>(std::move(batch));
    loop_.post([this, result = std::move(result), done, took]() mutable {
      idle_ = true;
      on_durable_(std::move(result), std::move(*done), took);
    });
  }
}

}  // namespace drover::server
