// store/engine_codec.hpp - what a job says of engines, as records.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "proto/store.pb.h"
#include "sched/job_spec.hpp"

namespace drover::store {

void encode_engine_parts(const sched::JobSpec& spec, proto::JobSpec& out);
void decode_engine_parts(const proto::JobSpec& in, sched::JobSpec& out);

}  // namespace drover::store
