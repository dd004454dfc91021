// sched/explain_room.cpp - why there is no room for a job that has passed its gates, or for one
// that is only weighed: quotas, licences, reservations, nodes, and those before it.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "base/units.hpp"
#include "sched/counted_words.hpp"
#include "sched/reserving.hpp"

namespace drover::sched {
namespace {

Why no_room(JobState state, const rm::NoFit& fit, const rm::Request& all,
            const rm::ResourceNames& names) {
  const rm::Request& asked = fit.component > 1 ? all.more[fit.component - 2] : all;
  if (fit.nodes_total == 0)
    return {state, Reason::NoNode, "no node is registered", "start drover-agent on a node"};
  std::string text = "none of " + times(fit.nodes_total, "node") + " has room now";
  if (fit.nodes_needed > 1)
    text = number(fit.fit_now) + " of " + number(fit.nodes_needed) +
           (asked.contiguous ? " neighbouring nodes" : " nodes") +
           " that it needs at once have room now, of " + times(fit.nodes_total, "node");
  if (fit.component > 0) text = "component " + number(fit.component) + ": " + text;
  if (!all.more.empty() && fit.component == 0)
    text = "each component finds nodes, but not all of them nodes of their own: " +
           number(fit.fit_now) + " of " + number(fit.nodes_needed) + " could be dealt out now";
  std::string because;
  const auto add = [&](std::uint32_t n, const std::string& what) {
    if (n > 0) because += (because.empty() ? "" : ", ") + number(n) + " " + what;
  };
  add(fit.busy, "busy");
  add(fit.not_up, "not in service");
  add(fit.label_mismatch, asked.cores == rm::CoreRule{}
                              ? "without the labels asked for"
                              : "without the labels, sockets or cores asked for");
  add(fit.too_small, "too small");
  add(fit.of_one_user, "of the busy ones with jobs that no other user's may join");
  if (!because.empty()) text += ": " + because;
  if (fit.mostly_short_of)
    text += "; mostly short of " + std::string(rm::is_named(*fit.mostly_short_of)
                                                   ? names.word(*fit.mostly_short_of)
                                                   : rm::to_string(*fit.mostly_short_of));
  const Reason reason = fit.busy > 0     ? Reason::Resources
                        : fit.not_up > 0 ? Reason::NodeUnavailable
                                         : Reason::Resources;
  return {state, reason, std::move(text), "drover node ls shows what is free"};
}

Why over_quota(JobState state, const rm::QuotaShort& quota, const rm::ResourceNames& names) {
  const auto amount = [&](std::int64_t of) { return rm::amount_text(of, quota.kind, names); };
  const auto be = [&](std::int64_t of) { return is_or_are(of == names.unit(quota.kind) ? 1 : 2); };
  std::string text = "quota " + quota.quota + ": " + amount(quota.held) + " of " +
                     amount(quota.limit) + be(quota.held) + " held, " + amount(quota.asked) +
                     " more" + be(quota.asked) + " asked for";
  if (quota.set_aside > 0) text += ", and jobs before it have planned with the rest";
  if (quota.kept > 0)
    text += ", " + amount(quota.kept) + be(quota.kept) +
            " kept for guarantees of other quotas inside it";
  return {state, Reason::Quota, std::move(text),
          quota.asked > quota.limit ? "it is more than this quota ever allows"
                                    : "it goes on when jobs under this quota end"};
}

}  // namespace

Asker Controller::State::asker(const Job& job) const {
  return {&job,
          job.state,
          job.what,
          job.path,
          shapes[job.shape].length,
          job.reservation(),
          &partition_of(job),
          {}};
}

Why Controller::State::why_no_room(const Asker& asker) const {
  const JobQueue& queue = asker.partition->queue;
  const Job* job = asker.job;
  const auto* parked = job != nullptr ? queue.parked(job->lane) : nullptr;
  if (parked != nullptr && rm::is_licence(*parked)) return short_of_licence(asker, *parked);
  const auto now = rm.quota_short(asker.what, asker.path, {clock.mono, clock.mono});
  if (parked != nullptr) return over_quota(asker.state, now.value_or(*parked), rm.names());
  if (job == nullptr && now && !rm::is_licence(*now))
    return over_quota(asker.state, *now, rm.names());
  if (!rm::licences_of(rm.request(asker.what)).empty())
    if (const auto pool = rm.licences_short(asker.what, asker.path, Reserved{*this}.wait_of(asker)))
      return short_of_licence(asker, *pool);
  if (asker.partition == statements) return why_no_engine(asker);
  if (foresees_quotas(asker.partition->policy) || (job == nullptr && !queue.head()))
    if (const auto quota = rm.quota_short(asker.what, asker.path, Reserved{*this}.wait_of(asker))) {
      Why why = over_quota(asker.state, *quota, rm.names());
      why.text += place_held(asker);
      return why;
    }
  const auto head = queue.head();
  if (asker.by != rm::kUnreserved && !Reserved{*this}.is_flexible(asker.by))
    return Reserved{*this}.why_inside(asker);
  if (asker.by == rm::kUnreserved)
    if (auto outside = Reserved{*this}.why_outside(asker)) return *std::move(outside);
  if (!head || job == nullptr || head->place.job != job->id) return why_behind(asker);
  Why why = no_room(asker.state, rm.explain(asker.what), rm.request(asker.what), rm.names());
  why.text += place_held(asker);
  return why;
}

std::string Controller::State::place_held(const Asker& asker) const {
  return asker.job == nullptr ? std::string() : place_held(*asker.job, asker.job->id);
}

// ", it holds a place from 2026-.. on": what the plan promises, as long as nothing changes.
std::string Controller::State::place_held(const Job& job, JobId asked) const {
  const Partition& partition = partition_of(job);
  const auto hold = partition.holds.find(job.id);
  if (hold == partition.holds.end()) return {};
  const rm::Slot& slot = rm.slot_of(hold->second);
  const Duration away = slot.start - clock.mono;
  if (waits_for_unlimited(slot)) return "; the jobs before it have no time limit";
  if (away > kUnlimited)  // behind places of others, perhaps, who wait for such a job
    return "; the jobs before it have no time limit, or one of about a year or more";
  const std::string where =
      slot.nodes.size() == 1 ? " on node " + nodes.at(slot.nodes.front()).name : std::string();
  return "; a place" + where + " is kept for " + (job.id == asked ? "it" : "that one") + " from " +
         format_utc(clock.wall + away) + " on";
}

// Its time is then not worth telling: what has no limit may end tomorrow.
bool Controller::State::waits_for_unlimited(const rm::Slot& slot) const {
  return std::ranges::any_of(slot.nodes, [&](NodeId node) {
    return std::ranges::any_of(nodes.at(node).tasks, [&](const TaskId& id) {
      const Job& job = jobs.at(id.job);
      const rm::Lease& lease = *job.more->tasks.at(raw(id.index)).record.lease;
      return is_unlimited(shapes[job.shape].length) && lease.until <= slot.start;
    });
  });
}

// Others go first. What fits now may still start, if it delays nobody who holds a place.
Why Controller::State::why_behind(const Asker& asker) const {
  const Partition& partition = *asker.partition;
  const auto head = partition.queue.head();
  const rm::NoFit fit = rm.explain(asker.what);
  using Block = JobQueue::Block;
  const bool strict = partition.policy.backfill == Backfill::None;
  const bool fits = fit.fit_now >= fit.nodes_needed;
  const Block block = asker.job != nullptr ? partition.queue.block_of(asker.job->shape)
                      : fits && !strict    ? Block::Held
                                           : Block::NoRoom;
  if (block == Block::Hopeless || !head)
    return no_room(asker.state, fit, rm.request(asker.what), rm.names());
  const std::string first = "job " + number(head->place.job);
  const std::string hint = "drover why " + number(head->place.job);
  if (block == Block::Held)
    return {
        asker.state, Reason::Priority,
        "it fits now, but could delay " + first +
            place_held(jobs.at(head->place.job), asker.job == nullptr ? JobId{} : asker.job->id),
        "a shorter time limit lets it end before that"};
  if (strict)
    return {asker.state, Reason::Priority, first + " is before it and finds no room", hint};
  Why why = no_room(asker.state, fit, rm.request(asker.what), rm.names());
  why.text += place_held(asker);
  return why;
}

}  // namespace drover::sched
