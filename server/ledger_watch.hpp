// server/ledger_watch.hpp - checks the books of leases and quotas while the daemon runs, and raises
// the alarm.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <functional>

#include "metrics/metrics.hpp"
#include "net/loop.hpp"
#include "sched/controller.hpp"

namespace drover::server {

// Every second one slice between two turns: its cost is bounded by `nodes`, whatever the cluster's
// size. Loop thread.
class LedgerWatch {
 public:
  using Audit = std::function<sched::AuditReport(std::size_t nodes)>;
  LedgerWatch(net::Loop& loop, metrics::Metrics& metrics, Audit audit);

  void set_pace(std::size_t nodes);  // 0 = off
  void look();                       // one slice

 private:
  void arm();

  metrics::Metrics& metrics_;
  Audit audit_;
  std::size_t nodes_ = 0, found_ = 0, found_before_ = 0;
  net::Timer timer_;
};

}  // namespace drover::server
