// tests/unit/rm/quota_rules_test.cpp - names, levels, contradictions, guarantees, and what is
// forgotten, rule by rule.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/prng.hpp"
#include "rm/quota_ledger.hpp"
#include "rm/resource_manager.hpp"

namespace drover::rm {
namespace {

QuotaRule rule(const char* name, std::int64_t max_cpus = -1, std::int64_t guaranteed_cpus = 0) {
  QuotaRule made;
  made.match = *quota_labels(name);
  if (max_cpus >= 0) made.max[Kind::CpuMilli] = max_cpus * 1000;
  made.guaranteed[Kind::CpuMilli] = guaranteed_cpus * 1000;
  return made;
}

QuotaRule queue(const char* name, std::int64_t max) {
  QuotaRule made = rule(name);
  made.max[Kind::QueuedJobs] = max;
  return made;
}

Labels job(const char* user, const char* account = "a") {
  return {{"user", user}, {"account", account}, {"creator", "cli"}};
}

NodeSpec node_of(std::uint16_t cores) { return {"n0", {}, make_topology(1, 1, cores, 1, 9'000)}; }

Request cpus(std::int64_t count) {
  Request request;
  request.cpus = count;
  return request;
}

std::string short_of(ResourceManager& manager, const Labels& labels, std::int64_t count,
                     std::vector<Lease>* leases = nullptr) {
  Acquired got = manager.acquire(manager.intern(cpus(count)), manager.path_for(labels));
  if (const auto* shortage = std::get_if<QuotaShort>(&got)) return shortage->quota;
  if (std::holds_alternative<NoFit>(got)) return "no node";
  if (leases != nullptr) leases->push_back(std::get<Lease>(got));
  return "";
}

TEST(ResourceNames, ANameKeepsItsSlotWhateverTheOrder) {
  const std::vector<std::string> first = {"gpu:h100", "licence:matlab"};
  const auto names = ResourceNames::make(first);
  ASSERT_TRUE(names);
  EXPECT_EQ(names->find("licence:matlab"), named_kind(1));
  EXPECT_EQ(names->gpu("h100"), named_kind(0));
  EXPECT_FALSE(names->gpu("a100"));
  EXPECT_EQ(names->unit(named_kind(0)), 1000);
  EXPECT_EQ(names->unit(named_kind(1)), 1);
  EXPECT_EQ(names->word(Kind::CpuMilli), "cpus");
  const auto later =
      ResourceNames::make(std::vector<std::string>{"scratch", "licence:matlab"}, names->slots());
  ASSERT_TRUE(later);
  EXPECT_EQ(later->find("licence:matlab"), named_kind(1));
  EXPECT_EQ(later->find("scratch"), named_kind(2));
  EXPECT_EQ(later->find("gpu:h100"), named_kind(0)) << "its leases may still run";
}

TEST(ResourceNames, RefusesWhatItCannotName) {
  std::vector<std::string> many;
  for (std::size_t i = 0; i <= kNamedKinds; ++i) many.push_back("r" + std::to_string(i));
  const std::pair<std::vector<std::string>, const char*> rows[] = {
      {{"cpus"}, "is a resource already"},
      {{"a b"}, "cannot name a resource"},
      {{""}, "cannot name a resource"},
      {{"x", "x"}, "listed twice"},
      {many, "more than 17"},
  };
  for (const auto& [wanted, message] : rows) {
    const auto names = ResourceNames::make(wanted);
    ASSERT_FALSE(names) << message;
    EXPECT_NE(names.error().message.find(message), std::string::npos) << names.error().message;
  }
}

TEST(QuotaTree, EveryCombinationHasOneWayUp) {
  const auto tree = QuotaTree::make({"cluster", "partition", "account", "user+creator"},
                                    {{"physics", "science"}, {"science", ""}});
  ASSERT_TRUE(tree);
  const auto way_up = [&](const char* name) {
    Labels labels = *quota_labels(name);
    std::string way = quota_name(labels);
    while (tree->step_up(labels)) way += " | " + quota_name(labels);
    return way;
  };
  EXPECT_EQ(way_up("account=a.b,partition=p"),
            "account=a.b,partition=p | account=a,partition=p | partition=p | all");
  EXPECT_EQ(way_up("account=physics"), "account=physics | account=science | all");
  EXPECT_EQ(way_up("creator=c,user=u,account=x"), "account=x,creator=c,user=u | account=x | all");
  EXPECT_EQ(way_up("zone=z,app=x,user=u"), "app=x,user=u,zone=z | app=x,user=u | user=u | all");
}

TEST(QuotaTree, CyclesAreRefusedAndPrinted) {
  const auto cycle = QuotaTree::make({}, {{"a", "b"}, {"b", "c"}, {"c", "a"}});
  ASSERT_FALSE(cycle);
  EXPECT_NE(cycle.error().message.find("a -> b -> c -> a"), std::string::npos);
  const auto dotted = QuotaTree::make({}, {{"x", "x.y"}});
  ASSERT_FALSE(dotted);
  EXPECT_NE(dotted.error().message.find("x -> x.y -> x"), std::string::npos);
  EXPECT_FALSE(QuotaTree::make({"user", "account+user"}, {}));
  EXPECT_FALSE(QuotaTree::make({"user+"}, {}));
}

TEST(CheckQuotas, ContradictionsAreRefusedWithBothSides) {
  const ResourceNames names;
  const auto with = [](QuotaRule made, auto change) {
    change(made);
    return made;
  };
  struct Row {
    std::vector<QuotaRule> rules;
    const char* message;
  };
  const Row rows[] = {
      {{rule("user=ann", 2, 3)}, "3 cpus are guaranteed, only 2 cpus are allowed"},
      {{rule("user=*", 9, 3)}, "a guarantee needs exact values"},
      {{rule("all", 4), rule("account=a", -1, 3), rule("account=b", -1, 2)},
       "the quotas inside all are guaranteed 5 cpus together, its max is 4 cpus"},
      {{rule("all", 4), rule("account=a"), rule("account=a.b", -1, 3), rule("account=c", -1, 2)},
       "the quotas inside all are guaranteed 5 cpus together"},
      {{rule("account=*", 4), rule("account=a.b", -1, 3), rule("account=a.c", -1, 2)},
       "the quotas inside account=a are guaranteed 5 cpus"},
      {{rule("user=ann", 1), rule("user=ann", 2)}, "two quotas for user=ann"},
      {{with(rule("user=ann"), [](QuotaRule& r) { r.max[Kind::MemMib] = -7; })}, "negative"},
      {{with(rule("user=ann"), [](QuotaRule& r) { r.max[Kind::MemMib] = INT64_MAX; })},
       "too large"},
      {{with(rule("user=ann"), [](QuotaRule& r) { r.guaranteed[Kind::MemMib] = kMaxAmount + 1; })},
       "too large"},
      {{with(rule("user=ann", 4, 1), [](QuotaRule& r) { r.guaranteed[Kind::QueuedJobs] = 1; })},
       "places in a queue"},
      {{with(rule("user=ann"), [](QuotaRule& r) { r.match["us er"] = "x"; })}, "'us er'"},
      {{with(rule("user=ann"), [](QuotaRule& r) { r.match["user"] = "a,b"; })}, "not valid"},
      {{with(rule("user=ann", 4, 1),
             [](QuotaRule& r) { r.lend = false, r.reclaim = Reclaim::Preempt; })},
       "lends nothing"},
  };
  for (const Row& row : rows) {
    const auto checked = check_quotas(row.rules, {}, names);
    ASSERT_FALSE(checked) << row.message;
    EXPECT_NE(checked.error().message.find(row.message), std::string::npos)
        << checked.error().message;
    EXPECT_FALSE(checked.error().hint.empty());
  }
  EXPECT_TRUE(
      check_quotas({rule("all", 4), rule("account=a", 3, 3), rule("account=a.b", 2, 2)}, {}, names))
      << "what a child is promised is part of its parent's promise";
  for (const char* name : {"", "user", "=x", "user=", "user=a,user=b", "user=a,,x=y"})
    EXPECT_FALSE(quota_labels(name)) << name;
}

TEST(Quotas, AnAccountIsChargedAtEveryAncestor) {
  ResourceManager manager;
  manager.put_node(NodeId{0}, node_of(64));
  manager.set_quotas({rule("account=a", 5), rule("account=*", 3), rule("account=a.b.c", 2)});
  EXPECT_EQ(short_of(manager, job("u", "a.b.c"), 2), "");
  EXPECT_EQ(short_of(manager, job("u", "a.b.c"), 1), "account=a.b.c");
  EXPECT_EQ(short_of(manager, job("u", "a.b"), 1), "");
  EXPECT_EQ(short_of(manager, job("u", "a.b.d"), 1), "account=a.b") << "* is each account";
  EXPECT_EQ(short_of(manager, job("u", "a.x"), 2), "");
  EXPECT_EQ(short_of(manager, job("u", "a.y"), 1), "account=a") << "outermost first";
  EXPECT_EQ(short_of(manager, job("u", "b"), 3), "");
}

TEST(Quotas, GpusAreCountedByModelEvenWhenNoneWasAskedFor) {
  ResourceManager manager;
  const auto names = ResourceNames::make(std::vector<std::string>{"gpu:h100"});
  manager.configure(*names, {});
  NodeSpec spec = node_of(16);
  for (std::uint16_t i = 0; i < 4; ++i) {
    Gpu gpu;
    gpu.model = i < 2 ? "h100" : "a100";
    gpu.index = i;
    spec.topology.gpus.push_back(gpu);
  }
  manager.put_node(NodeId{0}, spec);
  QuotaRule one = rule("user=*");
  one.max[named_kind(0)] = 1000;
  manager.set_quotas({one});
  Request any = cpus(1), h100 = cpus(1);
  any.gpus = h100.gpus = 1;
  h100.gpu_model = "h100";
  const auto lease =
      std::get<Lease>(manager.acquire(manager.intern(h100), manager.path_for(job("u"))));
  EXPECT_EQ(lease.amounts[named_kind(0)], 1000);
  const auto refused = manager.acquire(manager.intern(h100), manager.path_for(job("u")));
  ASSERT_TRUE(std::holds_alternative<QuotaShort>(refused));
  EXPECT_EQ(std::get<QuotaShort>(refused).kind, named_kind(0));
  std::vector<Lease> leases{lease};
  for (int tries = 0; tries < 4; ++tries) {
    auto got = manager.acquire(manager.intern(any), manager.path_for(job("v")));
    if (std::holds_alternative<Lease>(got)) leases.push_back(std::get<Lease>(got));
  }
  std::int64_t h100s = 0;
  for (const Lease& held : leases)
    h100s += held.path != lease.path ? held.amounts[named_kind(0)] : 0;
  EXPECT_LE(h100s, 1000) << "a model that nobody asked for is charged all the same";
  std::vector<const Lease*> live;
  live.reserve(leases.size());
  for (const Lease& held : leases) live.push_back(&held);
  EXPECT_TRUE(manager.check(live).empty());
  for (const Lease& held : leases) manager.release(held);
  EXPECT_TRUE(manager.check({}).empty());
}

TEST(Quotas, EachBuiltInKindStopsTheSecond) {
  struct Case {
    Kind kind;
    std::int64_t max;
    void (*ask)(Request&);
  };
  const Case cases[] = {
      {Kind::CpuMilli, 1500, [](Request&) {}},
      {Kind::MemMib, 150, [](Request& request) { request.mem_mib = 100; }},
      {Kind::GpuMilli, 1500, [](Request& request) { request.gpus = 1; }},
      {Kind::Nodes, 1, [](Request& request) { request.exclusive = true; }},
      {Kind::Engines, 1, [](Request& request) { request.engines = 1; }},
      {Kind::RunningJobs, 1, [](Request&) {}},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(int(one.kind));
    ResourceManager manager;
    for (const std::uint32_t id : {0u, 1u}) {
      NodeSpec spec = node_of(4);
      spec.topology.gpus.push_back({});
      manager.put_node(NodeId{id}, spec);
    }
    QuotaRule limit = rule("user=*");
    limit.max[one.kind] = one.max;
    manager.set_quotas({limit});
    Request request = cpus(1);
    one.ask(request);
    const ClassId what = manager.intern(request);
    const auto first = manager.acquire(what, manager.path_for(job("u")));
    ASSERT_TRUE(std::holds_alternative<Lease>(first));
    const auto second = manager.acquire(what, manager.path_for(job("u")));
    ASSERT_TRUE(std::holds_alternative<QuotaShort>(second));
    EXPECT_EQ(std::get<QuotaShort>(second).kind, one.kind);
    EXPECT_TRUE(std::holds_alternative<Lease>(manager.acquire(what, manager.path_for(job("v")))))
        << "somebody else's is another counter";
  }
}

TEST(Quotas, WhatIsNotLentIsKept) {
  ResourceManager manager;
  manager.put_node(NodeId{0}, node_of(64));
  QuotaRule a = rule("account=a", -1, 4);
  a.lend = false;
  manager.set_quotas({rule("all", 10), a, rule("account=b", -1, 3)});
  std::vector<Lease> leases;
  EXPECT_EQ(short_of(manager, job("u", "b"), 6, &leases), "") << "b borrows what nobody keeps";
  const auto refused = std::get<QuotaShort>(
      manager.acquire(manager.intern(cpus(1)), manager.path_for(job("u", "b"))));
  EXPECT_EQ(refused.quota, "all");
  EXPECT_EQ(refused.held, 6'000);
  EXPECT_EQ(refused.kept, 4'000);
  EXPECT_EQ(short_of(manager, job("u", "a"), 4, &leases), "");
  EXPECT_EQ(short_of(manager, job("u", "a"), 1), "all");
}

TEST(Quotas, WhatIsLentComesBackWhenItIsWanted) {
  ResourceManager manager;
  manager.put_node(NodeId{0}, node_of(64));
  manager.set_quotas({rule("all", 10), rule("account=a", -1, 4)});
  std::vector<Lease> leases;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(short_of(manager, job("u", "b"), 1, &leases), "");
  EXPECT_EQ(short_of(manager, job("v", "a"), 2), "all") << "all of it is lent";
  manager.release(leases.back());
  leases.pop_back();
  EXPECT_EQ(short_of(manager, job("u", "b"), 1), "all") << "a waits for it: b borrows no more";
  EXPECT_EQ(short_of(manager, job("v", "a"), 2), "all") << "one of two is back";
  manager.release(leases.back());
  leases.pop_back();
  EXPECT_EQ(short_of(manager, job("u", "b"), 1), "all");
  EXPECT_EQ(short_of(manager, job("v", "a"), 2, &leases), "");
  EXPECT_TRUE(manager.claims().empty()) << "reclaim = wait takes nothing";
}

TEST(Quotas, PreemptNamesWhoHasTooMuch) {
  ResourceManager manager;
  manager.put_node(NodeId{0}, node_of(64));
  QuotaRule a = rule("account=a", -1, 4);
  a.reclaim = Reclaim::Preempt;
  manager.set_quotas({rule("all", 10), a, rule("account=b", -1, 5)});
  std::vector<Lease> b, c;
  for (int i = 0; i < 7; ++i) EXPECT_EQ(short_of(manager, job("u", "b"), 1, &b), "");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(short_of(manager, job("u", "c"), 1, &c), "");
  EXPECT_EQ(short_of(manager, job("v", "a"), 4), "all");
  const auto claims = manager.claims();
  ASSERT_EQ(claims.size(), 1u);
  EXPECT_EQ(claims[0].claimant, "account=a");
  EXPECT_EQ(claims[0].quota, "all");
  EXPECT_EQ(claims[0].owed, 4'000);
  std::vector<const Lease*> live;
  live.reserve(b.size());
  for (const Lease& lease : b) live.push_back(&lease);
  for (const Lease& lease : c) live.push_back(&lease);
  const auto victims = manager.victims(claims[0], live);
  ASSERT_EQ(victims.size(), 4u);
  EXPECT_EQ(std::ranges::count_if(victims, [&](const Lease* v) { return v->path == b[0].path; }), 2)
      << "b keeps the 5 it is guaranteed";
  for (const Lease* victim : victims) manager.release(*victim);
  EXPECT_EQ(short_of(manager, job("v", "a"), 4), "");
}

TEST(Quotas, AFullQueueRefusesAndLeavesNoTrace) {
  ResourceManager manager;
  manager.set_quotas({queue("user=*", 2)});
  std::vector<PathId> paths;
  paths.reserve(2);
  for (int i = 0; i < 2; ++i) paths.push_back(std::get<PathId>(manager.try_enter(job("ann"))));
  const auto full = manager.try_enter(job("ann", "b"));
  ASSERT_TRUE(std::holds_alternative<QuotaShort>(full));
  EXPECT_EQ(std::get<QuotaShort>(full).quota, "user=ann");
  EXPECT_EQ(std::get<QuotaShort>(full).held, 2);
  EXPECT_TRUE(manager.check({}, &paths).empty());
  paths.push_back(manager.enter(job("ann")));  // was let in before the limit was lowered
  EXPECT_TRUE(manager.check({}, &paths).empty());
  for (const PathId path : paths) manager.leave(path);
  paths.clear();
  EXPECT_TRUE(manager.quotas().empty());
  EXPECT_TRUE(manager.check({}, &paths).empty());
}

struct Sweep {
  std::vector<std::string> problems;
  // One sweep; `between` is called after every slice.
  template <class Between>
  void run(ResourceManager& manager, const std::map<std::uint32_t, std::vector<const Lease*>>& at,
           Between between) {
    for (const auto& [node, leases] : at) {
      manager.audit(NodeId(node), leases, problems);
      between();
    }
    while (!manager.compare_slice(1, problems)) between();
  }
};

TEST(Audit, APlantedMismatchIsFound) {
  ResourceManager manager;
  manager.put_node(NodeId{0}, node_of(64));
  manager.set_quotas({rule("user=*", 50)});
  std::vector<Lease> leases;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(short_of(manager, job("ann"), 2, &leases), "");
  const auto nothing = [] {};
  Sweep good;
  good.run(manager, {{0, {&leases[0], &leases[1], &leases[2]}}}, nothing);
  EXPECT_TRUE(good.problems.empty()) << good.problems.front();
  // Somebody gives back less than was taken: the books now say more than the leases.
  Lease wrong = leases[2];
  wrong.amounts[Kind::CpuMilli] -= 500;
  manager.release(wrong);
  leases.pop_back();
  Sweep bad;
  bad.run(manager, {{0, {&leases[0], &leases[1]}}}, nothing);
  std::string all;
  for (const std::string& problem : bad.problems) all += problem + '\n';
  EXPECT_EQ(bad.problems.size(), 3u) << all;
  EXPECT_NE(all.find("node 0 holds 4500 of cpu, its leases 4000"), std::string::npos) << all;
  EXPECT_NE(all.find("quota user=ann has locked 4500 of cpu, its leases hold 4000"),
            std::string::npos)
      << all;
}

// Leases come, start and go in front of and behind the cursor: no false alarm.
TEST(Audit, WorkGoesOnDuringASweep) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Prng random(seed);
    ResourceManager manager;
    for (std::uint32_t id = 0; id < 5; ++id) manager.put_node(NodeId{id}, node_of(8));
    manager.set_quotas({rule("user=*", 9), rule("account=*", 20)});
    std::map<int, Lease> leases;
    int next = 0;
    const auto work = [&] {
      for (std::uint64_t steps = random.below(6); steps > 0; --steps) {
        const std::string user = "u" + std::to_string(random.below(5));
        std::vector<Lease> got;
        if (random.chance(60)) short_of(manager, job(user.c_str(), "a.b"), 2, &got);
        if (!got.empty()) leases[next++] = got.front();
        if (leases.empty()) continue;
        const auto at = std::next(leases.begin(), std::ptrdiff_t(random.below(leases.size())));
        if (random.chance(40)) manager.mark_used(at->second);
        if (random.chance(40)) {
          manager.release(at->second);
          leases.erase(at);
        }
      }
    };
    Sweep sweep;
    for (int sweeps = 0; sweeps < 3; ++sweeps) {
      for (std::uint32_t id = 0; id < 5; ++id) {
        std::vector<const Lease*> here;
        for (const auto& [number, lease] : leases)
          if (lease.node == NodeId{id}) here.push_back(&lease);
        manager.audit(NodeId{id}, here, sweep.problems);
        work();
      }
      while (!manager.compare_slice(1, sweep.problems)) work();
    }
    ASSERT_TRUE(sweep.problems.empty()) << "seed " << seed << ": " << sweep.problems.front();
  }
}

// Memory follows the users who have open jobs.
TEST(Quotas, WhatNobodyUsesIsForgotten) {
  ResourceManager manager;
  manager.set_quotas({queue("user=*", 2), rule("account=*", 5)});
  for (int user = 0; user < 10'000; ++user) {
    const std::string name = "u" + std::to_string(user);
    const PathId path = manager.enter(job(name.c_str(), (name + ".x").c_str()));
    EXPECT_EQ(raw(path), 0u) << "the id of the last one is used again";
    const ClassId what = manager.intern(cpus(1 + user));
    EXPECT_LE(raw(what), 256u) << "only the last few are kept";
    manager.hold(what);
    manager.leave(path);
    manager.drop(what);
  }
  EXPECT_EQ(manager.ledger().path_slots(), 1u);
  EXPECT_EQ(manager.ledger().counter_slots(), 3u);
  EXPECT_TRUE(manager.check({}).empty());
}

}  // namespace
}  // namespace drover::rm
