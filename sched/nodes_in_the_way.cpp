// sched/nodes_in_the_way.cpp - the nodes on which a job could run soonest, what is short there, and
// by whose ends there would be room; and nodes out of service that are large enough.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <utility>

#include "base/number_ranges.hpp"
#include "base/units.hpp"
#include "sched/prospects.hpp"

namespace drover::sched {
namespace {

constexpr std::size_t kLookedAt = 64;  // nodes that are large enough
constexpr std::size_t kNodesShown = 2, kJobsShown = 4, kOutShown = 3;

bool is_sooner(Time a, Time b) { return a.is_set() && (!b.is_set() || a < b); }

std::vector<rm::Kind> short_of(const rm::NodeNeed& need) {
  std::vector<rm::Kind> kinds;
  for (std::size_t k = 0; k < rm::kKinds; ++k)
    if (need.free.of[k] < need.want.of[k]) kinds.push_back(rm::Kind(k));
  return kinds;
}

}  // namespace

// Nothing: it has room, so that something else is in the way. O(tasks on it).
std::optional<Controller::State::Prospects::NodeWait> Controller::State::Prospects::wait_for(
    NodeId id, const Asker& asker) const {
  NodeWait wait{id, s.clock.wall, {}};
  const auto need = s.rm.need_on(id, asker.what);
  rm::Amounts free = need ? need->free : rm::Amounts{};
  const bool alone = s.rm.request(asker.what).exclusive || !need;
  if (!alone && !rm::first_shortage(free, need->want)) return std::nullopt;
  std::vector<std::pair<Time, TaskId>> ends;
  for (const TaskId& task : s.nodes.at(id).tasks) {
    const Job& job = s.jobs.at(task.job);
    ends.emplace_back(end_of(job, job.more->tasks.at(raw(task.index)).record), task);
  }
  if (ends.empty()) return std::nullopt;
  std::ranges::stable_sort(ends, [](const auto& a, const auto& b) {
    return is_sooner(a.first, b.first) || (a.first == b.first && a.second < b.second);
  });
  for (const auto& end : ends) {
    if (!alone && !rm::first_shortage(free, need->want)) break;
    const rm::Lease& lease =
        *s.jobs.at(end.second.job).more->tasks.at(raw(end.second.index)).record.lease;
    rm::for_each_part(lease, [&](const rm::NodePart& part) {
      if (part.node == id) free += s.rm.frees(part, asker.what);
    });
    wait.at = end.first;
    wait.ends.push_back(end);
  }
  return wait;
}

void Controller::State::Prospects::name_node(const NodeWait& wait, const Asker& asker,
                                             Why& why) const {
  const auto view = s.rm.node(wait.node);
  const auto need = s.rm.need_on(wait.node, asker.what);
  const rm::Request& request = s.rm.request(asker.what);
  const std::string& name = view->spec->name;
  std::string text;
  std::vector<rm::Kind> kinds = need ? short_of(*need) : std::vector<rm::Kind>();
  for (const rm::Kind kind : kinds) {
    const auto amount = [&](std::int64_t of) { return rm::amount_text(of, kind, s.rm.names()); };
    const bool of_model = kind == rm::Kind::GpuMilli && !request.gpu_model.empty();
    text += (text.empty() ? "" : "; ") + amount(need->free[kind]) +
            (of_model ? " of model " + request.gpu_model : " of " + amount(view->capacity[kind])) +
            " free, " + amount(need->want[kind]) + " asked for";
  }
  if (request.exclusive) text = "not empty, and it asks for the whole node";
  if (text.empty()) text = "in use";
  why.in_the_way.push_back({name, JobId{}, text, {}});
  if (kinds.empty()) kinds = {rm::Kind::CpuMilli, rm::Kind::MemMib, rm::Kind::GpuMilli};
  std::size_t shown = 0;
  for (const auto& [until, task] : wait.ends) {
    if (shown++ >= kJobsShown) {
      ++why.more_in_the_way;
      continue;
    }
    const rm::Lease& lease = *s.jobs.at(task.job).more->tasks.at(raw(task.index)).record.lease;
    std::string holds;
    rm::for_each_part(lease, [&](const rm::NodePart& part) {
      if (part.node != wait.node) return;
      for (const rm::Kind kind : kinds)
        if (part.amounts[kind] > 0)
          holds +=
              (holds.empty() ? "" : ", ") + rm::amount_text(part.amounts[kind], kind, s.rm.names());
      if (!part.gpus.empty())
        holds += " (GPU " + number_ranges(std::span<const std::uint16_t>(part.gpus)) + ")";
    });
    why.in_the_way.push_back({name, task.job, "holds " + holds, until});
  }
}

// Of those that are looked at the ones that have room soonest by the limits of what runs there.
void Controller::State::Prospects::name_nodes(const Asker& asker, Why& why) const {
  std::vector<NodeWait> waits;
  for (const NodeId id : s.rm.suited(asker.what, true, kLookedAt))
    if (auto wait = wait_for(id, asker)) waits.push_back(*std::move(wait));
  std::ranges::stable_sort(
      waits, [](const NodeWait& a, const NodeWait& b) { return is_sooner(a.at, b.at); });
  for (std::size_t i = 0; i < waits.size() && i < kNodesShown; ++i) name_node(waits[i], asker, why);
  if (waits.size() > kNodesShown) why.more_in_the_way += std::uint32_t(waits.size() - kNodesShown);
}

void Controller::State::Prospects::name_out_of_service(const Asker& asker, Why& why) const {
  std::size_t shown = 0;
  for (const NodeId id : s.rm.suited(asker.what, false, kLookedAt)) {
    if (shown++ >= kOutShown) {
      ++why.more_in_the_way;
      continue;
    }
    const auto view = s.rm.node(id);
    const std::string& reason = s.nodes.at(id).reason;
    why.in_the_way.push_back({view->spec->name,
                              JobId{},
                              "large enough, but " + std::string(rm::state_word(*view)) +
                                  (reason.empty() ? "" : ": " + reason),
                              {}});
  }
}

// Of what the reason says.
void Controller::State::Prospects::name_obstacles(const Asker& asker, const JobSpec* spec,
                                                  Why& why) {
  if (why.reason == Reason::Quota) {
    if (const auto shortage =
            s.rm.quota_short(asker.what, asker.path, {s.clock.mono, s.clock.mono}))
      name_holders(*shortage, why);
  }
  const bool on_nodes = why.reason == Reason::Resources || why.reason == Reason::NodeUnavailable;
  if (asker.by != rm::kUnreserved || asker.partition == s.statements) return;
  if (on_nodes && s.rm.request(asker.what).more.empty()) {
    name_nodes(asker, why);
    name_out_of_service(asker, why);
  }
  if (on_nodes || why.reason == Reason::Priority || why.reason == Reason::Quota)
    add_remedies(asker, spec, why);
}

}  // namespace drover::sched
