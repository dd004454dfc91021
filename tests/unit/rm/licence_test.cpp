// tests/unit/rm/licence_test.cpp - licences: refused, counted, counted anew; and random lives
// against a model that adds up what is held.
// SPDX-License-Identifier: Apache-2.0
#include "rm/licence.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "base/prng.hpp"
#include "rm/resource_manager.hpp"

namespace drover::rm {
namespace {

Request with(Counts licences, std::int64_t cpus = 1) {
  Request request;
  request.cpus = cpus;
  request.licences = std::move(licences);
  return request;
}

ResourceManager manager_with(const Counts& totals, std::uint16_t cores = 64) {
  ResourceManager manager;
  manager.configure(*ResourceNames::make(licence_words(totals, {})), {});
  manager.set_quotas({licence_rule(totals, manager.names())});
  manager.put_node(NodeId{0}, {"n0", {}, make_topology(1, 1, cores, 1, 9'000)});
  return manager;
}

TEST(Licence, WhatIsNotThereIsRefusedWithTheNearestName) {
  const Counts totals{{"matlab", 20}, {"ansys", 2}};
  EXPECT_TRUE(can_ever_have({}, totals));
  EXPECT_TRUE(can_ever_have({{"matlab", 20}}, totals));
  const auto typo = can_ever_have({{"matlb", 1}}, totals);
  ASSERT_FALSE(typo);
  EXPECT_EQ(typo.error().message, "there is no licence \"matlb\"");
  EXPECT_EQ(typo.error().hint, "did you mean matlab?");
  const auto many = can_ever_have({{"ansys", 3}}, totals);
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().message, "3 licences ansys are asked for, there are 2");
  EXPECT_EQ(can_ever_have({{"x", 1}}, {}).error().hint,
            "this cluster counts no licences: leave them out");
}

TEST(Licence, TotalsThatCannotBeAreRefused) {
  EXPECT_TRUE(check_licences({{"matlab", 0}, {"a.b-c@server", kMaxAmount}}));
  for (const Counts& bad : {Counts{{"matlab", -1}}, Counts{{"matlab", kMaxAmount + 1}},
                            Counts{{"a:b", 1}}, Counts{{"a b", 1}}, Counts{{"", 1}}})
    EXPECT_FALSE(check_licences(bad)) << bad.begin()->first;
  Counts many;
  for (int i = 0; i < 18; ++i) many["l" + std::to_string(i)] = 1;
  EXPECT_EQ(check_licences(many).error().code, Errc::Limit) << "there are 17 slots";
}

TEST(Licence, NobodyCanWriteAQuotaForThePool) {
  EXPECT_EQ(quota_name(licence_pool()), kLicencePool);
  EXPECT_FALSE(quota_labels(kLicencePool));
}

TEST(Licence, ATaskOfSeveralNodesTakesThemOnce) {
  const Counts totals{{"matlab", 3}};
  ResourceManager manager = manager_with(totals);
  manager.put_node(NodeId{1}, {"n1", {}, make_topology(1, 1, 4, 1, 9'000)});
  Request gang = with({{"matlab", 2}});
  gang.nodes = 2;
  const PathId path = manager.path_for({{"user", "ann"}});
  Lease lease = std::get<Lease>(manager.acquire(manager.intern(gang), path));
  ASSERT_EQ(licences_of(manager).size(), 1u);
  EXPECT_EQ(licences_of(manager)[0].locked, 2);
  manager.mark_used(lease);
  EXPECT_EQ(licences_of(manager)[0].used, 2);
  const auto refused = manager.acquire(manager.intern(gang), path);
  ASSERT_TRUE(std::holds_alternative<QuotaShort>(refused));
  EXPECT_TRUE(is_licence(std::get<QuotaShort>(refused)));
  manager.release(lease);
  EXPECT_EQ(licences_of(manager)[0].used, 0);
  EXPECT_TRUE(manager.check({}).empty());
}

TEST(Licence, ANameThatComesLaterGetsAFreeSlotAndWaitersGoOn) {
  ResourceManager manager = manager_with({{"matlab", 1}});
  const ClassId ansys = manager.intern(with({{"ansys", 1}}));
  manager.hold(ansys);
  const PathId path = manager.path_for({});
  EXPECT_TRUE(std::holds_alternative<NoFit>(manager.acquire(ansys, path)));
  const std::vector<std::string> more{"licence:ansys"};
  manager.add_names(*manager.names().with(more));
  manager.set_quotas({licence_rule({{"matlab", 1}, {"ansys", 1}}, manager.names())});
  EXPECT_TRUE(std::holds_alternative<Lease>(manager.acquire(ansys, path)));
}

// One node that is large enough for everybody; so licences alone decide.
class LicenceLife {
 public:
  explicit LicenceLife(std::uint64_t seed) : prng_(seed), manager_(manager_with(totals_, 4'000)) {}

  void run() {
    for (int step = 0; step < 400 && !::testing::Test::HasFailure(); ++step) {
      const std::uint64_t dice = prng_.below(100);
      if (dice < 55)
        start();
      else if (dice < 90)
        end();
      else
        recount();
      std::vector<const Lease*> live;
      for (const Lease& lease : leases_) live.push_back(&lease);
      const auto problems = manager_.check(live);
      ASSERT_TRUE(problems.empty()) << problems.front();
    }
  }

 private:
  std::int64_t held(const std::string& name) const {
    std::int64_t sum = 0;
    for (const Counts& counts : taken_)
      if (const auto found = counts.find(name); found != counts.end()) sum += found->second;
    return sum;
  }
  void start() {
    Counts asked;
    for (const char* name : {"a", "b", "c"})
      if (prng_.chance(50)) asked[name] = std::int64_t(1 + prng_.below(4));
    bool fits = true;
    for (const auto& [name, count] : asked) fits &= held(name) + count <= totals_[name];
    const Labels user{{"user", prng_.chance(50) ? "ann" : "bob"}};
    auto got = manager_.acquire(manager_.intern(with(asked)), manager_.path_for(user));
    ASSERT_EQ(std::holds_alternative<Lease>(got), fits);
    if (const auto* refused = std::get_if<QuotaShort>(&got)) {
      const std::string name(licence_name(manager_.names().word(refused->kind)));
      EXPECT_EQ(refused->held, held(name));
      EXPECT_EQ(refused->limit, totals_[name]);
      EXPECT_EQ(refused->asked, asked[name]);
      return;
    }
    leases_.push_back(std::get<Lease>(got));
    if (prng_.chance(50)) manager_.mark_used(leases_.back());
    taken_.push_back(asked);
  }
  void end() {
    if (leases_.empty()) return;
    const auto at = std::ptrdiff_t(prng_.below(leases_.size()));
    manager_.release(leases_[std::size_t(at)]);
    leases_.erase(leases_.begin() + at);
    taken_.erase(taken_.begin() + at);
  }
  void recount() {  // also below what is held
    const char* const names[] = {"a", "b", "c"};
    totals_[names[prng_.below(3)]] = std::int64_t(prng_.below(12));
    manager_.set_quotas({licence_rule(totals_, manager_.names())});
  }

  Prng prng_;
  Counts totals_{{"a", 5}, {"b", 8}, {"c", 2}};
  ResourceManager manager_;
  std::vector<Lease> leases_;
  std::vector<Counts> taken_;
};

TEST(LicenceProperty, NeverMoreThanThereAreAndRefusedOnlyThen) {
  const char* given = std::getenv("SEED");
  const std::uint64_t first = given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
  const std::uint64_t last = given != nullptr ? first : 60;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    LicenceLife(seed).run();
    ASSERT_FALSE(HasFailure()) << "SEED=" << seed << " rm_test --gtest_filter=LicenceProperty.*";
  }
}

}  // namespace
}  // namespace drover::rm
