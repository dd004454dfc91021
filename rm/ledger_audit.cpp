// rm/ledger_audit.cpp - sums made from leases, compared with those that were kept.
// SPDX-License-Identifier: Apache-2.0
#include "rm/ledger_audit.hpp"

namespace drover::rm {
namespace {

// Jobs in queues are no leases: Controller::check compares those.
Amounts of_leases(Amounts amounts) {
  amounts[Kind::QueuedJobs] = 0;
  return amounts;
}

template <class Entry>
void compare_one(const std::string& name, const QuotaLedger::Sums& kept, const Entry& real,
                 std::vector<std::string>& problems) {
  for (std::size_t k = 0; k < kKinds; ++k) {
    const auto report = [&](const char* verb, std::int64_t has, std::int64_t should) {
      if (has == should) return;
      problems.push_back(name + verb + std::to_string(has) + " of " +
                         std::string(to_string(Kind(k))) + ", its leases hold " +
                         std::to_string(should));
    };
    report(" has locked ", kept.locked.of[k], real.locked.of[k]);
    report(" uses ", of_leases(kept.used).of[k], real.used.of[k]);
  }
}

}  // namespace

template <class Change>
void LedgerAudit::enter(const QuotaLedger& ledger, const Lease& lease, Change change) {
  if (raw(lease.node) >= node_) return;  // the cursor will meet it
  const auto put = [&](std::map<std::uint32_t, Entry>& entries, std::uint32_t index) {
    Entry& entry = entries[index];
    change(entry);
    if (entry.is_zero()) entries.erase(index);
  };
  put(paths_, raw(lease.path));
  if (raw(lease.path) >= path_) return;
  for (const std::uint32_t counter : ledger.counters_of(lease.path)) put(counters_, counter);
}

void LedgerAudit::on_locked(const QuotaLedger& ledger, const Lease& lease) {
  if (node_ == 0) return;
  enter(ledger, lease, [total = lease.total()](Entry& entry) { entry.locked += total; });
}

void LedgerAudit::on_used(const QuotaLedger& ledger, const Lease& lease) {
  if (node_ == 0) return;
  enter(ledger, lease, [total = lease.total()](Entry& entry) {
    entry.locked -= total;
    entry.used += total;
  });
}

void LedgerAudit::on_released(const QuotaLedger& ledger, const Lease& lease) {
  if (node_ == 0) return;
  enter(ledger, lease, [&, total = lease.total()](Entry& entry) {
    (lease.used ? entry.used : entry.locked) -= total;
  });
}

void LedgerAudit::see_node(NodeId id, std::span<const Lease* const> leases) {
  for (const Lease* lease : leases) {
    if (lease->node != id) continue;
    Entry& entry = paths_[raw(lease->path)];
    (lease->used ? entry.used : entry.locked) += lease->total();
  }
  node_ = raw(id) + 1;
}

bool LedgerAudit::compare(const QuotaLedger& ledger, std::size_t count,
                          std::vector<std::string>& problems) {
  node_ = UINT32_MAX;
  static const Entry kNothing;
  const auto real = [](const std::map<std::uint32_t, Entry>& entries, std::uint32_t index) {
    const auto found = entries.find(index);
    return found != entries.end() ? found->second : kNothing;
  };
  for (; count > 0 && path_ < ledger.path_slots(); --count, ++path_) {
    const Entry entry = real(paths_, path_);
    compare_one("path " + ledger.path_name(path_), ledger.path_sums(path_), entry, problems);
    if (entry.is_zero()) continue;
    if (!ledger.has_path(PathId(path_))) continue;  // reported by its sums
    for (const std::uint32_t counter : ledger.counters_of(PathId(path_))) {
      counters_[counter].locked += entry.locked;
      counters_[counter].used += entry.used;
    }
  }
  if (path_ < ledger.path_slots()) return false;
  for (; count > 0 && counter_ < ledger.counter_slots(); --count, ++counter_)
    compare_one("quota " + ledger.counter_name(counter_), ledger.counter_sums(counter_),
                real(counters_, counter_), problems);
  if (counter_ < ledger.counter_slots()) return false;
  restart();
  return true;
}

}  // namespace drover::rm
