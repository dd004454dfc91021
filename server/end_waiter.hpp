// server/end_waiter.hpp - an answer that waits for the end of a job or workflow.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "server/exchange.hpp"
#include "server/services.hpp"

namespace drover::server {

// Calls `show` once: when {id} of the exchange has ended, or the time is up, whichever comes first.
// Not at all when the caller has gone. Loop thread.
void wait_for_end(Services& services, ExchangePtr exchange, Duration timeout,
                  void (*show)(Services&, ExchangePtr));

}  // namespace drover::server
