// store/workflow_codec.hpp - workflows' values to protobuf messages and back; see codec.hpp.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "flow/records.hpp"
#include "proto/store.pb.h"

namespace drover::store {

void encode(const flow::WorkflowSource& source, proto::WorkflowSource& out);
bool decode(const proto::WorkflowSource& in, flow::WorkflowSource& out);

void encode(const flow::WorkflowRecord& record, proto::WorkflowRecord& out);
bool decode(const proto::WorkflowRecord& in, flow::WorkflowRecord& out);

void encode(const dag::Fact& fact, proto::WorkflowFact& out);
bool decode(const proto::WorkflowFact& in, dag::Fact& out);

void encode(const flow::CacheEntry& entry, proto::StepResult& out);
bool decode(const proto::StepResult& in, flow::CacheEntry& out);  // not the key

}  // namespace drover::store
