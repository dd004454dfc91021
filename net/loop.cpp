// net/loop.cpp - the daemon's event loop on libuv: posted work, hooks around the wait, timers,
// thread pool.
// SPDX-License-Identifier: Apache-2.0
#include "net/loop.hpp"

#include <signal.h>
#include <time.h>
#include <uv.h>

#include <mutex>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/check.hpp"

namespace drover::net {

namespace {

constexpr int kFlushRounds = 4;  // work before the wait may ask for more; then the loop turns once

struct Offload {
  uv_work_t request{};
  std::function<void()> work, done;
  void* owner = nullptr;
};

struct SignalWatch {
  uv_signal_t handle{};
  std::function<void()> hook;
};

std::int64_t clock_us(clockid_t clock) {
  timespec at{};
  clock_gettime(clock, &at);
  return std::int64_t{at.tv_sec} * 1'000'000 + at.tv_nsec / 1'000;
}

// A duration in whole milliseconds, rounded up so that a timer never fires early.
std::uint64_t timer_ms(Duration d) {
  return d.us <= 0 ? 0 : static_cast<std::uint64_t>((d.us + 999) / 1'000);
}

}  // namespace

struct Loop::State {
  uv_loop_t loop{};
  uv_async_t wake{};
  uv_prepare_t prepare{};
  std::mutex mutex;  // guards the next two
  std::vector<std::function<void()>> posted;
  bool stopping = false;
  std::vector<std::function<void()>> after_io, before_wait;
  std::unordered_set<Offload*> offloads;
  bool ending = false;

  void run_posted() {
    std::vector<std::function<void()>> batch;
    {
      const std::lock_guard lock(mutex);
      batch.swap(posted);
      if (stopping) uv_stop(&loop);
    }
    for (auto& work : batch) work();
  }

  void run_before_wait() {
    for (int round = 0; round < kFlushRounds && !before_wait.empty(); ++round) {
      auto batch = std::exchange(before_wait, {});
      for (auto& work : batch) work();
    }
    if (!before_wait.empty()) uv_async_send(&wake);
  }

  void run_hooks() {
    for (std::size_t k = 0; k < after_io.size(); ++k) after_io[k]();  // a hook may add hooks
    run_before_wait();
  }
};

Loop::Loop() : state_(std::make_unique<State>()) {
  ::signal(SIGPIPE, SIG_IGN);
  DROVER_CHECK(uv_loop_init(&state_->loop) == 0, "no event loop: out of memory or descriptors");
  const int woken = uv_async_init(&state_->loop, &state_->wake, [](uv_async_t* handle) {
    static_cast<State*>(handle->data)->run_posted();
  });
  DROVER_CHECK(woken == 0, "no wake-up descriptor for the event loop");
  state_->wake.data = state_.get();
  uv_prepare_init(&state_->loop, &state_->prepare);
  state_->prepare.data = state_.get();
  uv_prepare_start(&state_->prepare,
                   [](uv_prepare_t* handle) { static_cast<State*>(handle->data)->run_hooks(); });
  uv_unref(reinterpret_cast<uv_handle_t*>(&state_->prepare));
}

Loop::~Loop() {
  State& s = *state_;
  s.ending = true;
  for (Offload* job : s.offloads) uv_cancel(reinterpret_cast<uv_req_t*>(&job->request));
  // Dropped work may own connections and timers, which close their handles while they go.
  std::exchange(s.posted, {}).clear();
  std::exchange(s.before_wait, {}).clear();
  std::exchange(s.after_io, {}).clear();
  uv_walk(
      &s.loop,
      [](uv_handle_t* handle, void*) {
        if (uv_is_closing(handle)) return;
        // Signals own their memory; what else is left belongs to the loop itself.
        const bool owned = handle->type == UV_SIGNAL && handle->data != nullptr;
        uv_close(handle, owned ? [](uv_handle_t* h) { delete static_cast<SignalWatch*>(h->data); }
                               : static_cast<uv_close_cb>(nullptr));
      },
      nullptr);
  uv_run(&s.loop, UV_RUN_DEFAULT);
  uv_loop_close(&s.loop);
}

void Loop::run() {
  uv_run(&state_->loop, UV_RUN_DEFAULT);
  state_->run_before_wait();  // the last answers leave
}

void Loop::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  uv_async_send(&state_->wake);
}

void Loop::post(std::function<void()> work) {
  bool first = false;
  {
    const std::lock_guard lock(state_->mutex);
    first = state_->posted.empty();
    state_->posted.push_back(std::move(work));
  }
  if (first) uv_async_send(&state_->wake);
}

void Loop::after_io(std::function<void()> hook) { state_->after_io.push_back(std::move(hook)); }

void Loop::before_wait(std::function<void()> work) {
  state_->before_wait.push_back(std::move(work));
}

void Loop::offload(std::function<void()> work, std::function<void()> done) {
  auto* job = new Offload;
  job->request.data = job;
  job->work = std::move(work);
  job->done = std::move(done);
  job->owner = state_.get();
  state_->offloads.insert(job);
  const int queued = uv_queue_work(
      &state_->loop, &job->request,
      [](uv_work_t* request) { static_cast<Offload*>(request->data)->work(); },
      [](uv_work_t* request, int) {
        const std::unique_ptr<Offload> mine(static_cast<Offload*>(request->data));
        auto* state = static_cast<State*>(mine->owner);
        state->offloads.erase(mine.get());
        if (!state->ending) mine->done();
      });
  DROVER_CHECK(queued == 0, "the thread pool refuses work");
}

void Loop::on_signal(int signal, std::function<void()> hook) {
  auto* watch = new SignalWatch;
  watch->hook = std::move(hook);
  uv_signal_init(&state_->loop, &watch->handle);
  watch->handle.data = watch;
  const int started = uv_signal_start(
      &watch->handle,
      [](uv_signal_t* handle, int) { static_cast<SignalWatch*>(handle->data)->hook(); }, signal);
  DROVER_CHECK(started == 0, "this signal cannot be caught");
  uv_unref(reinterpret_cast<uv_handle_t*>(&watch->handle));
}

Now Loop::now() { return {.wall = {clock_us(CLOCK_REALTIME)}, .mono = {clock_us(CLOCK_BOOTTIME)}}; }

uv_loop_s* Loop::raw() { return &state_->loop; }

struct Timer::State {
  uv_timer_t handle{};
  std::function<void()> on_fire;
};

Timer::Timer(Loop& loop, std::function<void()> on_fire) : state_(new State) {
  state_->on_fire = std::move(on_fire);
  uv_timer_init(loop.raw(), &state_->handle);
  state_->handle.data = state_;
}

Timer::Timer(Timer&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}

Timer& Timer::operator=(Timer&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

Timer::~Timer() {
  if (state_ == nullptr) return;
  // The handle, and with it a running on_fire, lives until the loop has let go of it.
  uv_close(reinterpret_cast<uv_handle_t*>(&state_->handle),
           [](uv_handle_t* handle) { delete static_cast<State*>(handle->data); });
}

void Timer::start(Duration after, Duration repeat) {
  if (state_ == nullptr) return;
  uv_update_time(state_->handle.loop);  // a long turn would otherwise shorten the wait
  uv_timer_start(
      &state_->handle, [](uv_timer_t* handle) { static_cast<State*>(handle->data)->on_fire(); },
      timer_ms(after), timer_ms(repeat));
}

void Timer::stop() {
  if (state_ != nullptr) uv_timer_stop(&state_->handle);
}

}  // namespace drover::net
