// server/ledger_watch.cpp - one slice a second, a log line and a metric for what is wrong.
// SPDX-License-Identifier: Apache-2.0
#include "server/ledger_watch.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace drover::server {
namespace {

using metrics::FamilyId;
constexpr std::size_t kLinesPerSlice = 10;

}  // namespace

LedgerWatch::LedgerWatch(net::Loop& loop, metrics::Metrics& metrics, Audit audit)
    : metrics_(metrics), audit_(std::move(audit)), timer_(loop, [this] {
        look();
        arm();
      }) {
  metrics_.set(FamilyId::LedgerMismatches, {}, 0);
}

void LedgerWatch::set_pace(std::size_t nodes) {
  nodes_ = nodes;
  arm();
}

void LedgerWatch::arm() {
  if (nodes_ > 0)
    timer_.start(seconds(1));
  else
    timer_.stop();
}

void LedgerWatch::look() {
  const sched::AuditReport report = audit_(nodes_);
  const std::size_t count = report.mismatches.size();
  for (std::size_t i = 0; i < std::min(count, kLinesPerSlice); ++i)
    spdlog::error("the books are wrong: {}", report.mismatches[i]);
  if (count > kLinesPerSlice)
    spdlog::error("the books are wrong in {} more places", count - kLinesPerSlice);
  found_ += count;
  if (report.complete) {
    found_before_ = std::exchange(found_, 0);
    metrics_.add(FamilyId::LedgerChecks, {});
  }
  metrics_.set(FamilyId::LedgerMismatches, {}, double(std::max(found_, found_before_)));
}

}  // namespace drover::server
