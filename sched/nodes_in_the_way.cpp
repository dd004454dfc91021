// sched/nodes_in_the_way.cpp - the nodes on which a job could run soonest, what is short there, and
// by whose ends there would be room; and nodes out of service that are large enough.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/number_ranges.hpp"
#include "base/units.hpp"
#include "sched/prospects.hpp"
#include "sched/reserving.hpp"

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

// Nodes do not say what is short for a share of a GPU.
std::string short_of_share(const rm::NodeView& node, const rm::Request& request) {
  const rm::ResourceNames no_names;
  std::string text;
  const auto look = [&](rm::Kind kind, std::int64_t want) {
    if (node.free[kind] >= want) return;
    const auto amount = [&](std::int64_t of) { return rm::amount_text(of, kind, no_names); };
    text += (text.empty() ? "" : "; ") + amount(node.free[kind]) + " of " +
            amount(node.capacity[kind]) + " free, " + amount(want) + " asked for";
  };
  look(rm::Kind::CpuMilli, request.cpus * 1000);
  look(rm::Kind::MemMib, request.mem_mib);
  look(rm::Kind::GpuMilli, request.gpu_share);
  if (!text.empty()) return text;
  return "no GPU on which " + rm::amount_text(request.gpu_share, rm::Kind::GpuMilli, no_names) +
         " are free";
}

}  // namespace

// Of the first so many; in a reservation O(nodes), else O(sizes of nodes * nodes / 64).
std::vector<Controller::State::Prospects::Suited> Controller::State::Prospects::suited(
    const Asker& asker, bool in_service) const {
  std::vector<Suited> found;
  if (asker.by == rm::kUnreserved || Reserved{s}.is_flexible(asker.by)) {
    for (const NodeId id : s.rm.suited(asker.what, in_service, kLookedAt)) found.push_back({id});
    return found;
  }
  const Reservation* known = s.calendar.find(s.reserved[std::size_t(asker.by)].name);
  if (known == nullptr) return found;
  std::map<std::string_view, const ReservedNode*> parts;
  for (const ReservedNode& part : known->nodes) parts.emplace(part.node, &part);
  for (const NodeId id : s.rm.suited(asker.what, in_service, s.nodes.size())) {
    const auto part = parts.find(s.node_of(id).name);
    if (part != parts.end()) found.push_back({id, part->second});
    if (found.size() == kLookedAt) break;
  }
  return found;
}

// Nothing: it has room, so that something else is in the way. O(tasks on it).
std::optional<Controller::State::Prospects::NodeWait> Controller::State::Prospects::wait_for(
    const Suited& on, const Asker& asker) const {
  const NodeId id = on.node;
  NodeWait wait{id, s.clock.wall, {}, s.rm.need_on(id, asker.what), s.rm.node(id)->capacity};
  auto& need = wait.need;
  const bool is_part = on.part != nullptr && !on.part->whole;
  if (is_part) wait.all = on.part->amounts;
  if (is_part && need) need->free = on.part->amounts;
  std::vector<std::pair<Time, TaskId>> ends;
  for (const TaskId& task : s.nodes.at(id).tasks) {
    const Job& job = s.jobs.at(task.job);
    const TaskRecord& record = job.more->tasks.at(raw(task.index)).record;
    if (is_part && record.lease->by != asker.by) continue;
    ends.emplace_back(end_of(job, record), task);
    if (is_part && need)
      rm::for_each_part(*record.lease, [&](const rm::NodePart& part) {
        if (part.node == id) need->free -= s.rm.frees(part, asker.what);
      });
  }
  for (std::size_t k = 0; is_part && need && k < rm::kKinds; ++k)
    if (need->want.of[k] == 0) need->free.of[k] = 0;  // leases count jobs and nodes, too
  rm::Amounts free = need ? need->free : rm::Amounts{};
  const bool alone = s.rm.request(asker.what).exclusive || !need;
  if (!alone && !rm::first_shortage(free, need->want)) return std::nullopt;
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
  const auto& need = wait.need;
  const rm::Request& request = s.rm.request(asker.what);
  const std::string& name = s.node_of(wait.node).name;
  std::string text;
  std::vector<rm::Kind> kinds = need ? short_of(*need) : std::vector<rm::Kind>();
  for (const rm::Kind kind : kinds) {
    const auto amount = [&](std::int64_t of) { return rm::amount_text(of, kind, s.rm.names()); };
    const bool of_model = kind == rm::Kind::GpuMilli && !request.gpu_model.empty();
    text += (text.empty() ? "" : "; ") + amount(need->free[kind]) +
            (of_model ? " of model " + request.gpu_model : " of " + amount(wait.all[kind])) +
            " free, " + amount(need->want[kind]) + " asked for";
  }
  if (!need && request.gpu_share > 0) text = short_of_share(*s.rm.node(wait.node), request);
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
  for (const Suited& on : suited(asker, true))
    if (auto wait = wait_for(on, asker)) waits.push_back(*std::move(wait));
  std::ranges::stable_sort(
      waits, [](const NodeWait& a, const NodeWait& b) { return is_sooner(a.at, b.at); });
  for (std::size_t i = 0; i < waits.size() && i < kNodesShown; ++i) name_node(waits[i], asker, why);
  if (waits.size() > kNodesShown) why.more_in_the_way += std::uint32_t(waits.size() - kNodesShown);
}

void Controller::State::Prospects::name_out_of_service(const Asker& asker, Why& why) const {
  std::size_t shown = 0;
  for (const Suited& out : suited(asker, false)) {
    if (shown++ >= kOutShown) {
      ++why.more_in_the_way;
      continue;
    }
    const auto view = s.rm.node(out.node);
    const std::string& reason = s.nodes.at(out.node).reason;
    why.in_the_way.push_back({view->spec->name,
                              JobId{},
                              "large enough, but " + std::string(rm::state_word(*view)) +
                                  (reason.empty() ? "" : ": " + reason),
                              {}});
  }
}

// Of several components the one that finds no nodes, as if it were alone.
void Controller::State::Prospects::name_for_component(const Asker& asker, Why& why) {
  const std::uint32_t component = s.rm.explain(asker.what).component;
  if (component == 0) return;  // each finds some, but not all of them nodes of their own
  const rm::Request& all = s.rm.request(asker.what);
  rm::Request request = component > 1 ? all.more[component - 2] : all;
  request.more.clear();
  Asker alone = asker;
  alone.what = s.rm.intern(request);
  s.rm.hold(alone.what);
  name_nodes(alone, why);
  name_out_of_service(alone, why);
  s.rm.drop(alone.what);
}

// Of what the reason says.
void Controller::State::Prospects::name_obstacles(const Asker& asker, const JobSpec* spec,
                                                  Why& why) {
  if (why.reason == Reason::Quota) {
    if (const std::string most = never_allowed(asker); !most.empty())
      why.hint = "it asks for more than the " + most + ": ask for less, or have that raised";
    if (const auto shortage =
            s.rm.quota_short(asker.what, asker.path, {s.clock.mono, s.clock.mono}))
      name_holders(*shortage, why);
  }
  const bool on_nodes = why.reason == Reason::Resources || why.reason == Reason::NodeUnavailable;
  if (asker.partition == s.statements) return;
  if (on_nodes && !s.rm.request(asker.what).more.empty()) {
    name_for_component(asker, why);
  } else if (on_nodes) {
    name_nodes(asker, why);
    name_out_of_service(asker, why);
  }
  if (asker.by != rm::kUnreserved) return;
  if (on_nodes || why.reason == Reason::Priority || why.reason == Reason::Quota ||
      why.reason == Reason::Reservation)
    add_remedies(asker, spec, why);
}

}  // namespace drover::sched
