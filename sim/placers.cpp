// sim/placers.cpp - droverd's placement behind the interface of the baselines, and the baselines.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "sim/packing.hpp"

namespace drover::sim {
namespace {

std::vector<std::int64_t> untouched(const rm::NodeSpec& node) {
  return std::vector<std::int64_t>(node.topology.gpus.size(), rm::kWholeGpu);
}

class Production : public Placer {
 public:
  explicit Production(const Cluster& cluster) {
    for (const rm::NodeSpec& node : cluster.nodes) gpus_.push_back(untouched(node));
    std::uint32_t id = 0;
    for (const rm::NodeSpec& node : cluster.nodes) manager_.put_node(NodeId{++id}, node);
    path_ = manager_.path_for({});
  }

  std::int64_t place(const rm::Request& request) override {
    rm::Acquired answer = manager_.acquire(manager_.intern(request), path_);
    auto* lease = std::get_if<rm::Lease>(&answer);
    if (lease == nullptr) return -1;
    count_gpus(*lease, -1);
    leases_.emplace(next_, std::move(*lease));
    return next_++;
  }

  void give_back(std::int64_t handle) override {
    const auto found = leases_.find(handle);
    manager_.release(found->second);
    count_gpus(found->second, 1);
    leases_.erase(found);
  }

  std::vector<Free> free() const override {
    std::vector<Free> result;
    for (const rm::NodeView& node : manager_.nodes())
      result.push_back({node.free[rm::Kind::CpuMilli] / 1000, node.free[rm::Kind::GpuMilli],
                        node.free[rm::Kind::MemMib], gpus_[result.size()]});
    return result;
  }

 private:
  // GPUs of a node are numbered from 0; nodes from 1.
  void count_gpus(const rm::Lease& lease, std::int64_t sign) {
    rm::for_each_part(lease, [&](const rm::NodePart& part) {
      const std::int64_t share = rm::gpu_share_of(part);
      for (const std::uint16_t gpu : part.gpus)
        gpus_[raw(part.node) - 1][gpu] += sign * (share > 0 ? share : rm::kWholeGpu);
    });
  }

  std::vector<std::vector<std::int64_t>> gpus_;
  rm::ResourceManager manager_;
  rm::PathId path_{};
  std::map<std::int64_t, rm::Lease> leases_;
  std::int64_t next_ = 0;
};

// Looks at every node in turn. Amounts only: no cores, no sockets.
class Simple : public Placer {
 public:
  Simple(const Cluster& cluster, bool best) : cluster_(cluster), best_(best) {
    for (const rm::NodeSpec& node : cluster.nodes) {
      const rm::Topology& topology = node.topology;
      nodes_.push_back({{topology.pu_count(), std::int64_t(topology.gpus.size()) * rm::kWholeGpu,
                         topology.mem_mib(), untouched(node)},
                        0});
      empty_.push_back(nodes_.back().left);
      most_.cpus = std::max(most_.cpus, empty_.back().cpus);
      most_.gpu_milli = std::max(most_.gpu_milli, empty_.back().gpu_milli);
      most_.mem_mib = std::max(most_.mem_mib, empty_.back().mem_mib);
    }
  }

  std::int64_t place(const rm::Request& request) override {
    std::vector<std::pair<double, std::uint32_t>> fitting;
    const auto wanted = std::size_t(request.nodes);
    for (std::uint32_t n = 0; n < nodes_.size(); ++n) {
      if (!fits(n, request)) continue;
      fitting.emplace_back(best_ ? left_over(n, request) : 0.0, n);
      if (!best_ && fitting.size() == wanted) break;
    }
    if (fitting.size() < wanted) return -1;
    std::sort(fitting.begin(), fitting.end());
    Held held;
    for (std::size_t i = 0; i < wanted; ++i) {
      const std::uint32_t n = fitting[i].second;
      const Free taken = request.exclusive ? nodes_[n].left : taken_on(n, request);
      add(n, taken, -1);
      held.emplace_back(n, taken);
    }
    held_.emplace(next_, std::move(held));
    return next_++;
  }

  void give_back(std::int64_t handle) override {
    const auto found = held_.find(handle);
    for (const auto& [n, taken] : found->second) add(n, taken, 1);
    held_.erase(found);
  }

  std::vector<Free> free() const override {
    std::vector<Free> result;
    for (const Node& node : nodes_) result.push_back(node.left);
    return result;
  }

 private:
  struct Node {
    Free left;
    std::int64_t jobs = 0;
  };
  using Held = std::vector<std::pair<std::uint32_t, Free>>;

  bool fits(std::uint32_t n, const rm::Request& request) const {
    const Node& node = nodes_[n];
    const rm::NodeSpec& spec = cluster_.nodes[n];
    if (request.cpus > node.left.cpus || !node.left.has_gpus_for(request) ||
        request.mem_mib > node.left.mem_mib || (request.exclusive && node.jobs > 0))
      return false;
    if ((request.gpus > 0 || request.gpu_share > 0) && !request.gpu_model.empty() &&
        spec.topology.gpus.front().model != request.gpu_model)
      return false;
    return std::ranges::all_of(request.node_labels, [&](const auto& label) {
      const auto found = spec.labels.find(label.first);
      return found != spec.labels.end() && found->second == label.second;
    });
  }

  // Whole GPUs by number; a share on the first GPU with room, or on that which is left least of.
  Free taken_on(std::uint32_t n, const rm::Request& request) const {
    const std::vector<std::int64_t>& left = nodes_[n].left.of_gpus;
    Free taken{request.cpus, request.gpus * rm::kWholeGpu + request.gpu_share, request.mem_mib,
               std::vector<std::int64_t>(left.size())};
    std::int64_t wanted = request.gpus;
    for (std::size_t g = 0; g < left.size() && wanted > 0; ++g) {
      if (left[g] < rm::kWholeGpu) continue;
      taken.of_gpus[g] = rm::kWholeGpu;
      --wanted;
    }
    if (request.gpu_share == 0) return taken;
    std::size_t chosen = left.size();
    for (std::size_t g = 0; g < left.size(); ++g) {
      if (left[g] < request.gpu_share) continue;
      if (chosen == left.size() || (best_ && left[g] < left[chosen])) chosen = g;
    }
    taken.of_gpus[chosen] = request.gpu_share;
    return taken;
  }

  double left_over(std::uint32_t n, const rm::Request& request) const {
    const Free& left = nodes_[n].left;
    const auto part = [](std::int64_t rest, std::int64_t most) {
      return most > 0 ? double(rest) / double(most) : 0.0;
    };
    return part(left.cpus - request.cpus, most_.cpus) +
           part(left.gpu_milli - request.gpus * rm::kWholeGpu - request.gpu_share,
                most_.gpu_milli) +
           part(left.mem_mib - request.mem_mib, most_.mem_mib);
  }

  void add(std::uint32_t n, const Free& amount, std::int64_t sign) {
    Node& node = nodes_[n];
    node.left.cpus += sign * amount.cpus;
    node.left.gpu_milli += sign * amount.gpu_milli;
    for (std::size_t g = 0; g < amount.of_gpus.size(); ++g)
      node.left.of_gpus[g] += sign * amount.of_gpus[g];
    node.left.mem_mib += sign * amount.mem_mib;
    node.jobs -= sign;
  }

  const Cluster& cluster_;
  const bool best_;
  std::vector<Node> nodes_;
  std::vector<Free> empty_;
  Free most_;
  std::map<std::int64_t, Held> held_;
  std::int64_t next_ = 0;
};

}  // namespace

bool Placer::Free::has_gpus_for(const rm::Request& request) const {
  const std::int64_t least = request.gpu_share > 0 ? request.gpu_share : rm::kWholeGpu;
  const auto enough =
      std::ranges::count_if(of_gpus, [&](std::int64_t left) { return left >= least; });
  return enough >= (request.gpu_share > 0 ? 1 : request.gpus);
}

std::string_view to_string(Placement placement) {
  switch (placement) {
    case Placement::Production: return "drover";
    case Placement::FirstFit: return "first-fit";
    case Placement::BestFit: return "best-fit";
  }
  return "drover";
}

std::unique_ptr<Placer> make_placer(Placement placement, const Cluster& cluster) {
  if (placement == Placement::Production) return std::make_unique<Production>(cluster);
  return std::make_unique<Simple>(cluster, placement == Placement::BestFit);
}

}  // namespace drover::sim
