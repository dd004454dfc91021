// store/retry_codec.cpp - field by field.
// SPDX-License-Identifier: Apache-2.0
#include "store/retry_codec.hpp"

#include "proto/store.pb.h"

namespace drover::store {

void encode(const sched::RetryRule& rule, proto::RetryRule& out) {
  out.set_max(rule.max);
  out.set_factor_percent(rule.factor_percent);
  out.set_delay_us(rule.delay.us);
  out.set_delay_max_us(rule.delay_max.us);
  out.set_on(rule.on);
  for (const std::int32_t code : rule.exit_codes) out.add_exit_codes(code);
}

bool decode(const proto::RetryRule& in, sched::RetryRule& out) {
  if (in.on() > (sched::kRetryAny | sched::kRetryLost)) return false;
  out.max = in.max();
  out.factor_percent = in.factor_percent();
  out.delay = {in.delay_us()};
  out.delay_max = {in.delay_max_us()};
  out.on = sched::RetryOn(in.on());
  out.exit_codes.assign(in.exit_codes().begin(), in.exit_codes().end());
  return true;
}

}  // namespace drover::store
