// sched/licences.cpp - licences counted anew while they are in use, and who holds them.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <utility>

#include "base/check.hpp"
#include "base/counted_words.hpp"
#include "base/units.hpp"
#include "sched/reserving.hpp"

namespace drover::sched {
namespace {

constexpr std::size_t kHoldersShown = 5;
// Whose licences come back later than that keeps no place: room would lie idle for somebody of whom
// nobody knows when he can start, such as behind a job without a time limit.
constexpr Duration kForeseen = seconds(std::int64_t(32) * 86'400);

// "matlab 20 -> 10, ansys 0 -> 5"
std::string changes(const rm::Counts& before, const rm::Counts& after) {
  rm::Counts all = before;
  all.insert(after.begin(), after.end());
  const auto count = [](const rm::Counts& in, const std::string& name) {
    const auto found = in.find(name);
    return found == in.end() ? 0 : found->second;
  };
  std::string text;
  for (const auto& [name, any] : all) {
    const std::int64_t was = count(before, name), is = count(after, name);
    if (was != is)
      text += (text.empty() ? "" : ", ") + name + " " + std::to_string(was) + " -> " +
              std::to_string(is);
  }
  return text.empty() ? "nothing" : text;
}

std::vector<LicenceHolder> holders_of(const ControllerData& in, rm::Kind licence) {
  std::map<JobId, std::int64_t> counts;
  for (const auto& [id, node] : in.nodes) {
    for (const TaskId& task : node.tasks) {
      const auto& lease = in.jobs.at(task.job).more->tasks.at(raw(task.index)).record.lease;
      if (lease->node == id && lease->amounts[licence] > 0)
        counts[task.job] += lease->amounts[licence];
    }
  }
  std::vector<LicenceHolder> holders;
  holders.reserve(counts.size());
  for (const auto& [job, count] : counts) holders.push_back({job, count});
  std::ranges::stable_sort(holders, std::greater<>(), &LicenceHolder::count);
  return holders;
}

}  // namespace

// Nothing is killed: what holds more than there is goes on, and nothing more is given until enough
// has come back.
void Controller::State::set_licences(const SetLicences& in, Now now) {
  const auto words = rm::licence_words(in.totals, {});
  auto grown = rm.names().with(words);
  DROVER_CHECK(grown.has_value(), "licences without slots were let in");
  if (grown->slots() != rm.names().slots()) {
    rm.add_names(*std::move(grown));
    quotas.resources = rm.names().slots();
    quotas_dirty = true;  // stored before any lease that counts in them
  }
  Event event;
  event.seq = EventSeq{next_event++};
  event.at = now.wall;
  event.kind = EventKind::QuotasEdited;
  event.state = "licences: " + changes(config.licences, in.totals);
  if (config.keep_records) out.changes.events.push_back(std::move(event));
  config.licences = in.totals;
  rm.set_quotas(with_class_limits(quotas.rules));
  Reserving{*this}.foresee_quotas();
  origins.clear();
  for (Partition& partition : partitions) {
    partition.keeps_place = keeps_place(partition);
    partition.is_stale = true;
  }
  if (keeps_timelines()) Reserving{*this}.start_planning(now);
  ended_since = true;
}

bool Controller::State::Reserved::are_licences_foreseen(const Partition& partition,
                                                        const Job& job) const {
  if (!partition.holds_places() || !s.rm.plans()) return false;
  const auto slot = s.rm.earliest(job.what, s.shapes[job.shape].length, s.clock.mono, partition.by);
  return slot && slot->start - s.clock.mono < kForeseen;
}

Why Controller::State::short_of_licence(const Asker& asker, const rm::QuotaShort& parked) const {
  const auto number = [](std::int64_t n) { return std::to_string(n); };
  // As it was when it was tried, where it is not so any more.
  const rm::QuotaShort pool =
      rm.licences_short(asker.what, asker.path, Reserved{*this}.wait_of(asker)).value_or(parked);
  const std::string_view name = rm::licence_name(rm.names().word(pool.kind));
  std::string hint = "drover licence ls shows what is free";
  std::string text = "licence " + std::string(name) + ": " + number(pool.held) + " of " +
                     number(pool.limit) + is_or_are(pool.held) + " in use, " + number(pool.asked) +
                     " more" + is_or_are(pool.asked) + " asked for";
  if (pool.set_aside > 0) text += Reserved{*this}.licences_kept(asker, pool, hint);
  const auto holders = holders_of(*this, pool.kind);
  for (std::size_t i = 0; i < holders.size() && i < kHoldersShown; ++i)
    text += (i == 0 ? "; held by job " : ", job ") + number(std::int64_t(raw(holders[i].job))) +
            " (" + number(holders[i].count) + ")";
  if (holders.size() > kHoldersShown)
    text += " and " + number(std::int64_t(holders.size() - kHoldersShown)) + " more";
  text += place_held(asker);
  return {asker.state, Reason::Licences, std::move(text), std::move(hint)};
}

std::vector<LicenceUse> Controller::licences() const {
  std::vector<LicenceUse> all;
  for (rm::LicenceView& view : rm::licences_of(state_->rm)) {
    const auto kind = state_->rm.names().find(rm::licence_word(view.name));
    all.push_back(
        {std::move(view), kind ? holders_of(*state_, *kind) : std::vector<LicenceHolder>()});
  }
  return all;
}

}  // namespace drover::sched
