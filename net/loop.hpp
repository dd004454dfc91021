// net/loop.hpp - the one event loop of a daemon. Everything in net/ runs on its thread unless it
// says otherwise.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <memory>

#include "base/time.hpp"

struct uv_loop_s;

namespace drover::net {

// Outlives every timer, connection and server made on it.
class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Until stop(); may be called once. SIGPIPE is ignored from the constructor on, so whoever
  // starts programs resets it in the child.
  void run();
  void stop();  // any thread
  // Runs `work` on the loop thread soon. Any thread; calls made together wake the loop once.
  void post(std::function<void()> work);
  // `hook` runs after each round of timers, posted work and IO callbacks, before the loop waits
  // again: the place for the turn.
  void after_io(std::function<void()> hook);
  // Runs `work` once, after the after_io hooks and before the loop waits: for batching writes.
  // It must not make work for a turn, which would then wait for the next event; post() that.
  void before_wait(std::function<void()> work);
  // Runs `work` on the thread pool, then `done` on the loop thread; neither after ~Loop began,
  // which waits for work that is already running.
  void offload(std::function<void()> work, std::function<void()> done);
  // Catches the signal on the loop thread.
  void on_signal(int signal, std::function<void()> hook);
  static Now now();  // CLOCK_REALTIME and CLOCK_BOOTTIME
  uv_loop_s* raw();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// One-shot or repeating timer. Destroying it cancels it.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> on_fire);
  ~Timer();
  Timer(Timer&&) noexcept;
  Timer& operator=(Timer&&) noexcept;
  void start(Duration after, Duration repeat = {});
  void stop();

 private:
  struct State;
  State* state_;
};

}  // namespace drover::net
