// server/items_json.hpp - what the elements of an array work on, as JSON.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "sched/job_spec.hpp"
#include "server/json_fields.hpp"

namespace drover::server {

// A list of texts. Errors name the first item that is too long, or the limit that all exceed.
Result<void> read_items(JsonValue v, sched::Items& items);
// The job becomes the array of its items, 0 to n-1.
Result<void> make_array_of_items(sched::JobSpec& spec);

}  // namespace drover::server
