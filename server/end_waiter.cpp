// server/end_waiter.cpp - the event and the timer race; the first one answers.
// SPDX-License-Identifier: Apache-2.0
#include "server/end_waiter.hpp"

#include <memory>
#include <utility>

namespace drover::server {
namespace {

struct Waiter : std::enable_shared_from_this<Waiter> {
  Waiter(Services& s, ExchangePtr e, void (*show_it)(Services&, ExchangePtr))
      : services(s), exchange(std::move(e)), show(show_it), timer(s.loop, [this] { finish(); }) {}

  void begin(Duration timeout) {
    timer.start(timeout);
    hook = services.events.when_ended(exchange->job, [self = shared_from_this()] {
      self->hook = 0;
      self->finish();
    });
    exchange->answer->on_gone([weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->stop();
    });
  }
  void finish() {
    if (std::exchange(done, true)) return;
    // stop() drops the hook that holds us, and we may be in our timer's callback.
    services.loop.post([self = shared_from_this()] {});
    stop();
    show(services, exchange);
  }
  void stop() {
    timer.stop();
    done = true;
    if (hook != 0) services.events.forget(exchange->job, std::exchange(hook, 0));
  }

  Services& services;
  ExchangePtr exchange;
  void (*show)(Services&, ExchangePtr);
  net::Timer timer;
  std::uint64_t hook = 0;
  bool done = false;
};

}  // namespace

void wait_for_end(Services& services, ExchangePtr exchange, Duration timeout,
                  void (*show)(Services&, ExchangePtr)) {
  std::make_shared<Waiter>(services, std::move(exchange), show)->begin(timeout);
}

}  // namespace drover::server
