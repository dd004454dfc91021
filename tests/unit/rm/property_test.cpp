// tests/unit/rm/property_test.cpp - random lives of a cluster; every answer must be the slow
// model's answer.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/prng.hpp"
#include "slow_model.hpp"

namespace drover::rm {
namespace {

constexpr std::uint64_t kSeeds = 40, kSteps = 250;
constexpr std::uint32_t kNodes = 7;

// How often each kind of answer was compared: a property that never meets its subject proves
// nothing.
struct Met {
  std::uint64_t leases = 0, shortages = 0, no_fits = 0, alone = 0, joined = 0, gpus = 0, gangs = 0;
};

class Life {
 public:
  Met met;

  explicit Life(std::uint64_t seed) : random_(seed) {
    // Swarm: each seed switches features off, so that rare ones meet often in some.
    gpus_ = random_.chance(60), labels_ = random_.chance(60), smt_ = random_.chance(60);
    exclusive_ = random_.chance(40), quotas_ = random_.chance(70), reboots_ = random_.chance(60);
    counted_ = random_.chance(30), gangs_ = random_.chance(60);
    for (int i = 0; i < 12; ++i) requests_.push_back(random_request());
    for (std::uint32_t id = 0; id < kNodes; ++id)
      if (random_.chance(70)) put_node(id);
  }

  void step() {
    const std::uint64_t dice = random_.below(100);
    if (dice < 45) {
      acquire();
    } else if (dice < 60) {
      if (auto* entry = any_lease()) manager_.mark_used(entry->lease);
    } else if (dice < 84) {
      release();
    } else if (dice < 89) {
      set_state();
    } else if (dice < 93) {
      if (reboots_) put_node(std::uint32_t(random_.below(kNodes)));
    } else if (dice < 97) {
      if (quotas_) set_quotas();
    } else if (dice < 99) {
      restart();
    } else {
      while (!model_.leases.empty()) release();
    }
    if (++steps_ % 3 == 0) compare();
  }

 private:
  Request random_request() {
    Request request;
    request.cpus = std::int64_t(1 + random_.below(random_.chance(20) ? 20 : 5));
    if (random_.chance(50)) request.mem_mib = std::int64_t(random_.below(3'000));
    if (gpus_ && random_.chance(40)) request.gpus = std::int64_t(1 + random_.below(3));
    if (gpus_ && random_.chance(30)) request.gpu_model = random_.chance(50) ? "a" : "b";
    if (labels_ && random_.chance(40)) request.node_labels["zone"] = random_.chance(50) ? "x" : "y";
    if (labels_ && random_.chance(10)) request.node_labels["disk"] = "ssd";
    request.exclusive = exclusive_ && random_.chance(15);
    if (gangs_ && random_.chance(30)) request.nodes = std::int64_t(2 + random_.below(3));
    return request;
  }

  Topology random_topology() {
    static constexpr std::uint16_t kShapes[][3] = {{1, 1, 4}, {1, 1, 8}, {2, 1, 3},
                                                   {2, 4, 2}, {1, 2, 6}, {2, 2, 1}};
    const auto& shape = kShapes[random_.below(std::size(kShapes))];
    const auto threads = std::uint16_t(smt_ && random_.chance(60) ? 2 : 1);
    Topology topology = make_topology(shape[0], shape[1], shape[2], threads,
                                      std::int64_t(500 + 250 * random_.below(10)));
    if (random_.chance(40))  // siblings far apart, as Linux numbers them
      for (std::size_t c = 0; c < topology.cores.size(); ++c)
        for (std::size_t t = 0; t < threads; ++t)
          topology.cores[c].pus[t] = std::uint16_t(c + t * topology.cores.size());
    if (random_.chance(40))
      for (std::size_t c = 0; c < topology.cores.size(); ++c)
        topology.cores[c].l3 = std::uint16_t(std::size_t(topology.cores[c].numa) * 8 + c % 2);
    for (std::uint64_t g = gpus_ ? random_.below(5) : 0; g > 0; --g) {
      Gpu gpu;
      gpu.model = random_.chance(50) ? "a" : "b";
      gpu.index = std::uint16_t(topology.gpus.size());
      gpu.numa = std::uint16_t(random_.below(topology.numa_mem_mib.size()));
      topology.gpus.push_back(gpu);
    }
    topology.bindable = !(counted_ && random_.chance(40));
    return topology;
  }

  void put_node(std::uint32_t id) {
    NodeSpec spec{"n" + std::to_string(id), {}, random_topology()};
    if (random_.chance(70)) spec.labels["zone"] = random_.chance(50) ? "x" : "y";
    if (random_.chance(30)) spec.labels["disk"] = "ssd";
    model_.nodes[id].spec = spec;
    model_.nodes[id].known = true;
    manager_.put_node(NodeId(id), spec);
  }

  void set_state() {
    const auto id = std::uint32_t(random_.below(kNodes));
    const NodeState state = random_.chance(60)   ? NodeState::Up
                            : random_.chance(50) ? NodeState::Draining
                                                 : NodeState::Lost;
    model_.nodes[id].state = state;
    manager_.set_node_state(NodeId(id), state, "");
  }

  void set_quotas() {
    std::vector<QuotaRule> rules;
    static constexpr const char* kKeys[] = {"user", "creator", "project"};
    for (std::uint64_t n = random_.below(5); n > 0; --n) {
      QuotaRule rule;
      for (const char* key : kKeys)
        if (random_.chance(45)) rule.match[key] = random_.chance(50) ? "*" : random_value();
      if (rule.match.empty()) rule.match["user"] = "*";
      rule.max.of.fill(-1);
      if (random_.chance(60)) rule.max[Kind::CpuMilli] = std::int64_t(random_.below(20) * 1000);
      if (random_.chance(20)) rule.max[Kind::MemMib] = std::int64_t(random_.below(5'000));
      if (random_.chance(20)) rule.max[Kind::RunningJobs] = std::int64_t(random_.below(6));
      if (random_.chance(10)) rule.max[Kind::GpuMilli] = std::int64_t(random_.below(4) * 1000);
      rules.push_back(rule);
    }
    model_.set_rules(rules);
    manager_.set_quotas(rules);
  }

  std::string random_value() { return std::string(1, char('a' + random_.below(3))); }

  // What is beyond a limit is no place, so that a refusal may be for the sake of nodes or of
  // another limit; and of several nodes others than the best may be within.
  void expect_no_whole(const Request& request, const Acquired& got) {
    if (const auto* lease = std::get_if<Lease>(&got)) {
      EXPECT_GT(request.nodes, 1);
      return manager_.release(*lease);
    }
    const auto* shortage = std::get_if<QuotaShort>(&got);
    if (shortage != nullptr) {
      EXPECT_GT(shortage->held + shortage->asked, shortage->limit);
    }
  }

  void acquire() {
    const Request& request = requests_[random_.below(requests_.size())];
    Labels job{{"user", random_value()}, {"creator", random_value()}};
    if (random_.chance(50)) job["project"] = random_value();
    const Labels path = model_.project(job);
    model_.see_path(path);
    const SlowModel::Expected expected = model_.acquire(request, path);
    const Acquired got = manager_.acquire(manager_.intern(request), manager_.path_for(job));
    const bool is_whole = request.exclusive && !model_.rules.empty();
    if (is_whole && (expected.quota || expected.nodes.empty()))
      return expect_no_whole(request, got);
    if (expected.quota) {
      ASSERT_TRUE(std::holds_alternative<QuotaShort>(got)) << "expected " << expected.quota->quota;
      const QuotaShort& shortage = std::get<QuotaShort>(got);
      ++met.shortages;
      EXPECT_EQ(shortage.quota, expected.quota->quota);
      EXPECT_EQ(shortage.kind, expected.quota->kind);
      EXPECT_EQ(shortage.limit, expected.quota->limit);
      EXPECT_EQ(shortage.held, expected.quota->held);
      EXPECT_EQ(shortage.asked, expected.quota->asked);
    } else if (expected.nodes.empty()) {
      ASSERT_TRUE(std::holds_alternative<NoFit>(got));
      const NoFit why = manager_.explain(manager_.intern(request));
      ++met.no_fits;
      EXPECT_EQ(why.nodes_total, expected.no_fit.nodes_total);
      EXPECT_EQ(why.not_up, expected.no_fit.not_up);
      EXPECT_EQ(why.label_mismatch, expected.no_fit.label_mismatch);
      EXPECT_EQ(why.too_small, expected.no_fit.too_small);
      // A refusal is remembered until something is freed; meanwhile nodes may fill up.
      EXPECT_EQ(why.busy + why.fit_now, expected.no_fit.busy + expected.no_fit.fit_now);
      EXPECT_GE(why.fit_now, expected.no_fit.fit_now);
      EXPECT_LT(why.fit_now, request.nodes);
      EXPECT_EQ(why.nodes_needed, request.nodes);
      EXPECT_EQ(why.mostly_short_of.has_value(), why.busy > 0);
    } else {
      ASSERT_TRUE(std::holds_alternative<Lease>(got)) << "expected " << raw(expected.nodes[0]);
      const Lease& lease = std::get<Lease>(got);
      std::vector<NodeId> nodes;
      std::vector<Amounts> amounts;
      for_each_part(lease, [&](const NodePart& part) {
        nodes.push_back(part.node), amounts.push_back(part.amounts);
        EXPECT_EQ(judge_units(model_, request, part), "");
      });
      ASSERT_EQ(nodes, expected.nodes);
      EXPECT_EQ(amounts, expected.amounts);
      EXPECT_FALSE(lease.used);
      met.gangs += nodes.size() > 1 ? 1 : 0;
      ++met.leases;
      met.alone += request.exclusive ? 1 : 0;
      met.gpus += request.gpus > 0 ? 1 : 0;
      const auto& numas = model_.nodes.at(raw(lease.node)).spec.topology.numa_mem_mib;
      met.joined += !request.exclusive && numas.size() == 8 && lease.pus.size() > 4 ? 1 : 0;
      model_.leases[next_lease_++] = {lease, job, path};
    }
  }

  ModelLease* any_lease() {
    if (model_.leases.empty()) return nullptr;
    return &std::next(model_.leases.begin(), std::ptrdiff_t(random_.below(model_.leases.size())))
                ->second;
  }

  void release() {
    if (model_.leases.empty()) return;
    const auto at =
        std::next(model_.leases.begin(), std::ptrdiff_t(random_.below(model_.leases.size())));
    Freed freed;
    manager_.take_freed(freed);
    manager_.release(at->second.lease);
    std::vector<NodeId> nodes;
    for_each_part(at->second.lease, [&](const NodePart& part) { nodes.push_back(part.node); });
    manager_.take_freed(freed);
    EXPECT_EQ(freed.nodes, nodes);
    model_.leases.erase(at);
  }

  // A new manager is told what the store and the agents know; leases may come before their nodes.
  void restart() {
    manager_ = ResourceManager();
    const auto kept_nodes = model_.nodes;
    const auto rules = model_.rules;
    auto kept_leases = std::move(model_.leases);
    model_ = SlowModel();
    model_.leases = std::move(kept_leases);
    model_.nodes = kept_nodes;
    model_.set_rules(rules);
    manager_.set_quotas(rules);
    const bool leases_first = random_.chance(50);
    for (const bool now_leases : {leases_first, !leases_first}) {
      if (!now_leases) {
        for (const auto& [id, node] : model_.nodes) {
          if (node.known) manager_.put_node(NodeId(id), node.spec);
          manager_.set_node_state(NodeId(id), node.state, "");
        }
        continue;
      }
      for (auto& [number, entry] : model_.leases) {
        entry.path = model_.project(entry.labels);
        model_.see_path(entry.path);
        entry.lease.path = {};
        manager_.restore(entry.lease, manager_.path_for(entry.labels));
      }
    }
  }

  void compare() {
    std::vector<const Lease*> live;
    for (const auto& [number, entry] : model_.leases) live.push_back(&entry.lease);
    const auto problems = manager_.check(live);
    EXPECT_TRUE(problems.empty()) << problems.front();
    for (const auto& [id, node] : model_.nodes) {
      const auto view = manager_.node(NodeId(id));
      ASSERT_EQ(view.has_value(), node.known);
      if (!view) continue;
      const ModelFree free = model_.free(id);
      EXPECT_EQ(view->state, node.state);
      EXPECT_EQ(view->free[Kind::CpuMilli], free.cpus * 1000) << id;
      EXPECT_EQ(view->free[Kind::MemMib], free.mem_mib) << id;
      EXPECT_EQ(view->free[Kind::GpuMilli], free.gpus * 1000) << id;
    }
    const auto quotas = manager_.quotas(), expected = model_.quotas();
    ASSERT_EQ(quotas.size(), expected.size());
    for (std::size_t i = 0; i < quotas.size(); ++i) {
      EXPECT_EQ(quotas[i].name, expected[i].name);
      EXPECT_EQ(quotas[i].max, expected[i].max) << quotas[i].name;
      EXPECT_EQ(quotas[i].locked, expected[i].locked) << quotas[i].name;
      EXPECT_EQ(quotas[i].used, expected[i].used) << quotas[i].name;
    }
  }

  Prng random_;
  bool gpus_, labels_, smt_, exclusive_, quotas_, reboots_, counted_, gangs_;
  std::vector<Request> requests_;
  ResourceManager manager_;
  SlowModel model_;
  std::uint64_t next_lease_ = 0, steps_ = 0;
};

TEST(Property, EveryAnswerIsTheSlowModelsAnswer) {
  const char* env = std::getenv("SEED");
  const std::uint64_t first = env != nullptr ? std::strtoull(env, nullptr, 10) : 1;
  Met met;
  for (std::uint64_t seed = first; seed < first + (env != nullptr ? 1 : kSeeds); ++seed) {
    Life life(seed);
    for (std::uint64_t step = 0; step < kSteps; ++step) {
      life.step();
      ASSERT_FALSE(testing::Test::HasFailure())
          << "step " << step << "; replay: SEED=" << seed
          << " build/dev/bin/rm_test --gtest_filter=Property.EveryAnswerIsTheSlowModelsAnswer";
    }
    met.leases += life.met.leases, met.shortages += life.met.shortages;
    met.no_fits += life.met.no_fits, met.alone += life.met.alone;
    met.joined += life.met.joined, met.gpus += life.met.gpus, met.gangs += life.met.gangs;
  }
  if (env != nullptr) return;
  EXPECT_GT(met.leases, 1'000u);
  EXPECT_GT(met.shortages, 200u);
  EXPECT_GT(met.no_fits, 200u);
  EXPECT_GT(met.alone, 20u);
  EXPECT_GT(met.joined, 20u);
  EXPECT_GT(met.gpus, 100u);
  EXPECT_GT(met.gangs, 100u);
}

}  // namespace
}  // namespace drover::rm
