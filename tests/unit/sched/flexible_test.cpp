// tests/unit/sched/flexible_test.cpp - flexible reservations: before, after and beside them.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/sched/desk.hpp"

namespace drover::sched {
namespace {

struct Flexible : testing::TestWithParam<const char*> {
  Flexible() : desk(config()) {
    desk.node_up("n1", 4);
    desk.node_up("n2", 4);
  }
  static ControllerConfig config() {
    ControllerConfig config;
    config.policy = parse_policy(GetParam()).value();
    return config;
  }
  Reservation lab(std::int64_t start_s, std::int64_t length_s) const {
    Reservation made;
    made.name = "lab";
    made.start = desk.now.wall + seconds(start_s);
    made.length = seconds(length_s);
    made.users = {"ann"};
    made.nodes = {{"n1", true, {}}};
    made.flexible = true;
    return made;
  }
  Result<Done> put(const Reservation& made) {
    desk.put(PutReservation{ReplyToken{1}, {0, true}, made, 0, false, false});
    desk.turn();
    return desk.last_reply();
  }
  JobSpec ours(std::int64_t limit_s, std::int64_t cpus = 4) const {
    JobSpec spec = Desk::spec("ann", cpus);
    spec.time_limit = seconds(limit_s);
    spec.reservation = "lab";
    return spec;
  }
  JobSpec bobs(std::int64_t limit_s, std::int64_t cpus = 4) const {
    JobSpec spec = Desk::spec("bob", cpus);
    spec.time_limit = seconds(limit_s);
    return spec;
  }
  std::string nodes_of(JobId job) const {
    std::string names;
    for (const auto& [id, task] : desk.table.tasks)
      if (id.job == job && task.lease) names += task.node;
    return names;
  }
  std::string why(JobId job) { return desk.controller.why(job, {}, desk.now)->text; }
  void pass(std::int64_t s) {
    desk.pass(seconds(s));
    desk.turn();
  }
  Desk desk;
};

TEST_P(Flexible, ItsJobsWaitForNothing) {
  ASSERT_TRUE(put(lab(100, 50)));
  EXPECT_NE(nodes_of(desk.accept(ours(1000))), "") << "before it and beyond its end";
  EXPECT_NE(nodes_of(desk.accept(ours(0))), "") << "on the other node as well";
  const JobId next = desk.accept(ours(10));
  EXPECT_EQ(nodes_of(next), "");
  EXPECT_NE(why(next).find("none of 2 nodes has room now"), std::string::npos) << why(next);
}

TEST_P(Flexible, OthersStayOutInItsTime) {
  ASSERT_TRUE(put(lab(100, 50)));
  ASSERT_EQ(nodes_of(desk.accept(bobs(1000))), "n2");
  const JobId out = desk.accept(bobs(101));
  EXPECT_EQ(nodes_of(out), "");
  EXPECT_EQ(nodes_of(desk.accept(bobs(100))), "n1");
  const JobId waits = desk.accept(ours(20));
  EXPECT_EQ(nodes_of(waits), "");
  pass(100);
  desk.ended(desk.launches[1]);
  EXPECT_EQ(nodes_of(waits), "n1");
  EXPECT_EQ(nodes_of(out), "");
}

TEST_P(Flexible, BeforeItTheyQueueForWhatIsEverybodys) {
  ASSERT_TRUE(put(lab(100, 50)));
  ASSERT_EQ(nodes_of(desk.accept(bobs(1000))), "n2");
  ASSERT_EQ(nodes_of(desk.accept(bobs(30))), "n1");
  const JobId waits = desk.accept(ours(500));
  EXPECT_EQ(nodes_of(waits), "");
  desk.ended(desk.launches[1]);
  EXPECT_EQ(nodes_of(waits), "n1");
  pass(200);
  EXPECT_TRUE(desk.table.reservations.empty());
  const JobId after = desk.accept(bobs(10));
  EXPECT_EQ(nodes_of(after), "") << "what runs beyond its end has its node";
  desk.ended(desk.launches[2]);
  EXPECT_EQ(nodes_of(after), "n1");
}

TEST_P(Flexible, ItsRightsAreStillWeighed) {
  ASSERT_TRUE(put(lab(100, 50)));
  JobSpec wrong = bobs(10);
  wrong.reservation = "lab";
  EXPECT_EQ(desk.submit(wrong).error().code, Errc::Denied);
}

TEST_P(Flexible, WhatContradictsIsRefused) {
  Reservation upkeep = lab(0, 100);
  upkeep.maintenance = true;
  EXPECT_EQ(put(upkeep).error().field, "flexible");
}

TEST_P(Flexible, WithAPartOfANodeBothPartsAreTheirs) {
  Reservation part = lab(0, 100);
  part.nodes = {{"n1", false, {}}};
  part.nodes[0].amounts[rm::Kind::CpuMilli] = 3000;
  ASSERT_TRUE(put(part));
  ASSERT_EQ(nodes_of(desk.accept(bobs(1000))), "n2");
  EXPECT_EQ(nodes_of(desk.accept(ours(500, 4))), "n1") << "three of its own and one of everybody's";
  EXPECT_EQ(nodes_of(desk.accept(bobs(10, 1))), "") << "nothing is given twice";
}

TEST_P(Flexible, ADailyOneAndARestart) {
  Reservation daily = lab(100, 50);
  daily.repeat = Repeat::Daily;
  ASSERT_TRUE(put(daily));
  ASSERT_EQ(nodes_of(desk.accept(bobs(200'000))), "n2");
  const JobId runs = desk.accept(ours(100'000, 2));
  ASSERT_EQ(nodes_of(runs), "n1");
  desk.restart();
  desk.node_up("n2", 4, "b1", {{desk.launches[0].id}});
  desk.node_up("n1", 4, "b1", {{desk.launches[1].id}});
  EXPECT_EQ(nodes_of(desk.accept(ours(100'000, 2))), "n1");
  const JobId waits = desk.accept(bobs(90, 1));
  EXPECT_EQ(nodes_of(waits), "");
  for (int i = 0; i < 3; ++i) pass(43'200);
  EXPECT_EQ(desk.table.reservations.size(), 1u);
  Launch known = desk.launches[1];
  known.session = SessionId{desk.sessions};
  desk.ended(known);
  EXPECT_EQ(nodes_of(waits), "n1") << "between two of its days";
}

TEST_P(Flexible, RemovedItLetsNobodyIn) {
  ASSERT_TRUE(put(lab(100, 50)));
  ASSERT_EQ(nodes_of(desk.accept(bobs(1000))), "n2");
  ASSERT_EQ(nodes_of(desk.accept(bobs(90))), "n1");
  const JobId waits = desk.accept(ours(20));
  desk.put(RemoveReservation{ReplyToken{1}, {0, true}, "lab"});
  desk.turn();
  desk.ended(desk.launches[1]);
  EXPECT_EQ(nodes_of(waits), "");
  EXPECT_EQ(why(waits), "reservation lab is over or was removed");
  ASSERT_TRUE(put(lab(1000, 50)));
  EXPECT_EQ(nodes_of(waits), "n1") << "there is one of that name again";
}

INSTANTIATE_TEST_SUITE_P(Policies, Flexible,
                         testing::Values("easy", "priority+easy", "conservative",
                                         "fifo+depth-k:2"));

}  // namespace
}  // namespace drover::sched
