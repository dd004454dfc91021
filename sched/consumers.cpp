// sched/consumers.cpp - one oneTBB task per group with queued jobs, in bursts.
// SPDX-License-Identifier: Apache-2.0
#include "sched/consumers.hpp"

#include <tbb/enumerable_thread_specific.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <iterator>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "base/check.hpp"
#include "dag/compile.hpp"

namespace drover::sched {
namespace {

// Jobs that a consumer compiles before it delivers and goes to the back of the line. Large enough
// to make locks and wake-ups cheap, small enough that a long group does not hold a thread for long.
constexpr std::size_t kBurst = 64;

}  // namespace

struct Consumers::State {
  // Present only while its consumer is at work or waits for a thread: that is "one active per
  // group".
  struct Group {
    std::vector<JobId> jobs;
    std::size_t taken = 0;  // jobs[0, taken) are with the consumer or done
  };

  State(unsigned threads, LoadRequest load_request, Deliver deliver_batch)
      : load(std::move(load_request)),
        deliver(std::move(deliver_batch)),
        // Without this oneTBB gives no more workers than the machine has CPUs, less one.
        control(tbb::global_control::max_allowed_parallelism, std::size_t(threads) + 1),
        arena(int(threads), 0) {}

  void enqueue(GroupId group) {
    arena.enqueue([this, group] { drain(group); });
  }

  // One burst of one group; the only code that runs on the consumers' threads.
  void drain(GroupId group) {
    std::vector<PlanReady> ready;
    for (const JobId job : take(group)) ready.push_back({job, group, compile_one(job)});
    if (!ready.empty()) hand_over(std::move(ready));
    bool again = false;
    {
      const std::lock_guard lock(mutex);
      const auto found = groups.find(group);
      again = found->second.taken < found->second.jobs.size();
      if (!again) groups.erase(found);
      // Under the lock: whoever waits may destroy this object as soon as it is released.
      if (groups.empty()) idle.notify_all();
    }
    if (again) enqueue(group);
  }

  std::vector<JobId> take(GroupId group) {
    const std::lock_guard lock(mutex);
    Group& state = groups.at(group);
    const std::size_t count = std::min(kBurst, state.jobs.size() - state.taken);
    const auto first = state.jobs.begin() + std::ptrdiff_t(state.taken);
    std::vector<JobId> jobs(first, first + std::ptrdiff_t(count));
    state.taken += count;
    queued -= count;
    if (state.taken >= state.jobs.size() / 2) {  // amortised: each job is moved at most once
      state.jobs.erase(state.jobs.begin(), state.jobs.begin() + std::ptrdiff_t(state.taken));
      state.taken = 0;
    }
    return jobs;
  }

  Result<std::shared_ptr<const dag::PhysicalPlan>> compile_one(JobId job) {
    try {
      auto request = load(job);
      if (!request) return fail(std::move(request.error()));
      return dag::compile(std::move(*request), caches.local());
    } catch (const std::exception& error) {
      return fail(Errc::Io, std::string("the job could not be read: ") + error.what(),
                  "see the log of droverd");
    } catch (...) {
      return fail(Errc::Io, "the job could not be read", "see the log of droverd");
    }
  }

  // Whoever comes while a delivery is under way leaves its answers to it: batches grow with the
  // load.
  void hand_over(std::vector<PlanReady> ready) {
    std::unique_lock lock(mutex);
    compiled += ready.size();
    outbox.insert(outbox.end(), std::make_move_iterator(ready.begin()),
                  std::make_move_iterator(ready.end()));
    if (delivering) return;
    delivering = true;
    while (!outbox.empty()) {
      std::vector<PlanReady> batch = std::exchange(outbox, {});
      ++batches;
      lock.unlock();
      deliver(std::move(batch));
      lock.lock();
    }
    delivering = false;
  }

  const LoadRequest load;
  const Deliver deliver;
  tbb::global_control control;
  tbb::task_arena arena;
  tbb::enumerable_thread_specific<dag::PlanCache> caches;

  mutable std::mutex mutex;  // everything below
  std::condition_variable idle;
  std::unordered_map<GroupId, Group> groups;
  std::vector<PlanReady> outbox;
  std::uint64_t queued = 0, compiled = 0, batches = 0;
  bool delivering = false;
  bool stopping = false;
};

Consumers::Consumers(unsigned threads, LoadRequest load, Deliver deliver)
    : state_(std::make_unique<State>(std::max(threads, 1u), std::move(load), std::move(deliver))) {
  DROVER_CHECK(state_->load && state_->deliver, "consumers need somewhere to read and to answer");
}

Consumers::~Consumers() { stop(); }

void Consumers::submit(std::span<const CompileJob> jobs) {
  std::vector<GroupId> woken;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->stopping) return;
    for (const CompileJob& job : jobs) {
      const auto [group, is_new] = state_->groups.try_emplace(job.group);
      group->second.jobs.push_back(job.job);
      if (is_new) woken.push_back(job.group);
    }
    state_->queued += jobs.size();
  }
  for (const GroupId group : woken) state_->enqueue(group);
}

void Consumers::stop() {
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  for (auto& [id, group] : state_->groups) group.jobs.resize(group.taken);
  state_->queued = 0;
  state_->idle.wait(lock, [&] { return state_->groups.empty(); });
}

Consumers::Stats Consumers::stats() const {
  const std::lock_guard lock(state_->mutex);
  return {.queued = state_->queued,
          .active_groups = state_->groups.size(),
          .compiled = state_->compiled,
          .batches = state_->batches};
}

}  // namespace drover::sched
