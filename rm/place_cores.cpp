// rm/place_cores.cpp - tasks over sockets, then cores within each, the smallest part that is
// enough first.
// SPDX-License-Identifier: Apache-2.0
#include "rm/place_cores.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "base/check.hpp"

namespace drover::rm {
namespace {

constexpr std::uint32_t kAny = std::numeric_limits<std::uint32_t>::max();

std::int64_t divided_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Threads of a core that tasks may use.
std::int64_t used_of(const CoreRule& rule, std::uint32_t per_core) {
  return rule.threads_per_core > 0 ? std::min<std::int64_t>(rule.threads_per_core, per_core)
                                   : std::max(per_core, 1u);
}

std::int64_t cpus_of_task(const CoreRule& rule) { return std::max(rule.cpus_per_task, 1); }

std::int64_t cores_of_task(const CoreRule& rule, std::uint32_t per_core) {
  return divided_up(cpus_of_task(rule), used_of(rule, per_core));
}

// How many tasks a socket has room for.
std::int64_t room_of(const CoreRule& rule, const SocketThreads& socket, std::uint32_t per_core) {
  std::int64_t tasks = socket.free / cpus_of_task(rule);
  if (rule.whole_cores()) {
    const std::int64_t cores = socket.idle / per_core;
    tasks = rule.own_cores ? cores / cores_of_task(rule, per_core)
                           : cores * used_of(rule, per_core) / cpus_of_task(rule);
  }
  return rule.tasks_per_socket > 0 ? std::min<std::int64_t>(tasks, rule.tasks_per_socket) : tasks;
}

void sort_by_package(NodeThreads& node, const std::map<std::uint16_t, SocketThreads>& found) {
  for (const auto& [package, socket] : found) node.sockets.push_back(socket);
}

// One core as a candidate.
struct Candidate {
  std::uint32_t numa = 0, l3 = 0;
  std::uint16_t package = 0;
  std::uint32_t index = 0, first_pu = 0, pus = 0, free = 0;
};

class CorePicker {
 public:
  CorePicker(const NodeUnits& node, bool whole, std::span<const std::uint32_t> missing_gpus)
      : node_(node), whole_(whole), missing_gpus_(missing_gpus) {
    for (std::uint32_t n = 0; n < node.numa_count(); ++n) {
      const NodeUnits::NumaState numa = node.numa(n);
      for (const std::uint32_t index : numa.cores) {
        const NodeUnits::CoreState core = node.core(index);
        if (whole_ ? !core.idle() : core.free == 0) continue;
        cores_.push_back({n, core.l3, numa.package, index, core.first_pu, core.pus, core.free});
      }
    }
  }

  void take(std::uint32_t package, std::int64_t wanted) {
    std::vector<Candidate> cores;
    for (const Candidate& core : cores_)
      if (package == kAny || core.package == package) cores.push_back(core);
    take_part(cores, package == kAny ? Level::Package : Level::Numa, wanted);
  }

  std::vector<std::uint16_t> finish() && {
    std::ranges::sort(pus_);
    return std::move(pus_);
  }

 private:
  enum class Level : std::uint8_t { Package, Numa, L3, Core };
  struct Part {
    std::vector<Candidate> cores;
    std::int64_t size = 0;
    std::uint32_t missing_gpus = kAny;
  };

  static std::uint32_t key_at(const Candidate& core, Level level) {
    return level == Level::Package ? core.package : level == Level::Numa ? core.numa : core.l3;
  }

  // The smallest part that is enough, near GPUs first; else the largest, and then on.
  void take_part(std::span<const Candidate> cores, Level level, std::int64_t wanted) {
    if (level == Level::Core) return take_cores(cores, wanted);
    std::map<std::uint32_t, Part> parts;
    for (const Candidate& core : cores) {
      Part& part = parts[key_at(core, level)];
      part.cores.push_back(core);
      part.size += core.free;
      if (core.numa < missing_gpus_.size() && level != Level::L3)
        part.missing_gpus = std::min(part.missing_gpus, missing_gpus_[core.numa]);
    }
    while (wanted > 0) {
      using Rank = std::tuple<bool, std::uint32_t, std::int64_t, std::uint32_t>;
      std::optional<Rank> best;
      for (const auto& [key, part] : parts) {
        const bool enough = part.size >= wanted;
        const Rank rank{!enough, part.missing_gpus, enough ? part.size : -part.size, key};
        if (!best || rank < *best) best = rank;
      }
      DROVER_CHECK(best.has_value(), "cores were promised that are not free");
      const auto chosen = parts.find(std::get<3>(*best));
      const std::int64_t here = std::min(wanted, chosen->second.size);
      take_part(chosen->second.cores, Level(std::uint8_t(level) + 1), here);
      wanted -= here;
      parts.erase(chosen);
    }
  }

  // Idle cores in their order, the shortest run that is enough first; then what others left.
  void take_cores(std::span<const Candidate> cores, std::int64_t wanted) {
    std::size_t best = cores.size();
    std::int64_t best_size = std::numeric_limits<std::int64_t>::max();
    for (std::size_t begin = 0; begin < cores.size();) {
      std::int64_t size = 0;
      std::size_t end = begin;
      for (; end < cores.size() && is_idle(cores[end]) &&
             (end == begin || cores[end].index == cores[end - 1].index + 1);
           ++end)
        size += cores[end].pus;
      if (size >= wanted && size < best_size) {
        best = begin;
        best_size = size;
      }
      begin = std::max(end, begin + 1);
    }
    const std::size_t first = best < cores.size() ? best : 0;
    for (std::size_t i = first; i < cores.size() && wanted > 0; ++i)
      if (is_idle(cores[i])) wanted -= take_core(cores[i], wanted);
    for (std::size_t i = 0; i < cores.size() && wanted > 0; ++i)
      if (!is_idle(cores[i])) wanted -= take_core(cores[i], wanted);
  }

  static bool is_idle(const Candidate& core) { return core.free == core.pus; }

  std::int64_t take_core(const Candidate& core, std::int64_t wanted) {
    std::int64_t taken = 0;
    for (std::uint32_t p = 0; p < core.pus && (whole_ || taken < wanted); ++p) {
      const std::uint16_t pu = node_.pu_indexes()[core.first_pu + p];
      if (!node_.is_free(pu)) continue;
      pus_.push_back(pu);
      ++taken;
    }
    return taken;
  }

  const NodeUnits& node_;
  bool whole_;
  std::span<const std::uint32_t> missing_gpus_;
  std::vector<Candidate> cores_;
  std::vector<std::uint16_t> pus_;
};

}  // namespace

NodeThreads threads_of(const NodeUnits& node) {
  NodeThreads all;
  std::map<std::uint16_t, SocketThreads> found;
  for (std::uint32_t n = 0; n < node.numa_count(); ++n) {
    const NodeUnits::NumaState numa = node.numa(n);
    SocketThreads& socket = found[numa.package];
    socket.package = numa.package;
    socket.cores += std::uint32_t(numa.cores.size());
    socket.free += numa.free;
    socket.idle += numa.idle;
    for (const std::uint32_t core : numa.cores)
      all.per_core = std::max<std::uint32_t>(all.per_core, node.core(core).pus);
  }
  sort_by_package(all, found);
  return all;
}

NodeThreads threads_of(const Topology& topology) {
  NodeThreads all;
  std::map<std::uint16_t, SocketThreads> found;
  for (const Core& core : topology.cores) {
    const auto pus = std::uint32_t(core.pus.size());
    SocketThreads& socket = found[core.package];
    socket.package = core.package;
    ++socket.cores;
    socket.free += pus;
    socket.idle += pus;
    all.per_core = std::max(all.per_core, pus);
  }
  sort_by_package(all, found);
  return all;
}

// What `cpus` CPUs take within one socket, or of a node when sockets do not matter.
std::int64_t least_threads(const CoreRule& rule, std::int64_t cpus, std::uint32_t per_core) {
  if (rule.own_cores)
    return divided_up(cpus, cpus_of_task(rule)) * cores_of_task(rule, per_core) * per_core;
  if (rule.threads_per_core > 0) return divided_up(cpus, used_of(rule, per_core)) * per_core;
  return cpus;
}

std::int64_t most_threads(const CoreRule& rule, std::int64_t cpus, std::uint32_t per_core,
                          std::uint32_t sockets) {
  std::int64_t threads = least_threads(rule, cpus, per_core);
  if (!rule.whole_cores() || !rule.by_socket() || rule.own_cores) return threads;
  // Each socket may have a core that its tasks do not fill.
  const std::int64_t tasks = divided_up(cpus, cpus_of_task(rule));
  std::int64_t used = std::min<std::int64_t>(tasks, sockets);
  if (!rule.over_sockets) used = std::min(used, divided_up(tasks, rule.tasks_per_socket));
  return threads + (std::max<std::int64_t>(used, 1) - 1) * per_core;
}

std::vector<std::uint32_t> deal_tasks(const CoreRule& rule, std::int64_t cpus,
                                      const NodeThreads& node) {
  std::int64_t tasks = divided_up(cpus, cpus_of_task(rule)), room = 0;
  std::vector<std::int64_t> left;
  for (const SocketThreads& socket : node.sockets) {
    left.push_back(room_of(rule, socket, node.per_core));
    room += left.back();
  }
  if (room < tasks) return {};
  std::vector<std::uint32_t> dealt(left.size());
  if (rule.over_sockets) {
    for (std::size_t s = 0; tasks > 0; s = (s + 1) % left.size()) {
      if (left[s] == 0) continue;
      --left[s], --tasks, ++dealt[s];
    }
  }
  while (tasks > 0) {  // the smallest socket that is enough, near GPUs; else the largest
    using Rank = std::tuple<bool, std::uint32_t, std::int64_t, std::size_t>;
    std::optional<Rank> best;
    for (std::size_t s = 0; s < left.size(); ++s) {
      if (left[s] == 0) continue;
      const bool enough = left[s] >= tasks;
      const Rank rank{!enough, node.sockets[s].missing_gpus, enough ? left[s] : -left[s], s};
      if (!best || rank < *best) best = rank;
    }
    const std::size_t chosen = std::get<3>(*best);
    const std::int64_t here = std::min(tasks, std::exchange(left[chosen], 0));
    dealt[chosen] += std::uint32_t(here);
    tasks -= here;
  }
  for (std::uint32_t& count : dealt) count *= std::uint32_t(cpus_of_task(rule));
  return dealt;
}

bool has_room(const CoreRule& rule, std::int64_t cpus, const NodeThreads& node) {
  if (rule.by_socket()) return !deal_tasks(rule, cpus, node).empty();
  std::int64_t threads = 0;
  for (const SocketThreads& socket : node.sockets)
    threads += rule.whole_cores() ? socket.idle : socket.free;
  return threads >= least_threads(rule, cpus, node.per_core);
}

bool suits(const CoreRule& rule, std::int64_t cpus, const NodeThreads& empty) {
  if (rule.threads_per_core > std::int32_t(empty.per_core)) return false;
  const auto large = std::ranges::count_if(empty.sockets, [&](const SocketThreads& socket) {
    return std::int32_t(socket.cores) >= rule.min_cores_per_socket;
  });
  if (large < std::max(rule.min_sockets, 1)) return false;
  return !rule.places() || has_room(rule, cpus, empty);
}

std::vector<std::uint16_t> place_cores(const NodeUnits& node, const CoreRule& rule,
                                       std::int64_t cpus,
                                       std::span<const std::uint32_t> missing_gpus) {
  CorePicker picker(node, rule.whole_cores(), missing_gpus);
  NodeThreads threads = threads_of(node);
  if (!rule.by_socket()) {
    picker.take(kAny, least_threads(rule, cpus, threads.per_core));
    return std::move(picker).finish();
  }
  for (SocketThreads& socket : threads.sockets) {
    std::uint32_t least = kAny;
    for (std::size_t n = 0; n < missing_gpus.size(); ++n)
      if (node.numa(n).package == socket.package) least = std::min(least, missing_gpus[n]);
    socket.missing_gpus = least == kAny ? 0 : least;
  }
  const std::vector<std::uint32_t> dealt = deal_tasks(rule, cpus, threads);
  DROVER_CHECK(!dealt.empty(), "cores were promised that are not free");
  for (std::size_t s = 0; s < dealt.size(); ++s)
    if (dealt[s] > 0)
      picker.take(threads.sockets[s].package, least_threads(rule, dealt[s], threads.per_core));
  return std::move(picker).finish();
}

}  // namespace drover::rm
