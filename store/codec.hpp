// store/codec.hpp - domain values to protobuf messages and back; the only converter of either.
// SPDX-License-Identifier: Apache-2.0
//
// encode() always fills a cleared message. decode() checks every enumerator and range, since the
// bytes may come from a damaged or hostile file: it answers false for a value that the domain type
// cannot hold.
#pragma once
#include "proto/store.pb.h"
#include "sched/messages.hpp"
#include "store/store.hpp"

namespace drover::store {

// Script, environment and items are left out: store/blobs.hpp decides where they go.
void encode(const sched::JobSpec& spec, proto::JobSpec& out);
bool decode(const proto::JobSpec& in, sched::JobSpec& out);

void encode(const sched::JobRecord& record, proto::JobRecord& out);
bool decode(const proto::JobRecord& in, sched::JobRecord& out);

void encode(const sched::TaskRecord& record, proto::TaskRecord& out);
bool decode(const proto::TaskRecord& in, sched::TaskRecord& out);

void encode(const sched::NodeRecord& record, proto::NodeRecord& out);
bool decode(const proto::NodeRecord& in, sched::NodeRecord& out);

void encode(const rm::QuotaTable& table, proto::QuotaTable& out);
bool decode(const proto::QuotaTable& in, rm::QuotaTable& out);

void encode(const sched::Event& event, proto::Event& out);
bool decode(const proto::Event& in, sched::Event& out);

void encode(const IdempotencyEntry& entry, proto::IdempotencyRecord& out);
bool decode(const proto::IdempotencyRecord& in, IdempotencyEntry& out);  // not the key

// codec_policy.cpp
void encode(const std::vector<sched::UsageRecord>& records, proto::UsageTable& out);
bool decode(const proto::UsageTable& in, std::vector<sched::UsageRecord>& out);
void encode(const std::vector<sched::GroupRecord>& groups, proto::GroupTable& out);
bool decode(const proto::GroupTable& in, std::vector<sched::GroupRecord>& out);
void encode(const std::vector<sched::Reservation>& reservations, proto::ReservationTable& out);
bool decode(const proto::ReservationTable& in, std::vector<sched::Reservation>& out);

}  // namespace drover::store
