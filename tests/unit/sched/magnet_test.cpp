// tests/unit/sched/magnet_test.cpp - magnetic reservations: who is drawn in, when, and who is not.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tests/unit/sched/desk.hpp"

namespace drover::sched {
namespace {

struct Magnet : testing::TestWithParam<const char*> {
  Magnet() : desk(config()) {
    desk.node_up("n1", 4);
    desk.node_up("n2", 4);
  }
  static ControllerConfig config() {
    ControllerConfig config;
    config.policy = parse_policy(GetParam()).value();
    return config;
  }
  Reservation course(std::int64_t start_s, std::int64_t length_s) const {
    Reservation made;
    made.name = "course";
    made.start = desk.now.wall + seconds(start_s);
    made.length = seconds(length_s);
    made.users = {"ann"};
    made.accounts = {"physics"};
    made.nodes = {{"n1", true, {}}};
    made.magnetic = true;
    return made;
  }
  Result<Done> put(const Reservation& made) {
    desk.put(PutReservation{ReplyToken{1}, {0, true}, made, 0, false, false});
    desk.turn();
    return desk.last_reply();
  }
  JobSpec job(std::int64_t limit_s, std::string user, std::int64_t cpus = 4) const {
    JobSpec spec = Desk::spec(std::move(user), cpus);
    spec.time_limit = seconds(limit_s);
    return spec;
  }
  std::string nodes_of(JobId job) const {
    std::string names;
    for (const auto& [id, task] : desk.table.tasks)
      if (id.job == job && task.lease) names += task.node;
    return names;
  }
  std::uint64_t running() const { return desk.controller.reservations().at(0).jobs_running; }
  std::string why(JobId job) { return desk.controller.why(job, {}, desk.now)->text; }
  void pass(std::int64_t s) {
    desk.pass(seconds(s));
    desk.turn();
  }
  Desk desk;
};

TEST_P(Magnet, ItsUsersRunInsideWithoutNamingIt) {
  ASSERT_TRUE(put(course(0, 100)));
  EXPECT_EQ(nodes_of(desk.accept(job(1000, "bob"))), "n2");
  const JobId bobs = desk.accept(job(50, "bob"));
  EXPECT_EQ(nodes_of(bobs), "");
  const JobId anns = desk.accept(job(50, "ann"));
  EXPECT_EQ(nodes_of(anns), "n1");
  EXPECT_EQ(running(), 1u);
  const JobId next = desk.accept(job(50, "ann"));
  EXPECT_EQ(nodes_of(next), "");
  EXPECT_NE(why(bobs).find("nodes have room now"), 0u);
  desk.ended(desk.launches[1]);
  EXPECT_EQ(nodes_of(next), "n1");
  EXPECT_EQ(nodes_of(bobs), "");
}

TEST_P(Magnet, AnAccountIsEnough) {
  ASSERT_TRUE(put(course(0, 100)));
  ASSERT_EQ(nodes_of(desk.accept(job(1000, "bob"))), "n2");
  JobSpec other = job(50, "bob");
  other.labels["account"] = "chemistry";
  EXPECT_EQ(nodes_of(desk.accept(other)), "");
  other.labels["account"] = "physics";
  EXPECT_EQ(nodes_of(desk.accept(other)), "n1");
}

TEST_P(Magnet, OutsideComesFirst) {
  ASSERT_TRUE(put(course(0, 100)));
  EXPECT_EQ(nodes_of(desk.accept(job(50, "ann"))), "n2");
  EXPECT_EQ(nodes_of(desk.accept(job(50, "ann"))), "n1");
}

TEST_P(Magnet, WhatWouldNotEndInTimeStaysOutside) {
  ASSERT_TRUE(put(course(0, 100)));
  ASSERT_EQ(nodes_of(desk.accept(job(1000, "bob"))), "n2");
  const JobId late = desk.accept(job(101, "ann"));
  EXPECT_EQ(nodes_of(late), "");
  EXPECT_NE(why(late).find("which it may use without naming it, but its time limit does not end"),
            std::string::npos)
      << why(late);
  const JobId endless = desk.accept(job(0, "ann"));
  EXPECT_EQ(nodes_of(endless), "");
  EXPECT_EQ(nodes_of(desk.accept(job(100, "ann"))), "n1");
}

TEST_P(Magnet, BeforeItBeginsNobodyIsDrawn) {
  ASSERT_TRUE(put(course(50, 100)));
  ASSERT_EQ(nodes_of(desk.accept(job(1000, "bob"))), "n2");
  const JobId anns = desk.accept(job(80, "ann"));
  EXPECT_EQ(nodes_of(anns), "") << "it would reach into it from outside";
  pass(50);
  EXPECT_EQ(nodes_of(anns), "n1");
}

TEST_P(Magnet, ThoseWhoNameItGoFirst) {
  ASSERT_TRUE(put(course(10, 100)));
  ASSERT_EQ(nodes_of(desk.accept(job(1000, "bob"))), "n2");
  const JobId drawn = desk.accept(job(40, "ann"));
  JobSpec named = job(30, "ann");
  named.reservation = "course";
  const JobId ours = desk.accept(named);
  pass(10);
  EXPECT_EQ(nodes_of(ours), "n1");
  EXPECT_EQ(nodes_of(drawn), "");
  desk.ended(desk.launches[1]);
  EXPECT_EQ(nodes_of(drawn), "n1");
}

TEST_P(Magnet, WhenItIsRemovedWhatRunsIsAnybodys) {
  ASSERT_TRUE(put(course(0, 100)));
  ASSERT_EQ(nodes_of(desk.accept(job(1000, "bob"))), "n2");
  const JobId drawn = desk.accept(job(40, "ann", 2));
  ASSERT_EQ(nodes_of(drawn), "n1");
  desk.put(RemoveReservation{ReplyToken{1}, {0, true}, "course"});
  desk.turn();
  EXPECT_EQ(nodes_of(desk.accept(job(1000, "bob", 2))), "n1");
  EXPECT_EQ(nodes_of(desk.accept(job(1000, "bob", 1))), "") << "nothing is given twice";
  desk.ended(desk.launches[1]);
}

TEST_P(Magnet, ChangedUnderWhatItHasDrawnItGivesNothingTwice) {
  ASSERT_TRUE(put(course(0, 100)));
  ASSERT_EQ(nodes_of(desk.accept(job(1000, "bob"))), "n2");
  ASSERT_EQ(nodes_of(desk.accept(job(40, "ann", 2))), "n1");
  ASSERT_TRUE(put(course(0, 200)));
  EXPECT_EQ(nodes_of(desk.accept(job(150, "ann", 2))), "n1");
  EXPECT_EQ(nodes_of(desk.accept(job(40, "ann", 1))), "");
  pass(200);
  EXPECT_TRUE(desk.table.reservations.empty());
}

TEST_P(Magnet, ARestartForgetsNobody) {
  ASSERT_TRUE(put(course(0, 100)));
  ASSERT_EQ(nodes_of(desk.accept(job(1000, "bob"))), "n2");
  const JobId drawn = desk.accept(job(40, "ann", 2));
  const Launch was = desk.launches.back();
  desk.restart();
  desk.node_up("n2", 4, "b1", {{desk.launches[0].id}});
  desk.node_up("n1", 4, "b1", {{was.id}});
  EXPECT_EQ(nodes_of(drawn), "n1");
  EXPECT_EQ(nodes_of(desk.accept(job(40, "ann", 2))), "n1");
  EXPECT_EQ(nodes_of(desk.accept(job(40, "ann", 2))), "");
}

TEST_P(Magnet, ElementsAreDrawnOneByOne) {
  ASSERT_TRUE(put(course(0, 100)));
  ASSERT_EQ(nodes_of(desk.accept(job(1000, "bob"))), "n2");
  JobSpec array = Desk::array(5);
  array.time_limit = seconds(50);
  const JobId job = desk.accept(array);
  EXPECT_EQ(nodes_of(job), "n1n1n1n1");
  EXPECT_EQ(running(), 1u);
  desk.ended(desk.launches[1]);
  desk.ended(desk.launches[2]);
  EXPECT_EQ(desk.launches.size(), 7u);
}

TEST_P(Magnet, MaintenanceDrawsNobody) {
  Reservation upkeep = course(0, 100);
  upkeep.maintenance = true;
  const auto refused = put(upkeep);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().field, "magnetic");
}

INSTANTIATE_TEST_SUITE_P(Policies, Magnet,
                         testing::Values("easy", "priority+easy", "conservative",
                                         "fifo+depth-k:2"));

}  // namespace
}  // namespace drover::sched
