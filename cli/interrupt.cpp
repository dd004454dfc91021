// cli/interrupt.cpp - a thread in sigwait: it works whatever the main thread is blocked in.
// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupt.hpp"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <thread>

#include "cli/exit_code.hpp"

namespace drover::cli {

InterruptWatch::InterruptWatch(std::function<void()> on_first, std::function<void()> on_second) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::thread([set, first = std::move(on_first), second = std::move(on_second)] {
    if (::sigwaitinfo(&set, nullptr) < 0) return;
    first();
    const timespec two_seconds{2, 0};
    if (::sigtimedwait(&set, nullptr, &two_seconds) == SIGINT) second();
    ::_exit(kInterrupted);  // the main thread may be blocked in a read: nothing is left to tidy up
  }).detach();
}

}  // namespace drover::cli
