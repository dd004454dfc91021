// tests/unit/sched/fair_share_test.cpp - decay, sums and ranks against slow arithmetic and laws.
// SPDX-License-Identifier: Apache-2.0
#include "sched/fair_share.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/prng.hpp"

namespace drover::sched {
namespace {

constexpr Duration kHalfLife = seconds(3600);
constexpr Time kStart{1'800'000'000'000'000};

Time after(std::int64_t s) { return kStart + seconds(s); }

AccountSpec account(std::string name, std::string parent, std::int64_t shares,
                    std::map<std::string, std::int64_t> users = {}) {
  AccountSpec spec{std::move(name), std::move(parent), shares, {}, users};
  for (const auto& [user, own] : users) spec.users.push_back(user);
  return spec;
}

// root: physics 60 (cern 1: ann bob; optics 1: cid), maths 30 (dan), open 10 (eve, fay).
FairShare science() {
  return {
      AccountTree::make(
          {account("physics", "", 60), account("cern", "physics", 1, {{"ann", 1}, {"bob", 1}}),
           account("optics", "physics", 1, {{"cid", 1}}), account("maths", "", 30, {{"dan", 1}}),
           account("open", "", 10, {{"eve", 1}, {"fay", 3}})})
          .value(),
      kHalfLife};
}

TEST(FairShare, UsageHalvesWithEachHalfLife) {
  FairShare shares({}, kHalfLife);
  const LeafId ann = shares.leaf("", "ann");
  shares.charge(ann, 1000 * std::int64_t(1'000'000) * 4096, kStart);
  const std::int64_t full = shares.usage(ann, kStart);
  EXPECT_EQ(full, 4096 * 1000);
  for (int halves = 1; halves <= 40; ++halves) {
    const std::int64_t left = shares.usage(ann, after(3600LL * halves));
    EXPECT_EQ(left, halves < 30 ? full >> halves : 0) << halves;
  }
  // A charge far later moves the base; what is left of the first one is still exact.
  shares.charge(ann, 1'000'000, after(3600LL * 20));
  EXPECT_EQ(shares.usage(ann, after(3600LL * 20)), (full >> 20) + 1);
  EXPECT_TRUE(shares.check().empty());
}

TEST(FairShare, DecayFollowsTheExponential) {
  const std::uint64_t seed = 11;
  Prng prng(seed);
  FairShare shares({}, kHalfLife);
  const LeafId ann = shares.leaf("", "ann");
  double slow = 0;
  std::int64_t at = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::int64_t step = std::int64_t(prng.below(4000));
    at += step;
    slow *= std::exp2(-double(step) / 3600);
    const std::int64_t charge = std::int64_t(prng.below(1u << 30)) * 1'000'000;
    shares.charge(ann, charge, after(at));
    slow += double(charge) / 1e6;
    // A step of weight is a thousandth of a half-life: 0.07 % of a charge.
    EXPECT_NEAR(double(shares.usage(ann, after(at))), slow, slow * 0.0015 + 1) << "seed " << seed;
  }
}

TEST(FairShare, WhatRunsIsChargedAsTimePasses) {
  FairShare shares = science();
  const LeafId ann = shares.leaf("cern", "ann");
  shares.change_rate(ann, 4000, kStart);
  shares.refresh(after(10));
  EXPECT_NEAR(double(shares.usage(ann, after(10))), 40'000, 40'000 * 0.002);
  shares.change_rate(ann, -4000, after(20));
  shares.refresh(after(30));
  EXPECT_NEAR(double(shares.usage(ann, after(30))), 80'000, 80'000 * 0.006);
  EXPECT_EQ(shares.usage(ann, after(30)),
            shares.usage(shares.accounts().id_of("physics"), after(30)));
  EXPECT_TRUE(shares.check().empty());
}

TEST(FairShare, TheMoreDeservingAccountComesFirstWhateverHappensInside) {
  FairShare shares = science();
  const auto charge = [&](const char* who, const char* user, std::int64_t cpu_s) {
    shares.charge(shares.leaf(who, user), cpu_s * 1000 * 1'000'000, kStart);
  };
  charge("cern", "ann", 50);  // physics: 60 of 100 shares, 80 of 200 used: 1.5
  charge("cern", "bob", 10);
  charge("optics", "cid", 20);
  charge("maths", "dan", 100);  // 0.3 / 0.5 = 0.6
  charge("open", "eve", 10);    // 0.1 / 0.1 = 1
  charge("open", "fay", 10);
  shares.refresh(kStart);
  const auto factor = [&](const char* who, const char* user) {
    return shares.factor(shares.leaf(who, user));
  };
  // physics > open > maths; in physics optics (0.5 / 0.25) > cern; in cern bob > ann.
  EXPECT_EQ(factor("optics", "cid"), 1'000'000);
  EXPECT_EQ(factor("cern", "bob"), 833'333);
  EXPECT_EQ(factor("cern", "ann"), 666'666);
  EXPECT_EQ(factor("open", "fay"), 500'000);  // three shares against one
  EXPECT_EQ(factor("open", "eve"), 333'333);
  EXPECT_EQ(factor("maths", "dan"), 166'666);
}

TEST(FairShare, EqualsShareARank) {
  FairShare shares = science();
  shares.refresh(kStart);
  for (const ShareView& view : shares.views(kStart))
    EXPECT_EQ(view.factor_ppm, view.user.empty() ? 0 : 1'000'000) << view.user;
  shares.charge(shares.leaf("cern", "ann"), 1, kStart);
  EXPECT_TRUE(shares.refresh(kStart));
  EXPECT_FALSE(shares.refresh(kStart));
  EXPECT_EQ(shares.factor(shares.leaf("maths", "dan")), shares.factor(shares.leaf("open", "eve")));
  EXPECT_LT(shares.factor(shares.leaf("cern", "bob")), 1'000'000) << "his account has used some";
}

TEST(FairShare, UsingMoreNeverRaisesOnesFactorNorLowersAnothers) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Prng prng(seed);
    FairShare shares = science();
    const std::pair<const char*, const char*> who[] = {{"cern", "ann"},   {"cern", "bob"},
                                                       {"optics", "cid"}, {"maths", "dan"},
                                                       {"open", "eve"},   {"open", "fay"}};
    std::int64_t at = 0;
    for (int i = 0; i < 60; ++i) {
      at += std::int64_t(prng.below(3000));
      const auto& [name, user] = who[prng.below(6)];
      const LeafId leaf = shares.leaf(name, user);
      shares.refresh(after(at));
      const std::int64_t before = shares.factor(leaf);
      shares.charge(leaf, std::int64_t(prng.below(1'000'000)) << prng.below(20), after(at));
      shares.refresh(after(at));
      EXPECT_LE(shares.factor(leaf), before) << "seed " << seed;
      ASSERT_TRUE(shares.check().empty()) << "seed " << seed;
      std::map<std::uint32_t, std::int64_t> level;  // usage of the siblings adds up
      for (const ShareView& view : shares.views(after(at)))
        if (view.depth == 0) level[0] += view.usage_of_level_ppm;
      EXPECT_NEAR(double(level[0]), 1'000'000, 6) << "seed " << seed;
    }
  }
}

TEST(FairShare, RecordsBringBackExactlyTheSameRanks) {
  FairShare shares = science();
  shares.charge(shares.leaf("cern", "ann"), 1'234'567'890'123, kStart);
  shares.charge(shares.leaf("open", "fay"), 987'654'321, after(7000));
  shares.change_rate(shares.leaf("maths", "dan"), 16'000, after(100));
  shares.refresh(after(9000));
  FairShare fresh = science();
  for (const UsageRecord& record : shares.take_dirty()) fresh.restore(record);
  fresh.restore_rate(fresh.leaf("maths", "dan"), 16'000);
  EXPECT_TRUE(shares.take_dirty().empty());
  shares.refresh(after(10'000));
  fresh.refresh(after(10'000));
  const auto a = shares.views(after(10'000)), b = fresh.views(after(10'000));
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].usage_milli_cpu_s, b[i].usage_milli_cpu_s) << a[i].account << " " << a[i].user;
    EXPECT_EQ(a[i].factor_ppm, b[i].factor_ppm);
    EXPECT_EQ(a[i].rate_milli_cpu, b[i].rate_milli_cpu);
  }
  EXPECT_TRUE(fresh.check().empty());
}

TEST(FairShare, AnotherHalfLifeKeepsWhatIsLeft) {
  FairShare shares({}, kHalfLife);
  shares.charge(shares.leaf("", "ann"), 8'000 * std::int64_t(1'000'000'000), kStart);
  shares.change_rate(shares.leaf("", "ann"), 0, after(3600));
  FairShare fresh({}, seconds(86'400));
  for (const UsageRecord& record : shares.take_dirty()) fresh.restore(record);
  EXPECT_NEAR(double(fresh.usage(fresh.leaf("", "ann"), after(3600))), 4'000'000, 10);
}

TEST(FairShare, AClockThatGoesBackDoesNoHarm) {
  FairShare shares({}, kHalfLife);
  const LeafId ann = shares.leaf("", "ann");
  shares.change_rate(ann, 1000, after(100'000));
  shares.change_rate(ann, 1000, after(0));
  shares.change_rate(ann, -2000, after(-100'000));
  shares.refresh(after(-200'000));
  EXPECT_EQ(shares.usage(ann, after(0)), 0);
  EXPECT_TRUE(shares.check().empty());
}

TEST(FairShare, RatesWeighResources) {
  rm::Amounts amounts;
  amounts[rm::Kind::CpuMilli] = 4000;
  amounts[rm::Kind::MemMib] = 8192;
  amounts[rm::Kind::GpuMilli] = 500;
  EXPECT_EQ(usage_rate(amounts, {}), 4000 + 4000);
  EXPECT_EQ(usage_rate(amounts, {1000, 250, 0}), 4000 + 2000);
  EXPECT_EQ(usage_rate(amounts, {1000, 250, 0}, 50), 3000);
  EXPECT_EQ(usage_rate(amounts, {}, 0), 0);
}

}  // namespace
}  // namespace drover::sched
