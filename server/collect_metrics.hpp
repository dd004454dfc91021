// server/collect_metrics.hpp - the controller's plain counters into the metric families.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "sched/messages.hpp"
#include "server/services.hpp"

namespace drover::server {

// Loop thread; O(nodes), never O(jobs).
void collect_metrics(Services& services);
// Times that only the records of one commit tell.
void observe_changes(metrics::Metrics& metrics, const sched::Changes& changes);

}  // namespace drover::server
