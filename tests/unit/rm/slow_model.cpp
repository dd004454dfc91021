// tests/unit/rm/slow_model.cpp - sums over all leases, loops over all nodes, rules read one by one.
// SPDX-License-Identifier: Apache-2.0
#include "slow_model.hpp"

#include <algorithm>
#include <tuple>

namespace drover::rm {
namespace {

bool applies(const QuotaRule& rule, const Labels& labels) {
  for (const auto& [key, value] : rule.match) {
    if (labels.count(key) == 0) return false;
    if (value != "*" && labels.at(key) != value) return false;
  }
  return true;
}

Labels pick(const QuotaRule& rule, const Labels& labels) {
  Labels out;
  for (const auto& [key, value] : rule.match) out[key] = labels.at(key);
  return out;
}

int exactness(const QuotaRule& rule) {
  int exact = 0;
  for (const auto& [key, value] : rule.match) exact += value == "*" ? 0 : 1;
  return exact;
}

// Outer combinations come first: by the deepest level that they name, then by how many labels.
std::tuple<int, std::size_t, Labels> depth_of(const Labels& labels) {
  static const std::map<std::string, int> kLevels = {{"user", 1}, {"creator", 2}, {"project", 3}};
  int deepest = 0;
  for (const auto& label : labels) deepest = std::max(deepest, kLevels.at(label.first));
  return {deepest, labels.size(), labels};
}

std::string name_of(const Labels& labels) {
  std::string name;
  for (const auto& [key, value] : labels) {
    if (!name.empty()) name += ",";
    name += key + "=" + value;
  }
  return name;
}

std::int64_t gpus_of_model(const Topology& topology, const std::string& model,
                           const std::set<std::uint16_t>& held) {
  std::int64_t count = 0;
  for (const Gpu& gpu : topology.gpus)
    if ((model.empty() || gpu.model == model) && held.count(gpu.index) == 0) ++count;
  return count;
}

}  // namespace

void SlowModel::set_rules(std::vector<QuotaRule> changed) {
  rules = std::move(changed);
  combinations.clear();  // of rules that are gone, what no path has is forgotten
  for (const QuotaRule& rule : rules) {
    for (const auto& [key, value] : rule.match) governed.insert(key);
    if (exactness(rule) == int(rule.match.size())) see_combination(rule.match);
  }
  for (const Labels& path : paths) see_path(path);
}

Labels SlowModel::project(const Labels& job) const {
  Labels out;
  for (const auto& [key, value] : job)
    if (governed.count(key) == 1) out[key] = value;
  return out;
}

void SlowModel::see_path(const Labels& path) {
  paths.insert(path);
  for (const QuotaRule& rule : rules)
    if (applies(rule, path)) see_combination(pick(rule, path));
}

// With a combination come those that it lies in.
void SlowModel::see_combination(Labels combination) {
  while (!combination.empty()) {
    if (limit(combination)) combinations.insert(combination);
    const char* deepest = combination.contains("project")   ? "project"
                          : combination.contains("creator") ? "creator"
                                                            : "user";
    combination.erase(deepest);
  }
}

std::optional<Amounts> SlowModel::limit(const Labels& combination) const {
  int best = -1;
  for (const QuotaRule& rule : rules)
    if (rule.match.size() == combination.size() && applies(rule, combination))
      best = std::max(best, exactness(rule));
  if (best < 0) return std::nullopt;
  Amounts max;
  max.of.fill(-1);
  for (const QuotaRule& rule : rules) {
    if (rule.match.size() != combination.size() || !applies(rule, combination)) continue;
    if (exactness(rule) != best) continue;
    for (std::size_t k = 0; k < kKinds; ++k)
      if (rule.max.of[k] >= 0 && (max.of[k] < 0 || rule.max.of[k] < max.of[k]))
        max.of[k] = rule.max.of[k];
  }
  return max;
}

void SlowModel::sum(const Labels& combination, Amounts& locked, Amounts& used) const {
  for (const auto& numbered : leases) {
    const ModelLease& entry = numbered.second;
    const bool inside = std::ranges::all_of(combination, [&](const auto& label) {
      return entry.path.count(label.first) == 1 && entry.path.at(label.first) == label.second;
    });
    if (inside) (entry.lease.used ? used : locked) += entry.lease.total();
  }
}

std::optional<QuotaShort> SlowModel::first_short(const Labels& path, const Amounts& want) const {
  std::vector<Labels> picked;
  for (const QuotaRule& rule : rules)
    if (applies(rule, path)) picked.push_back(pick(rule, path));
  std::ranges::sort(picked, {}, depth_of);
  for (const Labels& combination : picked) {
    Amounts locked, used;
    sum(combination, locked, used);
    const Amounts max = *limit(combination);
    for (std::size_t k = 0; k < kKinds; ++k) {
      const std::int64_t held = locked.of[k] + used.of[k];
      if (max.of[k] < 0 || want.of[k] == 0 || held + want.of[k] <= max.of[k]) continue;
      return QuotaShort{name_of(combination), Kind(k), max.of[k], held, want.of[k], 0, 0};
    }
  }
  return std::nullopt;
}

// What live leases hold on one node.
std::vector<NodePart> SlowModel::parts_on(std::uint32_t id) const {
  std::vector<NodePart> parts;
  for (const auto& [number, entry] : leases) {
    if (raw(entry.lease.node) == id) parts.push_back(entry.lease);
    for (const NodePart& part : entry.lease.more)
      if (raw(part.node) == id) parts.push_back(part);
  }
  return parts;
}

bool SlowModel::held_alone(std::uint32_t id) const {
  for (const NodePart& part : parts_on(id))
    if (part.amounts[Kind::Nodes] > 0) return true;
  return false;
}

std::set<std::uint16_t> SlowModel::held_pus(std::uint32_t id) const {
  std::set<std::uint16_t> held;
  for (const NodePart& part : parts_on(id)) held.insert(part.pus.begin(), part.pus.end());
  return held;
}

std::set<std::uint16_t> SlowModel::held_gpus(std::uint32_t id) const {
  std::set<std::uint16_t> held;
  for (const NodePart& part : parts_on(id)) held.insert(part.gpus.begin(), part.gpus.end());
  return held;
}

ModelFree SlowModel::size(std::uint32_t id) const {
  const Topology& topology = nodes.at(id).spec.topology;
  ModelFree size;
  for (const Core& core : topology.cores) size.cpus += std::int64_t(core.pus.size());
  for (const std::int64_t mib : topology.numa_mem_mib) size.mem_mib += mib;
  size.gpus = std::int64_t(topology.gpus.size());
  return size;
}

ModelFree SlowModel::free(std::uint32_t id) const {
  const Topology& topology = nodes.at(id).spec.topology;
  ModelFree left = size(id);
  for (const NodePart& part : parts_on(id)) {
    left.cpus -= part.amounts[Kind::CpuMilli] / 1000;
    left.mem_mib -= part.amounts[Kind::MemMib];
    left.gpus -= part.amounts[Kind::GpuMilli] / 1000;
  }
  const std::set<std::uint16_t> pus = held_pus(id);
  std::int64_t free_pus = 0;
  for (const Core& core : topology.cores)
    for (const std::uint16_t pu : core.pus) free_pus += pus.count(pu) == 0 ? 1 : 0;
  if (topology.bindable) left.cpus = std::min(left.cpus, free_pus);
  left.gpus = std::min(left.gpus, gpus_of_model(topology, "", held_gpus(id)));
  return {std::max<std::int64_t>(left.gpus, 0), std::max<std::int64_t>(left.cpus, 0),
          std::max<std::int64_t>(left.mem_mib, 0)};
}

SlowModel::Expected SlowModel::acquire(const Request& request, const Labels& path) const {
  Expected expected;
  Amounts each;
  each[Kind::CpuMilli] = request.cpus * 1000;
  each[Kind::MemMib] = request.mem_mib;
  each[Kind::GpuMilli] = request.gpus * 1000;
  each[Kind::Nodes] = request.exclusive ? 1 : 0;
  Amounts sum;
  for (std::int64_t n = 0; n < request.nodes; ++n) sum += each;
  sum[Kind::RunningJobs] = 1;
  expected.quota = first_short(path, sum);
  if (expected.quota) return expected;
  std::vector<std::pair<ModelFree, NodeId>> fitting;
  for (const auto& numbered : nodes) {
    const std::uint32_t id = numbered.first;
    const ModelNode& node = numbered.second;
    if (!node.known) continue;
    ++expected.no_fit.nodes_total;
    const Topology& topology = node.spec.topology;
    const bool labels = std::ranges::all_of(request.node_labels, [&](const auto& label) {
      return node.spec.labels.count(label.first) == 1 &&
             node.spec.labels.at(label.first) == label.second;
    });
    const bool model = request.gpus == 0 || request.gpu_model.empty() ||
                       gpus_of_model(topology, request.gpu_model, {}) >= request.gpus;
    const auto enough = [&](const ModelFree& has) {
      return has.cpus >= request.cpus && has.gpus >= request.gpus && has.mem_mib >= request.mem_mib;
    };
    if (node.state != NodeState::Up) {
      ++expected.no_fit.not_up;
    } else if (!labels || !model) {
      ++expected.no_fit.label_mismatch;
    } else if (!enough(size(id))) {
      ++expected.no_fit.too_small;
    } else {
      const bool has_model = request.gpus == 0 || gpus_of_model(topology, request.gpu_model,
                                                                held_gpus(id)) >= request.gpus;
      const bool fits = request.exclusive ? parts_on(id).empty()
                                          : enough(free(id)) && has_model && !held_alone(id);
      ++(fits ? expected.no_fit.fit_now : expected.no_fit.busy);
      if (fits) fitting.emplace_back(request.exclusive ? size(id) : free(id), NodeId(id));
    }
  }
  expected.no_fit.nodes_needed = std::uint32_t(request.nodes);
  if (std::int64_t(fitting.size()) < request.nodes) return expected;
  std::ranges::sort(fitting);
  const auto allowed = std::ranges::find_if(fitting, [&](const auto& one) {
    sum[Kind::CpuMilli] = one.first.cpus * 1000;
    sum[Kind::GpuMilli] = one.first.gpus * 1000;
    return !first_short(path, sum);
  });
  if (request.exclusive && request.nodes == 1 && allowed != fitting.end())
    std::swap(fitting.front(), *allowed);
  for (std::int64_t n = 0; n < request.nodes; ++n)
    expected.nodes.push_back(fitting[std::size_t(n)].second);
  std::ranges::sort(expected.nodes);
  sum = {};
  for (const NodeId node : expected.nodes) {
    Amounts part = each;
    if (request.exclusive) part[Kind::CpuMilli] = size(raw(node)).cpus * 1000;
    if (request.exclusive) part[Kind::GpuMilli] = size(raw(node)).gpus * 1000;
    part[Kind::RunningJobs] = node == expected.nodes.front() ? 1 : 0;
    expected.amounts.push_back(part);
    sum += part;
  }
  if (request.exclusive) expected.quota = first_short(path, sum);
  return expected;
}

std::vector<QuotaView> SlowModel::quotas() const {
  std::vector<QuotaView> views;
  for (const Labels& combination : combinations) {
    const auto max = limit(combination);
    if (!max) continue;
    QuotaView view;
    view.name = name_of(combination);
    view.max = *max;
    sum(combination, view.locked, view.used);
    const bool limited =
        std::ranges::any_of(max->of, [](std::int64_t amount) { return amount >= 0; });
    if (limited || !view.locked.is_zero() || !view.used.is_zero()) views.push_back(view);
  }
  std::ranges::sort(views, {}, &QuotaView::name);
  return views;
}

namespace {

struct NumaCount {
  std::int64_t free = 0, idle = 0, gpus = 0;
  std::map<std::uint16_t, std::int64_t> idle_by_l3;
};

std::size_t fewest(std::vector<NumaCount> numas, std::int64_t wanted) {
  std::ranges::sort(numas, std::greater<>(), &NumaCount::free);
  std::size_t count = 0;
  for (; wanted > 0; ++count) wanted -= numas[count].free;
  return count;
}

}  // namespace

std::string judge_units(const SlowModel& model, const Request& request, const NodePart& part) {
  const Topology& topology = model.nodes.at(raw(part.node)).spec.topology;
  const std::set<std::uint16_t> held = model.held_pus(raw(part.node));
  const std::set<std::uint16_t> held_gpus = model.held_gpus(raw(part.node));
  const std::set<std::uint16_t> pus(part.pus.begin(), part.pus.end());
  const std::set<std::uint16_t> gpus(part.gpus.begin(), part.gpus.end());
  if (!std::ranges::is_sorted(part.pus) || !std::ranges::is_sorted(part.gpus)) return "not sorted";
  if (std::int64_t(gpus.size()) * 1000 != part.amounts[Kind::GpuMilli])
    return "wrong number of GPUs";

  std::vector<NumaCount> numas(topology.numa_mem_mib.size());
  std::set<std::uint16_t> used_numas, used_l3, gpu_numas;
  std::int64_t shared = 0;
  std::size_t found = 0, found_gpus = 0;
  for (const Core& core : topology.cores) {
    std::int64_t free = 0, mine = 0;
    for (const std::uint16_t pu : core.pus) {
      free += held.count(pu) == 0 ? 1 : 0;
      mine += std::int64_t(pus.count(pu));
      if (pus.count(pu) == 1 && held.count(pu) == 1) return "a CPU that another task holds";
    }
    const bool idle = free == std::int64_t(core.pus.size());
    numas[core.numa].free += free;
    if (idle) numas[core.numa].idle += free;
    if (idle) numas[core.numa].idle_by_l3[core.l3] += free;
    if (!idle) shared += mine;
    if (mine > 0) used_numas.insert(core.numa);
    if (mine > 0) used_l3.insert(core.l3);
    found += std::size_t(mine);
  }
  for (const Gpu& gpu : topology.gpus) {
    const bool wanted =
        request.gpu_model.empty() || request.exclusive || gpu.model == request.gpu_model;
    if (held_gpus.count(gpu.index) == 0 && wanted) ++numas[gpu.numa].gpus;
    if (gpus.count(gpu.index) == 0) continue;
    ++found_gpus;
    gpu_numas.insert(gpu.numa);
    if (held_gpus.count(gpu.index) == 1) return "a GPU that another task holds";
    if (!wanted) return "a GPU of another model";
  }
  if (found_gpus != gpus.size()) return "a GPU that the node does not have";
  if (!topology.bindable) return part.pus.empty() ? "" : "bound on a node that does not bind";
  if (found != part.pus.size()) return "a CPU that the node does not have";
  const std::int64_t cpus = part.amounts[Kind::CpuMilli] / 1000;
  if (std::int64_t(found) != cpus) return "wrong number of CPUs";
  if (request.exclusive) return "";
  if (used_numas.size() != fewest(numas, cpus)) return "more NUMA nodes than needed";
  if (used_numas.size() > 1) return "";
  if (request.gpus > 0) {
    const bool together = std::ranges::any_of(numas, [&](const NumaCount& numa) {
      return numa.free >= cpus && numa.gpus >= request.gpus;
    });
    return together && gpu_numas != used_numas ? "GPUs far from the CPUs" : "";
  }
  std::int64_t least = cpus;
  for (const NumaCount& numa : numas)
    if (numa.free >= cpus) least = std::min(least, std::max<std::int64_t>(cpus - numa.idle, 0));
  if (shared != least) return "shares more of other jobs' cores than needed";
  const bool one_l3 = std::ranges::any_of(numas[*used_numas.begin()].idle_by_l3,
                                          [&](const auto& l3) { return l3.second >= cpus; });
  return one_l3 && used_l3.size() > 1 ? "more than one L3" : "";
}

}  // namespace drover::rm
