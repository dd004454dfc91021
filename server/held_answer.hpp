// server/held_answer.hpp - an answer that waits, so that guessing gets slow.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <utility>

#include "net/loop.hpp"
#include "server/exchange.hpp"

namespace drover::server {

// Held by its timer's hook alone, so it goes when it has been given.
struct HeldAnswer : std::enable_shared_from_this<HeldAnswer> {
  HeldAnswer(net::Loop& l, std::shared_ptr<Answer> a, net::HttpResponse r)
      : loop(l), answer(std::move(a)), response(std::move(r)), timer(l, [this] { give(); }) {}
  void hold(Duration delay) {
    self = shared_from_this();
    timer.start(delay);
  }
  void give() {
    answer->send(std::move(response));
    loop.post([last = std::exchange(self, nullptr)] {});  // not from within the timer's callback
  }
  net::Loop& loop;
  std::shared_ptr<Answer> answer;
  net::HttpResponse response;
  net::Timer timer;
  std::shared_ptr<HeldAnswer> self;
};

// At once when `delay` is zero.
inline void send_after(net::Loop& loop, const std::shared_ptr<Answer>& answer,
                       net::HttpResponse response, Duration delay) {
  if (delay.us == 0) return answer->send(std::move(response));
  std::make_shared<HeldAnswer>(loop, answer, std::move(response))->hold(delay);
}

}  // namespace drover::server
