// rm/task_layout.cpp - tasks over nodes, then over sockets, then threads in order.
// SPDX-License-Identifier: Apache-2.0
#include "rm/task_layout.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace drover::rm {
namespace {

using Pus = std::vector<std::uint16_t>;

struct UsedCore {
  std::uint32_t package = 0, numa = 0;
  Pus pus;  // that tasks may use, in the order of the topology
};

constexpr std::uint32_t kUnknown = 1 << 16;  // of a thread that the topology does not name

std::vector<UsedCore> cores_of(const CoreRule& rule, const NodeGiven& node) {
  std::set<std::uint16_t> left(node.pus.begin(), node.pus.end());
  std::vector<UsedCore> cores;
  for (const Core& core : node.topology->cores) {
    UsedCore used{core.package, core.numa, {}};
    for (const std::uint16_t pu : core.pus) {
      if (left.erase(pu) == 0) continue;
      if (rule.threads_per_core == 0 || std::int32_t(used.pus.size()) < rule.threads_per_core)
        used.pus.push_back(pu);
    }
    if (!used.pus.empty()) cores.push_back(std::move(used));
  }
  for (const std::uint16_t pu : left) cores.push_back({kUnknown, kUnknown, {pu}});
  return cores;
}

// Deals the threads of one node, socket by socket.
class Dealer {
 public:
  Dealer(const LayoutAsk& ask, const std::vector<UsedCore>& cores)
      : own_cores_(ask.cores.own_cores),
        per_socket_(ask.cores.tasks_per_socket),
        cpus_(std::size_t(ask.cpus_per_task)) {
    std::map<std::uint32_t, Socket> found;
    for (const UsedCore& core : cores) found[core.package].cores.push_back(&core);
    for (auto& [package, socket] : found) sockets_.push_back(std::move(socket));
  }

  Pus next(SocketDealing how) {
    Pus pus;
    if (how != SocketDealing::FullCyclic) {
      if (Socket* socket = next_socket(how)) {
        ++socket->tasks;
        take(*socket, cpus_, pus);
      }
    }
    // No socket has enough for a whole task, or none is meant to.
    while (pus.size() < cpus_) {
      const std::size_t before = pus.size();
      for (std::size_t i = 0; i < sockets_.size() && pus.size() < cpus_; ++i) {
        const bool cyclic = how == SocketDealing::FullCyclic;
        Socket& socket = sockets_[cyclic ? turn_ % sockets_.size() : i];
        take(socket, cyclic ? 1 : cpus_ - pus.size(), pus);
        if (cyclic) ++turn_;
      }
      if (pus.size() == before) break;
    }
    if (own_cores_)
      for (Socket& socket : sockets_) socket.leave_core();
    return pus;
  }

 private:
  struct Socket {
    std::vector<const UsedCore*> cores;
    std::size_t core = 0, thread = 0;  // the next to be taken
    std::int32_t tasks = 0;
    void leave_core() {
      if (thread > 0) ++core, thread = 0;
    }
    std::size_t left() const {
      std::size_t sum = 0;
      for (std::size_t c = core; c < cores.size(); ++c) sum += cores[c]->pus.size();
      return sum - thread;
    }
  };

  Socket* next_socket(SocketDealing how) {
    const std::size_t first = how == SocketDealing::Cyclic ? turn_ : 0;
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
      Socket& socket = sockets_[(first + i) % sockets_.size()];
      if (socket.left() < cpus_) continue;
      if (per_socket_ > 0 && socket.tasks >= per_socket_) continue;
      turn_ = (first + i + 1) % sockets_.size();
      return &socket;
    }
    return nullptr;
  }

  static void take(Socket& socket, std::size_t wanted, Pus& pus) {
    for (; wanted > 0 && socket.core < socket.cores.size(); --wanted) {
      const Pus& threads = socket.cores[socket.core]->pus;
      pus.push_back(threads[socket.thread++]);
      if (socket.thread == threads.size()) socket.leave_core();
    }
  }

  bool own_cores_;
  std::int32_t per_socket_;
  std::size_t cpus_, turn_ = 0;
  std::vector<Socket> sockets_;
};

// All threads of the cores for which `same` holds with a core that `own` has a part of.
template <class Same>
Pus widened(const std::vector<UsedCore>& cores, const Pus& own, Same same) {
  Pus wide;
  for (const UsedCore& core : cores) {
    const bool near = std::ranges::any_of(cores, [&](const UsedCore& other) {
      return same(core, other) && std::ranges::any_of(other.pus, [&](std::uint16_t pu) {
               return std::ranges::binary_search(own, pu);
             });
    });
    if (near) wide.insert(wide.end(), core.pus.begin(), core.pus.end());
  }
  std::ranges::sort(wide);
  return wide;
}

Pus bound_to(CpuBind bind, const std::vector<UsedCore>& cores, Pus own, const Pus& all) {
  switch (bind) {
    case CpuBind::Threads:
    case CpuBind::Rank: return own;
    case CpuBind::None: return all;
    case CpuBind::Cores:
      return widened(cores, own, [](const UsedCore& a, const UsedCore& b) { return &a == &b; });
    case CpuBind::Sockets:
      return widened(cores, own,
                     [](const UsedCore& a, const UsedCore& b) { return a.package == b.package; });
    case CpuBind::Ldoms:
      return widened(cores, own,
                     [](const UsedCore& a, const UsedCore& b) { return a.numa == b.numa; });
  }
  return own;
}

Pus all_of(const std::vector<UsedCore>& cores) {
  Pus all;
  for (const UsedCore& core : cores) all.insert(all.end(), core.pus.begin(), core.pus.end());
  std::ranges::sort(all);
  return all;
}

NodeSeats seats_of(const LayoutAsk& ask, const NodeGiven& node,
                   const std::vector<std::uint32_t>& tasks) {
  NodeSeats seats;
  if (node.pus.empty() || node.topology == nullptr) {
    for (const std::uint32_t task : tasks) seats.push_back({task, {}});
    return seats;
  }
  const std::vector<UsedCore> cores = cores_of(ask.cores, node);
  const Pus all = all_of(cores);
  Dealer dealer(ask, cores);
  const auto size = std::size_t(ask.cpus_per_task);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    Pus own;
    if (ask.rules.cpu_bind != CpuBind::Rank)
      own = dealer.next(ask.rules.over_sockets);
    else if ((i + 1) * size <= all.size())
      own.assign(all.begin() + std::ptrdiff_t(i * size),
                 all.begin() + std::ptrdiff_t((i + 1) * size));
    std::ranges::sort(own);
    if (own.size() < size) own = all;
    seats.push_back({tasks[i], bound_to(ask.rules.cpu_bind, cores, std::move(own), all)});
  }
  return seats;
}

}  // namespace

std::vector<std::vector<std::uint32_t>> deal_over_nodes(const TaskRules& rules, std::int64_t ntasks,
                                                        std::size_t nodes) {
  std::vector<std::vector<std::uint32_t>> dealt(nodes);
  if (nodes == 0) return dealt;
  const auto tasks = std::size_t(std::max<std::int64_t>(ntasks, 0));
  const auto plane = std::size_t(std::max(rules.plane, 1));
  for (std::size_t task = 0; task < tasks; ++task) {
    std::size_t node = task % nodes;
    if (rules.over_nodes == NodeDealing::Plane) node = task / plane % nodes;
    if (rules.over_nodes == NodeDealing::Block) {
      const std::size_t least = tasks / nodes, fuller = tasks % nodes;
      const std::size_t of_fuller = fuller * (least + 1);
      node = task < of_fuller ? task / (least + 1) : fuller + (task - of_fuller) / least;
    }
    dealt[node].push_back(std::uint32_t(task));
  }
  return dealt;
}

std::vector<std::uint16_t> usable_pus(const CoreRule& rule, const NodeGiven& node) {
  if (rule.threads_per_core == 0 || node.topology == nullptr)
    return {node.pus.begin(), node.pus.end()};
  return all_of(cores_of(rule, node));
}

std::vector<NodeSeats> lay_out(const LayoutAsk& ask, std::span<const NodeGiven> nodes) {
  std::vector<NodeSeats> layout;
  const auto dealt = deal_over_nodes(ask.rules, ask.ntasks, nodes.size());
  for (std::size_t n = 0; n < nodes.size(); ++n)
    layout.push_back(seats_of(ask, nodes[n], dealt[n]));
  return layout;
}

}  // namespace drover::rm
