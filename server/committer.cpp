// server/committer.cpp - hands batches over to the writer thread and results back, or writes.
// SPDX-License-Identifier: Apache-2.0
#include "server/committer.hpp"

#include <memory>

#include "base/check.hpp"

namespace drover::server {

Committer::Committer(net::Loop& loop, store::Store& store, OnDurable on_durable, CommitPace pace)
    : loop_(loop), store_(store), on_durable_(std::move(on_durable)), pace_(pace), thread_([this] {
        work();
      }) {}

Committer::~Committer() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Committer::commit(store::CommitBatch batch, BatchSize size, When when) {
  DROVER_CHECK(idle_, "one commit at a time");
  idle_ = false;
  if (when == When::AtOnce && pace_.writes_at_once(size)) {
    const Time begun = net::Loop::now().mono;
    Result<bool> done = store_.commit_at_once(batch);
    const Duration took = net::Loop::now().mono - begun;
    if (!done) return tell({fail(done.error()), took}, std::move(batch));
    if (*done) return tell({{}, took}, std::move(batch));
  }
  {
    const std::lock_guard lock(mutex_);
    next_ = std::move(batch);
  }
  wake_.notify_one();
}

void Committer::tell(Written written, store::CommitBatch batch) {
  auto done = std::make_shared<store::CommitBatch>(std::move(batch));
  loop_.post([this, written = std::move(written), done]() mutable {
    idle_ = true;
    pace_.learn(written.took);
    on_durable_(std::move(written.result), std::move(*done), written.took);
  });
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
    tell({std::move(result), net::Loop::now().mono - begun}, std::move(batch));
  }
}

}  // namespace drover::server
