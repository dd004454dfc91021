// store/retry_codec.hpp - the retries of a job, as stored.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "sched/retry_rule.hpp"

namespace drover::proto {
class RetryRule;
}  // namespace drover::proto

namespace drover::store {

void encode(const sched::RetryRule& rule, proto::RetryRule& out);
// False for a kind of end that this version does not know.
bool decode(const proto::RetryRule& in, sched::RetryRule& out);

}  // namespace drover::store
