// sched/consumers.hpp - plans are compiled serially in a group, in parallel across groups.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "dag/job_request.hpp"
#include "sched/inputs.hpp"
#include "sched/outputs.hpp"

namespace drover::sched {

// Reads a job from the store. Called by consumer threads, several at a time. What it throws becomes
// the error of that job's plan.
using LoadRequest = std::function<Result<dag::JobRequest>(JobId)>;

// Takes a batch of answers: wake the turn once per call. Called by consumer threads, one call at a
// time, never with a lock held; may call submit(). Must not throw. Answers of one group come in its
// order.
using Deliver = std::function<void(std::vector<PlanReady>)>;

class Consumers {
 public:
  Consumers(unsigned threads, LoadRequest load, Deliver deliver);  // threads >= 1
  ~Consumers();                                                    // stops
  Consumers(const Consumers&) = delete;
  Consumers& operator=(const Consumers&) = delete;

  // Queues in the given order. Any thread. A group without queued jobs costs nothing.
  void submit(std::span<const CompileJob> jobs);

  // Forgets what is queued, waits for what is being compiled and delivered. Nothing is delivered
  // afterwards, and submit() does nothing. Not from within `deliver`.
  void stop();

  struct Stats {
    std::uint64_t queued = 0;         // jobs
    std::uint64_t active_groups = 0;  // groups with a consumer at work or waiting for a thread
    std::uint64_t compiled = 0;       // since the start, refused ones too
    std::uint64_t batches = 0;        // deliveries
  };
  Stats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace drover::sched
