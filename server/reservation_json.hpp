// server/reservation_json.hpp - reservations in JSON, both ways.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "base/result.hpp"
#include "base/time.hpp"
#include "sched/controller.hpp"
#include "server/json_writer.hpp"

namespace drover::server {

// The body of PUT: {"start":"2030-01-01T08:00","time":"2h","nodes":"n[1-4]","users":["ann"]}. When
// cpus, mem_mib or gpus are given, so much of each node; otherwise whole nodes.
Result<sched::PutReservation> read_reservation(std::string json, std::string name, Time now);

void append_reservation(JsonWriter& out, const sched::ReservationView& view);

}  // namespace drover::server
