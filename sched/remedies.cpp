// sched/remedies.cpp - what change of a job would let it start now.
// SPDX-License-Identifier: Apache-2.0
//
// Each is proposed only when a search as the pass makes it finds room for the changed job at this
// moment, beside every place that is kept; so it is bounded: one search for each kind that is short
// (and eight other partitions at most).
#include <algorithm>
#include <map>
#include <utility>

#include "base/units.hpp"
#include "rm/quota_ledger.hpp"
#include "sched/prospects.hpp"

namespace drover::sched {
namespace {

constexpr std::size_t kLookedAt = 64, kPartitions = 8;

// Makes the request ask for so much of that kind; false: it cannot be written so.
bool shrink(rm::Request& request, rm::Kind kind, std::int64_t free) {
  if (kind == rm::Kind::CpuMilli && request.tasks == 0) {
    const std::int64_t step = std::max<std::int64_t>(request.cores.cpus_per_task, 1);
    request.cpus = free / 1000 / step * step;
    return request.cpus > 0;
  }
  if (kind == rm::Kind::MemMib) return (request.mem_mib = free) > 0;
  if (kind == rm::Kind::GpuMilli && request.gpu_share == 0) return (request.gpus = free / 1000) > 0;
  return false;
}

std::string amount_of(const rm::Request& request, rm::Kind kind, const rm::ResourceNames& names) {
  const std::int64_t amount = kind == rm::Kind::CpuMilli   ? request.cpus * 1000
                              : kind == rm::Kind::GpuMilli ? request.gpus * 1000
                                                           : request.mem_mib;
  return rm::amount_text(amount, kind, names);
}

}  // namespace

// By quotas, nodes and what is kept for others.
bool Controller::State::Prospects::could_start(const rm::Request& request, Duration length,
                                               const Asker& asker) const {
  const rm::ClassId what = s.rm.intern(request);
  s.rm.hold(what);
  rm::Window whole{s.clock.mono, rm::after(s.clock.mono, length), asker.partition->by};
  if (const auto* head = asker.job == nullptr ? nullptr : s.quota_heads.find(asker.job->id))
    whole.own = head->kept;
  Asker changed = asker;
  changed.what = what;
  bool could = !s.rm.quota_short(what, asker.path, whole) &&
               (!request.exclusive || never_allowed(changed).empty());
  if (could && s.rm.plans()) {
    const auto slot = s.rm.earliest(what, length, s.clock.mono, asker.partition->by, s.clock.mono,
                                    asker.partition->planned(asker.path));
    could = slot && slot->start <= s.clock.mono;
  }
  // Which of the nodes its quotas allow is not said by explain(), and without plans by nobody.
  if (could && !s.rm.plans() && s.rm.whole_nodes(what, asker.path)) could = false;
  if (could) {
    const rm::NoFit fit = s.rm.explain(what);
    could = fit.fit_now >= fit.nodes_needed;
  }
  s.rm.drop(what);
  return could;
}

// "3 gpus of quota user=ann": more is asked for than that ever allows.
std::string Controller::State::Prospects::never_allowed(const Asker& asker) const {
  const rm::QuotaLedger& ledger = s.rm.ledger();
  if (const auto whole = s.rm.whole_nodes(asker.what, asker.path); whole && whole->beyond)
    return rm::amount_text(whole->beyond->limit, whole->beyond->kind, s.rm.names()) + " of quota " +
           whole->beyond->quota;
  const rm::Amounts want = s.rm.least_charge(asker.what, asker.path);
  std::string text;
  ledger.visit_limits(asker.path, want, [&](std::uint32_t quota, rm::Kind kind, std::int64_t max) {
    if (want[kind] > max)
      text = rm::amount_text(max, kind, s.rm.names()) + " of quota " + ledger.counter_name(quota);
    return text.empty();
  });
  return text;
}

// "2 cpus": what is left of the one kind that quotas are short of.
std::string Controller::State::Prospects::within_quotas(const Asker& asker) const {
  const rm::Request& asked = s.rm.request(asker.what);
  if (asked.nodes > 1 || asked.nodes_max > 0 || !asked.more.empty()) return {};
  const rm::QuotaLedger& ledger = s.rm.ledger();
  const rm::Amounts want = s.rm.least_charge(asker.what, asker.path);
  std::map<rm::Kind, std::int64_t> left;
  ledger.visit_limits(asker.path, want, [&](std::uint32_t quota, rm::Kind kind, std::int64_t max) {
    const std::int64_t free = max - ledger.counter_sums(quota).held(std::size_t(kind));
    if (free < want[kind]) left[kind] = left.contains(kind) ? std::min(left[kind], free) : free;
    return true;
  });
  if (left.size() != 1) return {};
  const auto [kind, free] = *left.begin();
  rm::Request smaller = asked;
  if (!shrink(smaller, kind, free) || !could_start(smaller, asker.length, asker)) return {};
  return amount_of(smaller, kind, s.rm.names());
}

// "2 cpus": the most of one kind that is short that some node has now.
std::string Controller::State::Prospects::smaller_request(const Asker& asker) const {
  const rm::Request& asked = s.rm.request(asker.what);
  if (asked.nodes > 1 || asked.nodes_max > 0 || !asked.more.empty()) return {};
  std::map<rm::Kind, std::int64_t> most;  // where it is the only kind that is short
  for (const NodeId id : s.rm.suited(asker.what, true, kLookedAt)) {
    const auto need = s.rm.need_on(id, asker.what);
    if (!need) continue;
    std::optional<rm::Kind> only;
    std::size_t count = 0;
    for (std::size_t k = 0; k < rm::kKinds; ++k)
      if (need->free.of[k] < need->want.of[k] && ++count > 0) only = rm::Kind(k);
    if (count == 1) most[*only] = std::max(most[*only], need->free[*only]);
  }
  std::string text;
  for (const auto& [kind, free] : most) {
    rm::Request smaller = asked;
    if (!shrink(smaller, kind, free) || !could_start(smaller, asker.length, asker)) continue;
    text += (text.empty() ? "" : " or ") + amount_of(smaller, kind, s.rm.names());
  }
  return text;
}

// The longest time for which a node with room now is free of what is kept for others. With a
// reservation in the way that is its beginning or, where somebody holds a place before it, found by
// halving (26 searches).
std::string Controller::State::Prospects::shorter_limit(const Asker& asker, bool reserved) const {
  const rm::Request& asked = s.rm.request(asker.what);
  if (!s.rm.plans()) return {};
  const Time now = s.clock.mono;
  if (const auto way = reserved ? s.rm.in_the_way(asker.what, {now, rm::after(now, asker.length)})
                                : std::nullopt) {
    Duration until = way->span.from - now;
    until.us -= until.us % seconds(1).us;
    if (until >= seconds(1) && until < asker.length && could_start(asked, until, asker))
      return format_duration(until);
  }
  if (asked.nodes > 1 || !asked.more.empty()) return {};
  if (const Duration longest = longest_on_nodes(asker); longest >= seconds(1))
    return format_duration(longest);
  if (!could_start(asked, seconds(1), asker)) return {};
  std::int64_t fits = 1, too_long = asker.length.us / 1'000'000;
  while (too_long - fits > 1) {
    const std::int64_t half = fits + (too_long - fits) / 2;
    (could_start(asked, seconds(half), asker) ? fits : too_long) = half;
  }
  return format_duration(seconds(fits));
}

// As far as the plans of nodes say at a glance; zero: they do not.
Duration Controller::State::Prospects::longest_on_nodes(const Asker& asker) const {
  const rm::Request& asked = s.rm.request(asker.what);
  Duration longest;
  for (const NodeId id : s.rm.suited(asker.what, true, kLookedAt)) {
    const auto need = s.rm.need_on(id, asker.what);
    if (!need || rm::first_shortage(need->free, need->want)) continue;
    const rm::LastingRoom room = s.rm.lasting_room(id, s.clock.mono);
    if (room.lasts < asker.length) longest = std::max(longest, room.lasts);
  }
  longest.us -= longest.us % seconds(1).us;
  return longest >= seconds(1) && could_start(asked, longest, asker) ? longest : Duration{};
}

// As the entrance would route it there.
std::string Controller::State::Prospects::other_partition(const Asker& asker,
                                                          const JobSpec& spec) const {
  const PartitionTable& table = s.ranking.book().partitions;
  const PartitionSpec* own = table.find(asker.partition->name);
  if (own == nullptr) return {};
  std::size_t tried = 0;
  for (const PartitionSpec& other : table.all()) {
    if (&other == own || tried == kPartitions) continue;
    JobSpec moved = spec;
    moved.labels["partition"] = other.name;
    for (const auto& [label, value] : own->nodes) moved.request.node_labels.erase(label);
    if (own->exclusive_user) moved.request.sole_user = 0;
    if (!table.route(moved)) continue;
    ++tried;
    Asker there = asker;
    there.partition = s.partition_at[std::size_t(&other - table.all().data())];
    if (there.partition->queue.head()) continue;  // who waits there goes first
    there.path = s.rm.path_for(moved.labels);
    const bool could = could_start(moved.request, length_of(moved.time_limit), there);
    s.rm.forget_unused(there.path);
    if (could) return other.name;
  }
  return {};
}

void Controller::State::Prospects::add_remedies(const Asker& asker, const JobSpec* spec,
                                                Why& why) const {
  std::string text;
  const auto add = [&](const std::string& with, const std::string& what) {
    if (!what.empty()) text += (text.empty() ? "it could start now " : ", or ") + with + what;
  };
  const auto head = asker.partition->queue.head();
  const bool is_blocked = asker.partition->policy.backfill == Backfill::None && head &&
                          (asker.job == nullptr || head->place.job != asker.job->id);
  const bool reserved = why.reason == Reason::Reservation;
  if (why.reason == Reason::Resources && !is_blocked) add("with at most ", smaller_request(asker));
  if (why.reason == Reason::Quota && !is_blocked) add("with at most ", within_quotas(asker));
  if ((reserved || why.reason == Reason::Priority) && !is_blocked)
    add("with a time limit of at most ", shorter_limit(asker, reserved));
  if (spec != nullptr) add("in partition ", other_partition(asker, *spec));
  if (!text.empty()) why.hint = std::move(text);
}

}  // namespace drover::sched
