// tests/unit/sched/keep_quotas_test.cpp - who asks for much of a quota gets it in the end, and what
// others can use meanwhile they have.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <optional>

#include "day.hpp"
#include "rm/licence.hpp"

namespace drover::sched {
namespace {

// Jobs of 2 CPUs that overlap without end, and one that needs all 4 of its user.
std::int64_t start_of_the_large(const std::string& policy, std::int64_t limit_s) {
  Day day(policy);
  day.desk().node_up("n1", 8);
  day.submit(sized(2, 100));
  day.pass_until(50);
  day.submit(sized(2, 100));
  day.pass_until(60);
  const JobId large = day.submit(sized(4, limit_s));
  for (std::int64_t i = 2; i <= 200; ++i) {
    day.pass_until(i * 50 - 10);
    day.submit(sized(2, 100));
  }
  return day.started(large).value_or(-1);
}

TEST(KeepQuotas, ALargeJobIsNotOvertakenForEver) {
  for (const char* policy : {"fcfs", "easy", "easy-sjbf", "conservative", "fifo+depth-k:3",
                             "priority+none", "priority+easy", "priority+conservative"})
    EXPECT_EQ(start_of_the_large(policy, 50), 150) << policy;
}

// Smallest first lets others pass until the guard, and nobody from then on.
TEST(KeepQuotas, TheGuardCountsUnderAQuota) {
  for (const char* policy :
       {"saf-guard:1h+none", "saf-guard:1h+easy", "saf-guard:1h+conservative"}) {
    const std::int64_t start = start_of_the_large(policy, 200);
    EXPECT_GE(start, 150) << policy;
    EXPECT_LE(start, 60 + 3'600 + 200) << policy;
  }
}

// A node alone is charged with all of its CPUs, here with more than is ever allowed.
TEST(KeepQuotas, WhoNeedsALargerNodeThanAllowedStopsNobody) {
  for (const char* policy : {"easy", "easy-sjbf", "conservative", "fifo+depth-k:2"}) {
    ControllerConfig config;
    config.policy = parse_policy(policy).value();
    config.quotas = {at_most({{"user", "ann"}}, 4)};
    Desk desk(config);
    desk.node_up("n1", 8);
    desk.node_up("n2", 8);
    JobSpec alone = sized(4, 100);
    alone.request.exclusive = true;
    const JobId large = desk.accept(alone);
    EXPECT_TRUE(desk.launches.empty()) << policy;
    desk.accept(sized(2, 1'000));
    desk.accept(sized(2, 1'000));
    desk.turn();
    EXPECT_EQ(desk.launches.size(), 2u)
        << policy << ": " << desk.controller.why(large, {}, desk.now)->text;
    desk.node_up("n3", 4);
    desk.pass(seconds(1'000));
    desk.ended(desk.launches.at(0));
    desk.ended(desk.launches.at(1));
    EXPECT_EQ(desk.launches.size(), 3u) << policy << ": on the small node it is within";
  }
}

// Nor does it hold a place that others would have to leave free, before a quota is short at all.
TEST(KeepQuotas, WhoNeedsALargerNodeThanAllowedHoldsNoPlace) {
  for (const char* policy : {"fcfs", "easy", "conservative", "fifo+depth-k:4"}) {
    ControllerConfig config;
    config.policy = parse_policy(policy).value();
    config.quotas = {at_most({{"user", "ann"}}, 6)};
    Desk desk(config);
    desk.node_up("n1", 8);
    desk.accept(sized(2, 100));
    JobSpec alone = sized(4, 100);
    alone.request.exclusive = true;
    for (int i = 0; i < 3; ++i) desk.accept(alone);
    JobSpec other = sized(6, 1'000);
    other.labels["user"] = other.user = "bob";
    desk.accept(other);
    EXPECT_EQ(desk.launches.size(), 2u) << policy;
  }
}

// Nobody knows when it will have what somebody holds who stands still: it stops nobody meanwhile.
TEST(KeepQuotas, ForWhomASuspendedOneIsInTheWayNothingIsKept) {
  rm::QuotaRule rule;
  rule.match = {{"user", "ann"}};
  rule.max[rm::Kind::MemMib] = 800;
  for (const char* policy : {"easy", "conservative", "fifo+depth-k:2"}) {
    ControllerConfig config;
    config.policy = parse_policy(policy).value();
    config.quotas = {rule};
    Desk desk(config);
    desk.node_up("n1", 8);
    desk.node_up("n2", 8);
    const auto asks = [](std::int64_t mem_mib, std::int64_t limit_s) {
      JobSpec spec = sized(1, limit_s);
      spec.request.mem_mib = mem_mib;
      return spec;
    };
    const JobId still = desk.accept(asks(300, 100));
    desk.started(desk.launches.at(0));
    ASSERT_TRUE(desk.command(Verb::Suspend, still, {0, true}));
    const JobId large = desk.accept(asks(800, 50));
    EXPECT_EQ(desk.launches.size(), 1u) << policy;
    desk.accept(asks(300, 1'000));
    EXPECT_EQ(desk.launches.size(), 2u)
        << policy << ": " << desk.controller.why(large, {}, desk.now)->text;
    desk.accept(asks(200, 60));
    EXPECT_EQ(desk.launches.size(), 3u) << policy;
    EXPECT_TRUE(desk.controller.check().empty());
    ASSERT_TRUE(desk.command(Verb::Resume, still, {0, true}));
    desk.pass(seconds(60));
    desk.ended(desk.launches[2]);
    desk.pass(seconds(60));
    desk.ended(desk.launches[0]);
    desk.accept(asks(300, 10'000));
    EXPECT_EQ(desk.launches.size(), 3u) << policy << ": now the large one's time is known";
    desk.pass(seconds(900));
    desk.ended(desk.launches[1]);
    ASSERT_EQ(desk.launches.size(), 4u) << policy;
    EXPECT_EQ(desk.launches[3].id.task.job, large) << policy;
  }
}

// The same where nobody plans: somebody else who may use the rest of a quota above does.
TEST(KeepQuotas, WithoutBackfillASuspendedOneStopsNobodyElse) {
  rm::QuotaRule all, own;
  all.max[rm::Kind::RunningJobs] = 2;
  own.match = {{"user", "ann"}};
  own.max[rm::Kind::RunningJobs] = 1;
  for (const char* policy : {"fcfs", "priority+none", "saf-guard:1h+none"}) {
    ControllerConfig config;
    config.policy = parse_policy(policy).value();
    config.quotas = {all, own};
    Desk desk(config);
    desk.node_up("n1", 8);
    const JobId still = desk.accept(sized(1, 100));
    desk.started(desk.launches.at(0));
    const JobId first = desk.accept(sized(1, 100));
    ASSERT_TRUE(desk.command(Verb::Suspend, still, {0, true}));
    desk.accept(sized(1, 100, "bob"));
    ASSERT_EQ(desk.launches.size(), 2u) << policy << ": nobody knows when it goes on";
    ASSERT_TRUE(desk.command(Verb::Resume, still, {0, true}));
    desk.ended(desk.launches[0]);
    ASSERT_EQ(desk.launches.size(), 3u) << policy;
    EXPECT_EQ(desk.launches[2].id.task.job, first) << policy;
  }
}

// What is over before the first can start, or leaves it enough, delays nobody.
TEST(KeepQuotas, WhatTheFirstWillNotMissIsUsed) {
  struct Case {
    const char* policy;
    std::int64_t cpus, limit_s;
    bool starts;
  };
  for (const Case& c : std::vector<Case>{{"easy", 1, 40, true},
                                         {"easy", 1, 60, false},
                                         {"conservative", 1, 40, true},
                                         {"conservative", 1, 60, false},
                                         {"fifo+depth-k:1", 1, 40, true},
                                         {"fifo+depth-k:1", 1, 60, false},
                                         {"fcfs", 1, 40, false}}) {
    Day day(c.policy);
    day.desk().node_up("n1", 8);
    day.submit(sized(3, 50));
    const JobId first = day.submit(sized(4, 50));
    const JobId next = day.submit(sized(c.cpus, c.limit_s));
    EXPECT_EQ(day.started(next) == 0, c.starts) << c.policy << " " << c.limit_s;
    day.pass_until(500);
    EXPECT_EQ(day.started(first), 50) << c.policy << " " << c.limit_s;
    EXPECT_TRUE(day.started(next));
  }
  Day day("easy", {at_most({{"user", "ann"}}, 6)});
  day.desk().node_up("n1", 8);
  day.submit(sized(4, 50));
  const JobId first = day.submit(sized(4, 50)), next = day.submit(sized(2, 1'000));
  EXPECT_EQ(day.started(next), 0) << "both fit when the one that runs has ended";
  day.pass_until(60);
  EXPECT_EQ(day.started(first), 50);
}

// Nobody knows when one without a limit ends: others go on, and no more once it has ended.
TEST(KeepQuotas, BehindOneWithoutALimitOthersGoOnUntilItHasEnded) {
  for (const char* policy : {"easy", "conservative", "fifo+depth-k:2"}) {
    Day day(policy);
    day.desk().node_up("n1", 8);
    day.submit(sized(2, 0));
    day.submit(sized(2, 50));
    const JobId first = day.submit(sized(4, 50));
    std::vector<JobId> others;
    for (std::int64_t second = 10; second < 1'000; second += 30) {
      day.pass_until(second);
      others.push_back(day.submit(sized(1, 50)));
      if (second != 220) continue;
      day.desk().ended(day.desk().launches.front());
      day.gather();
    }
    EXPECT_EQ(day.started(others[4]), 150) << policy;
    EXPECT_EQ(day.started(first), 270) << policy << ": the last that began before 220";
  }
}

TEST(KeepQuotas, WhoLeavesKeepsNothing) {
  for (const Verb verb : {Verb::Cancel, Verb::Hold})
    for (const char* policy : {"fcfs", "easy", "conservative", "fifo+depth-k:2"}) {
      Day day(policy);
      day.desk().node_up("n1", 8);
      day.submit(sized(3, 100));
      const JobId first = day.submit(sized(4, 50)), next = day.submit(sized(1, 1'000));
      EXPECT_FALSE(day.started(next)) << policy;
      EXPECT_TRUE(day.desk().command(verb, first));
      day.pass_until(1);
      EXPECT_TRUE(day.started(next)) << policy;
    }
}

// It could have its quota, and no node: others of the quota do not wait for that.
TEST(KeepQuotas, WhoWaitsForNodesKeepsNothing) {
  for (const char* policy : {"easy", "conservative", "fifo+depth-k:2"}) {
    Day day(policy);
    day.desk().node_up("n1", 8);
    day.submit(sized(6, 1'000, "bob"));
    day.submit(sized(2, 50));
    const JobId first = day.submit(sized(4, 50));
    day.pass_until(60);
    const JobId next = day.submit(sized(2, 500));
    day.pass_until(61);
    EXPECT_EQ(day.started(next), 60) << policy;
    day.pass_until(1'100);
    EXPECT_EQ(day.started(first), 1'000) << policy;
  }
}

// Beside what others are guaranteed it could never have it.
TEST(KeepQuotas, WhoAsksForTheGuaranteesOfOthersKeepsNothing) {
  for (const char* policy : {"fcfs", "easy", "conservative"}) {
    Day day(policy, {at_most({}, 8), at_most({{"user", "bob"}}, 8, 4)});
    day.desk().node_up("n1", 16);
    day.submit(sized(4, 1'000, "bob"));
    const JobId large = day.submit(sized(6, 50)), small = day.submit(sized(2, 2'000));
    day.pass_until(1);
    EXPECT_FALSE(day.started(large)) << policy;
    EXPECT_TRUE(day.started(small)) << policy;
  }
}

// Whom a guarantee owes what he asks for is not stopped by what is kept for somebody else.
TEST(KeepQuotas, AGuaranteeIsHonouredWhateverIsKept) {
  for (const char* policy : {"fcfs", "easy"}) {
    Day day(policy, {at_most({}, 8), at_most({{"user", "bob"}}, 8, 2)});
    day.desk().node_up("n1", 16);
    day.submit(sized(4, 1'000));
    const JobId large = day.submit(sized(6, 50)), owed = day.submit(sized(2, 2'000, "bob"));
    day.pass_until(1);
    EXPECT_FALSE(day.started(large)) << policy;
    EXPECT_EQ(day.started(owed), 0) << policy;
  }
}

// What the first keeps is laid anew for as long as somebody outlives his limit.
TEST(KeepQuotas, WhoOutlivesHisLimitCostsTheFirstNothing) {
  Day day("easy");
  day.desk().node_up("n1", 8);
  day.outlives(JobId{1}, 200);
  day.submit(sized(3, 100));
  const JobId first = day.submit(sized(4, 50));
  day.pass_until(200);
  const JobId next = day.submit(sized(1, 1'000));
  EXPECT_FALSE(day.started(next));
  day.pass_until(400);
  EXPECT_EQ(day.started(first), 300);
  EXPECT_EQ(day.started(next), 350);
}

// Who takes the turn and keeps less lets those go whom the one before him had stopped.
TEST(KeepQuotas, WhoKeepsLessStopsFewer) {
  rm::QuotaRule of_ann;
  of_ann.match = {{"user", "ann"}};
  of_ann.max[rm::Kind::MemMib] = 100;
  Day day("fcfs", {at_most({{"account", "phys"}}, 10), of_ann});
  day.desk().node_up("n1", 32);
  const auto of = [](std::string user, bool phys, std::int64_t cpus, std::int64_t mem) {
    JobSpec spec = sized(cpus, 1'000, std::move(user));
    if (phys) spec.labels["account"] = "phys";
    spec.request.mem_mib = mem;
    return spec;
  };
  day.submit(of("bob", true, 9, 1));
  day.submit(of("ann", true, 2, 60));
  const JobId stopped = day.submit(of("ann", false, 1, 50));
  EXPECT_FALSE(day.started(stopped));
  JobSpec less = of("ann", true, 2, 10);
  less.priority = 1;
  day.submit(less);
  EXPECT_TRUE(day.started(stopped));
}

// Rules that were edited are there after a restart, and so is what is kept of them.
TEST(KeepQuotas, EditedRulesCountAfterARestart) {
  Day day("easy", {});
  EditQuotas edit;
  edit.actor = {0, true};
  edit.edit.put = {at_most({{"user", "ann"}}, 4)};
  day.desk().put(edit);
  day.desk().turn();
  day.desk().restart();
  day.desk().node_up("n1", 8);
  day.submit(sized(3, 50));
  const JobId first = day.submit(sized(4, 50)), next = day.submit(sized(1, 60));
  EXPECT_FALSE(day.started(next));
  day.pass_until(60);
  EXPECT_EQ(day.started(first), 50);
}

// Tries are counted: who is stopped is tried again when its own quota is freed, a few times at
// most, however many wait under others.
TEST(KeepQuotas, AnEndCostsByTheShapesThatWaitForItsQuota) {
  for (const char* policy : {"fcfs", "easy", "conservative", "priority+easy"}) {
    rm::QuotaRule each = at_most({{"user", "*"}}, 2);
    Day day(policy, {each});
    day.desk().node_up("n1", 200);
    constexpr int kUsers = 40, kJobs = 12;
    for (int n = 0; n < kJobs; ++n)
      for (int user = 0; user < kUsers; ++user)
        day.submit(sized(1 + n % 2, 100, "u" + std::to_string(user)));
    const std::uint64_t before = day.desk().controller.stats().placements_tried;
    day.pass_until(std::int64_t(100) * kJobs);
    const std::uint64_t tried = day.desk().controller.stats().placements_tried - before;
    EXPECT_EQ(day.desk().launches.size(), std::size_t(kUsers) * kJobs) << policy;
    EXPECT_LE(tried, 6u * kUsers * kJobs) << policy;
  }
}

// Others use its quota up to the time of its place; when it is tried meanwhile, it keeps both.
TEST(KeepQuotas, TheFirstKeepsItsPlaceWhileItsQuotaIsLent) {
  for (const char* policy : {"easy", "easy-sjbf", "conservative", "fifo+depth-k:2"}) {
    Day day(policy);
    day.desk().node_up("n1", 4);
    day.desk().node_up("n2", 4);
    day.submit(sized(3, 100, "bob"));
    day.submit(sized(3, 20, "bob"));
    JobSpec gang = sized(2, 100);
    gang.request.nodes = 2;
    const JobId first = day.submit(gang);
    const JobId lent = day.submit(sized(1, 30));
    ASSERT_EQ(day.started(lent), 0) << policy;
    const JobId behind = day.submit(sized(3, 1'000, "dan"));
    day.pass_until(2'000);
    EXPECT_EQ(day.started(first), 100) << policy;
    EXPECT_EQ(day.started(behind), 200) << policy;
  }
}

// Its place comes nearer, and it is tried once more while others have what it needs of licences.
TEST(KeepQuotas, TheFirstKeepsItsPlaceWhileItsLicencesAreLent) {
  for (const char* policy : {"easy", "easy-sjbf"}) {
    Day day(policy, {}, {{"l", 2}});
    day.desk().node_up("n1", 4);
    day.desk().node_up("n2", 4);
    day.desk().node_up("n3", 1);
    const auto licensed = [](std::int64_t cpus, std::int64_t limit_s, std::int64_t licences) {
      JobSpec spec = sized(cpus, limit_s);
      spec.request.licences = {{"l", licences}};
      return spec;
    };
    day.submit(sized(4, 100, "bob"));
    day.outlives(JobId{2}, -290);
    day.submit(sized(2, 300, "bob"));
    day.submit(sized(2, 80, "bob"));
    const JobId first = day.submit(licensed(4, 100, 2));
    const JobId lent = day.submit(licensed(1, 50, 1));
    ASSERT_EQ(day.started(lent), 0) << policy;
    const JobId behind = day.submit(sized(2, 1'000, "dan"));
    day.pass_until(2'000);
    EXPECT_EQ(day.started(first), 80) << policy;
    EXPECT_EQ(day.started(behind), 100) << policy;
  }
}

// Somebody else whom a quota stops comes before it meanwhile, and nodes had room for it before.
// Also where nobody else holds a place, and where licences are told of while jobs run.
TEST(KeepQuotas, ManyLicencesAreNotOvertakenForEver) {
  for (const char* policy :
       {"fcfs", "priority+none", "saf-guard:1h+none", "easy", "easy-sjbf", "conservative",
        "fifo+depth-k:3", "priority+easy", "saf-guard:1h+easy"})
    for (const bool told_later : {false, true}) {
      Day day(policy, {}, told_later ? rm::Counts{} : rm::Counts{{"l", 4}});
      day.desk().node_up("n1", 64);
      if (told_later) {
        day.submit(sized(1, 1'000));
        SetLicences told;
        told.totals = {{"l", 4}};
        day.desk().put(told);
        day.desk().turn();
      }
      const auto licensed = [](std::int64_t licences, std::int64_t limit_s) {
        JobSpec spec = sized(1, limit_s);
        spec.request.licences = {{"l", licences}};
        return spec;
      };
      day.submit(licensed(2, 100));
      day.pass_until(50);
      day.submit(licensed(2, 100));
      day.pass_until(60);
      const JobId large = day.submit(licensed(4, 50));
      for (std::int64_t i = 2; i <= 100; ++i) {
        day.pass_until(i * 50 - 10);
        day.submit(licensed(2, 100));
      }
      EXPECT_EQ(day.started(large), 150) << policy << (told_later ? ", told later" : "");
    }
}

// Whoever is behind it keeps what comes free after the place that it had. When somebody outlives
// his limit, that is no reason to put the first behind the other.
TEST(KeepQuotas, TheFirstIsNotPutBehindWhatIsKeptForALaterOne) {
  for (const char* policy : {"easy", "easy-sjbf"}) {
    Day day(policy, {at_most({{"user", "ann"}}, 4)}, {{"l", 1}});
    day.desk().node_up("n1", 8);
    JobSpec licensed = sized(1, 95, "bob");
    licensed.request.licences = {{"l", 1}};
    day.submit(licensed);
    licensed = sized(4, 70);
    licensed.request.licences = {{"l", 1}};
    const JobId first = day.submit(licensed);
    day.outlives(JobId{3}, 40);
    day.submit(sized(3, 90));
    day.submit(sized(2, 1'000));  // keeps its quota from 165 on
    day.pass_until(105);
    const JobId behind = day.submit(sized(5, 1'000, "dan"));
    day.pass_until(2'000);
    EXPECT_EQ(day.started(first), 130) << policy;
    EXPECT_EQ(day.started(behind), 200) << policy;
  }
}

TEST(KeepQuotas, TheFirstStartsWhenItsQuotaComesFreeEarly) {
  for (const char* policy : {"easy", "easy-sjbf"}) {
    Day day(policy, {at_most({{"user", "ann"}}, 4), at_most({{"user", "dan"}}, 4)});
    day.desk().node_up("n1", 4);
    day.desk().node_up("n2", 4);
    day.desk().node_up("n3", 2);
    day.submit(sized(4, 1'000, "dan"));
    day.submit(sized(4, 50, "bob"));
    const JobId first = day.submit(sized(3, 100));
    day.outlives(JobId{4}, 5);
    const JobId lent = day.submit(sized(2, 50));
    ASSERT_EQ(day.started(lent), 0) << policy;
    day.pass_until(52);
    JobSpec stopped = sized(4, 100, "dan");
    stopped.priority = 1;
    day.submit(stopped);
    day.pass_until(2'000);
    EXPECT_EQ(day.started(first), 55) << policy;
  }
}

// A place keeps the least of its quota; whoever comes first takes the whole node all the same.
TEST(KeepQuotas, WhoIsBehindDoesNotStopAWholeNodeInItsPlace) {
  Day day("conservative", {at_most({{"user", "ann"}}, 6)});
  day.desk().node_up("n1", 4);
  day.desk().node_up("n2", 4);
  day.submit(sized(4, 100, "bob"));
  day.submit(sized(4, 100, "bob"));
  JobSpec whole = sized(1, 100);
  whole.request.exclusive = true;
  const JobId first = day.submit(whole);
  const JobId behind = day.submit(sized(4, 100));
  day.pass_until(2'000);
  EXPECT_EQ(day.started(first), 100);
  EXPECT_EQ(day.started(behind), 200);
}

// Its place was for the first of its elements.
TEST(KeepQuotas, TheRestOfAnArrayKeepsNoPlaceWhenItsQuotaIsUsedUp) {
  Day day("easy", {at_most({{"user", "ann"}}, 3)});
  day.desk().node_up("n1", 4);
  day.desk().node_up("n2", 4);
  day.submit(sized(4, 50, "bob"));
  day.submit(sized(4, 60, "bob"));
  JobSpec array = sized(3, 100);
  array.is_array = true;
  array.array = IndexSet::from_runs({{0, 3, 1}});
  day.submit(array);
  JobSpec gang = sized(2, 100, "dan");
  gang.request.nodes = 2;
  const JobId wide = day.submit(gang);
  const JobId behind = day.submit(sized(4, 1'000, "bob"));
  day.pass_until(4'000);
  EXPECT_EQ(day.started(wide), 450);  // when the four are through
  EXPECT_EQ(day.started(behind), 550);
}

// What is kept for the gang is in the way of its place, which what guarantees keep forbids: that is
// found out once, not in every round of a pass.
TEST(KeepQuotas, WhoHasNoPlaceForAGuaranteeLooksForOneOnce) {
  for (const char* policy : {"conservative", "fifo+depth-k:4"}) {
    Day day(policy, {at_most({}, 17), at_most({{"user", "ann"}}, 6, 3)});
    day.desk().node_up("n1", 9);
    day.desk().node_up("n2", 6);
    day.desk().node_up("n3", 4);
    day.submit(sized(7, 1'000, "bob"));
    day.submit(sized(7, 100, "bob"));
    day.submit(sized(4, 500, "dan"));
    day.submit(sized(7, 100, "bob"));
    JobSpec gang = sized(6, 5'000, "carl");
    gang.request.nodes = 2;
    day.submit(gang);
    const std::uint64_t before = day.desk().controller.stats().rounds;
    day.submit(sized(1, 10, "eve"));
    EXPECT_LT(day.desk().controller.stats().rounds - before, 5u) << policy;
  }
}

// It comes after the first, and would have its quota for longer than until then.
TEST(KeepQuotas, WhoGoesOnTakesNothingOfAPlace) {
  for (const char* policy : {"easy", "easy-sjbf", "conservative", "fifo+depth-k:2"}) {
    Day day(policy, {at_most({{"user", "ann"}}, 4)}, {{"l", 1}});
    day.desk().node_up("n1", 8);
    JobSpec licensed = sized(1, 100, "bob");
    licensed.request.licences = {{"l", 1}};
    day.submit(licensed);
    licensed = sized(4, 50);
    licensed.request.licences = {{"l", 1}};
    const JobId first = day.submit(licensed);
    day.outlives(JobId{3}, 410);
    const JobId still = day.submit(sized(3, 90));
    ASSERT_EQ(day.started(still), 0) << policy;
    day.desk().started(day.desk().launches.back());
    day.pass_until(10);
    ASSERT_TRUE(day.desk().command(Verb::Suspend, still, {0, true}));
    day.pass_until(50);
    ASSERT_TRUE(day.desk().command(Verb::Resume, still, {0, true}));
    day.pass_until(140);
    EXPECT_EQ(day.started(first), 100) << policy;
    EXPECT_TRUE(day.desk().pauses.back().suspended) << policy;
    day.pass_until(160);
    EXPECT_FALSE(day.desk().pauses.back().suspended) << policy;
  }
}

// A larger node than the least one is charged more, and may be beyond what the first leaves.
TEST(KeepQuotas, AWholeNodeOfARangeTakesNoMoreThanIsLeft) {
  for (const char* policy : {"easy", "easy-sjbf", "conservative", "fifo+depth-k:2"}) {
    Day day(policy, {at_most({{"user", "ann"}}, 6)}, {{"l", 1}});
    day.desk().node_up("n1", 4);
    day.desk().node_up("n2", 6);
    day.desk().node_up("n3", 6);
    day.submit(sized(4, 5'000, "bob"));  // on the small one
    JobSpec licensed = sized(1, 50, "bob");
    licensed.request.licences = {{"l", 1}};
    day.submit(licensed);
    licensed = sized(2, 100);
    licensed.request.licences = {{"l", 1}};
    const JobId first = day.submit(licensed);
    JobSpec whole = sized(4, 1'000);
    whole.request.exclusive = true;
    whole.request.nodes_max = 2;
    whole.request.tasks = 4;
    const JobId behind = day.submit(whole);
    day.pass_until(2'000);
    EXPECT_EQ(day.started(first), 50) << policy;
    EXPECT_EQ(day.started(behind), 150) << policy;
  }
}

// What is kept is kept from all that he takes, not from the least that he asks for.
TEST(KeepQuotas, WhoMayHaveMoreNodesTakesNoMoreThanIsLeft) {
  Day day("easy");
  for (const char* node : {"n1", "n2", "n3"}) day.desk().node_up(node, 4);
  day.submit(sized(2, 100));
  const JobId first = day.submit(sized(3, 100));
  JobSpec elastic = sized(1, 1'000);
  elastic.request.nodes_max = 2;
  const JobId beside = day.submit(elastic);
  EXPECT_EQ(day.started(beside), 0);
  day.pass_until(2'000);
  EXPECT_EQ(day.started(first), 100);
}

}  // namespace
}  // namespace drover::sched
