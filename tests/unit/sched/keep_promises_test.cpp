// tests/unit/sched/keep_promises_test.cpp - promises among partitions: kept, and settled in a few
// rounds of a pass.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "day.hpp"

namespace drover::sched {
namespace {

struct Wish {
  std::int64_t at = 0;
  const char* partition = "one";
  std::int64_t cpus = 1, limit_s = 0;
  const char* user = "bob";
  std::int64_t outlives_s = 0, licences = 0;
  std::int32_t priority = 0;
  std::int64_t nodes = 1;
};

class Promises : public testing::Test {
 protected:
  static JobId put(Day& day, const Wish& wish) {
    day.pass_until(wish.at);
    JobSpec spec = sized(wish.cpus, wish.limit_s, wish.user);
    spec.labels["partition"] = wish.partition;
    spec.priority = wish.priority;
    spec.request.nodes = wish.nodes;
    if (wish.licences > 0) spec.request.licences = {{"l", wish.licences}};
    const JobId next{day.desk().controller.stats().submitted + 1};
    if (wish.outlives_s != 0) day.outlives(next, wish.outlives_s);
    return day.submit(spec);
  }
  // No pass on the way needs many rounds, and all start.
  static void settles(Day& day, const std::vector<Wish>& wishes, std::int64_t until) {
    Stats before = day.desk().controller.stats();
    const auto check = [&](std::int64_t at) {
      const Stats after = day.desk().controller.stats();
      EXPECT_LE(after.rounds - before.rounds, 20 * (after.turns - before.turns)) << "at " << at;
      before = after;
    };
    for (const Wish& wish : wishes) {
      day.pass_until(wish.at);
      check(wish.at);
      put(day, wish);
      check(wish.at);
    }
    for (std::int64_t t = wishes.back().at; t <= until; t += 20) {
      day.pass_until(t);
      check(t);
    }
    for (std::size_t i = 0; i < wishes.size(); ++i)
      EXPECT_TRUE(day.started(JobId{i + 1}).has_value()) << "job " << i + 1;
  }
};

// Nobody outlives a limit: who was first once, and gave his place to one before him, waits for it
// in his own partition, and nobody in another starts after his promise for that.
TEST_F(Promises, WhoGaveHisPlaceUpWasNotPutOff) {
  for (const char* policy : {"fifo+easy", "fifo+depth-k:1"})
    for (const int others : {2, 10}) {
      Day day(Day::Orders{policy, "fifo+conservative"});
      day.desk().node_up("n1", 8);
      put(day, {0, "one", 8, 100});
      for (int i = 0; i < others; ++i)
        put(day, {.at = 10 + i, .partition = "one", .cpus = 8, .limit_s = 100, .priority = i});
      const JobId promised = put(day, {30, "two", 8, 100});
      day.pass_until(3'000);
      EXPECT_EQ(day.started(promised), 200) << policy << ", " << others;
    }
}

// Somebody before him starts, and he keeps what he needs of a quota from later on: others have
// been promised their places.
TEST_F(Promises, WhatIsKeptLaterForOthersBreaksNone) {
  Day day(Day::Policies{{"priority+easy", "priority+conservative", "fifo+conservative"}, {}},
          {at_most({{"user", "ann"}}, 4), at_most({}, 10)});
  day.all_end_in_time();
  day.desk().node_up("n1", 8);
  day.desk().node_up("n2", 8);
  put(day, {15, "three", 3, 80, "ann"});
  put(day, {30, "one", 3, 40, "ann"});
  put(day, {60, "two", 2, 80});
  put(day, {97, "one", 8, 40});
  const JobId promised = put(day, {100, "two", 7, 80});
  put(day, {130, "three", 2, 80, "ann"});
  for (std::int64_t t = 131; t < 400; ++t) day.pass_until(t);
  EXPECT_LE(day.started(promised).value_or(999), 175);
}

// Who has to move for what is kept of a quota was not put off by anybody's lateness.
TEST_F(Promises, WhoMovesForAQuotaPushesNobody) {
  for (const bool is_asked_for : {false, true}) {
    Day day(Day::Policies{{"fcfs", "fifo+easy", "fifo+conservative"}, {1, 0, 0}},
            {at_most({{"user", "ann"}}, 4)});
    day.all_end_in_time();
    day.desk().node_up("n1", 8);
    day.desk().node_up("n2", 8);
    put(day, {0, "three", 8, 100});
    put(day, {0, "three", 8, 20});
    put(day, {.at = 5, .partition = "two", .cpus = 2, .limit_s = 100, .user = "ann", .nodes = 2});
    const JobId promised = put(
        day, {.at = 6, .partition = "three", .cpus = 8, .limit_s = 100, .user = "dan", .nodes = 2});
    put(day, {21, "three", 4, 75, "ann"});
    day.pass_until(30);
    if (is_asked_for) put(day, {30, "one", 4, 100, "ann"});
    for (std::int64_t t = 31; t < 800; ++t) day.pass_until(t);
    EXPECT_LE(day.started(promised).value_or(999), 200);
  }
}

// The first of an easy partition has to move for what is kept of a quota: until he has another
// place his old one is in nobody's way.
TEST_F(Promises, WhoMovesForAQuotaIsInNobodysWay) {
  Day day(Day::Policies{{"fifo+easy-sjbf", "priority+conservative", "saf-guard:200s+easy"}, {}},
          {at_most({{"user", "ann"}}, 4), at_most({}, 10)});
  day.all_end_in_time();
  day.desk().node_up("n1", 8);
  day.desk().node_up("n2", 8);
  const std::vector<Wish> before = {
      {0, "two", 7, 100},           {0, "two", 5, 20},          {0, "three", 4, 60, "ann"},
      {0, "two", 2, 120, "ann"},    {0, "one", 5, 120},         {107, "three", 2, 40, "ann"},
      {120, "three", 1, 20, "ann"}, {139, "two", 1, 80, "ann"}, {156, "three", 5, 60},
      {166, "two", 7, 20},          {175, "one", 5, 120},       {190, "one", 2, 20, "ann"}};
  for (const Wish& wish : before) put(day, wish);
  const JobId promised = put(day, {215, "two", 4, 100, "ann"});
  for (std::int64_t t = 216; t < 500; ++t) day.pass_until(t);
  EXPECT_LE(day.started(promised).value_or(999), 300);
}

// What is kept of a quota for somebody in another partition is laid anew when one before him
// starts, also while he is looked at again himself: it leaves others the places that they have.
TEST_F(Promises, WhatIsKeptOfAQuotaMakesRoomAtOnce) {
  Day day(Day::Policies{{"priority+none", "fifo+easy", "priority+conservative"}, {}},
          {at_most({{"user", "ann"}}, 4), at_most({}, 10)}, {{"l", 3}});
  day.all_end_in_time();
  day.desk().node_up("n1", 8);
  day.desk().node_up("n2", 8);
  const std::vector<Wish> before = {
      {80, "one", 4, 40, "ann"},        {91, "two", 3, 60, "ann"},
      {131, "two", 2, 80, "ann"},       {149, "three", 4, 60, "ann", 0, 3},
      {172, "two", 4, 40, "ann"},       {187, "one", 1, 60, "ann"},
      {222, "one", 4, 120, "ann"},      {261, "one", 2, 60, "ann"},
      {352, "two", 2, 120, "ann", 0, 3}};
  for (const Wish& wish : before) put(day, wish);
  const JobId promised = put(day, {432, "three", 1, 20, "ann", 0, 2});
  put(day, {476, "two", 1, 40, "bob", 0, 2});
  for (std::int64_t t = 477; t < 700; ++t) day.pass_until(t);
  EXPECT_LE(day.started(promised).value_or(999), 480);
}

// No clock wakes anybody at the very moment: who starts a little late has his place all the same,
// although he will end a little late for the place that is right behind his.
TEST_F(Promises, AreKeptALittleLate) {
  Day day(Day::Policies{{"fifo+conservative", "priority+none"}, {}},
          {at_most({{"user", "ann"}}, 4)}, {{"l", 3}});
  day.all_end_in_time();
  for (const char* node : {"n1", "n2", "n3"}) day.desk().node_up(node, 8);
  const std::vector<Wish> before = {{95, "two", 4, 40, "ann", 0, 1},
                                    {130, "two", 1, 100, "ann", 0, 1},
                                    {190, "one", 2, 120, "ann", 0, 1},
                                    {202, "two", 4, 100, "ann"},
                                    {244, "one", 8, 120},
                                    {269, "one", 3, 60, "bob", 0, 3},
                                    {293, "one", 4, 120, "ann", 0, 3},
                                    {357, "one", 1, 120, "ann"},
                                    {451, "two", 3, 40, "ann", 0, 3},
                                    {456, "two", 7, 20, "bob", 0, 3}};
  for (const Wish& wish : before) put(day, wish);
  const JobId promised = put(day, {489, "one", 2, 80, "ann", 0, 2});
  for (std::int64_t t = 490; t < 800; ++t) day.pass_until(t);
  EXPECT_LE(day.started(promised).value_or(999), 510);
}

// A job that fits at no time known stands in front of the first who does.
TEST_F(Promises, BehindOneWithoutAPlaceTheNextIsTheFirst) {
  for (const char* policy : {"fifo+conservative", "fifo+depth-k:3", "fifo+easy"}) {
    Day day(Day::Policies{{"fifo+easy", policy}, {}}, {});
    day.desk().node_up("n1", 8);
    day.desk().node_up("n2", 16);
    const NodeId down = day.desk().controller.resources().nodes()[1].id;
    day.desk().put(NodeDown{down, SessionId{day.desk().sessions}});
    day.desk().turn();
    put(day, {0, "one", 8, 100, "bob", 30});
    put(day, {0, "two", 16, 100});
    const JobId alone = put(day, {0, "two", 8, 100});
    for (std::int64_t t = 50; t < 3'000; t += 50) put(day, {t, "one", 8, 100, "ann", 30});
    EXPECT_LE(day.started(alone).value_or(9'999), 300) << policy;
  }
}

// The order inside one partition and the promises between two make a circle.
TEST_F(Promises, ACircleIsCutInAPass) {
  Day day(Day::Policies{{"saf-guard:200s+easy", "priority+conservative"}, {}}, {});
  day.desk().node_up("n1", 8);
  settles(day,
          {{0, "one", 8, 120, "bob", 38},
           {15, "one", 4, 80, "ann"},
           {29, "two", 2, 40, "bob", 74},
           {39, "two", 2, 60},
           {43, "two", 5, 60, "ann"},
           {47, "two", 3, 100},
           {77, "two", 1, 80, "ann"},
           {88, "one", 5, 120},
           {95, "two", 6, 60, "ann"},
           {104, "one", 1, 60, "bob", 18}},
          900);
}

// A job is stopped by a quota in one round and by licences in the next, and what it keeps of the
// quota moves another one's place to and fro.
TEST_F(Promises, AQuotaAndLicencesDoNotGoRound) {
  Day day(Day::Policies{{"fifo+easy", "priority+easy"}, {}}, {at_most({{"user", "ann"}}, 4)},
          {{"l", 3}});
  day.all_end_in_time();
  day.desk().node_up("n1", 8);
  settles(day,
          {{10, "two", 4, 80, "ann"},
           {10, "one", 5, 80},
           {30, "one", 7, 40},
           {50, "two", 2, 40, "ann"},
           {60, "two", 7, 60},
           {70, "two", 4, 100, "ann", 0, 1},
           {110, "one", 3, 80, "ann", 0, 2}},
          900);
}

}  // namespace
}  // namespace drover::sched
