// tests/unit/sched/reserve_test.cpp - reservations at work: who gets in, who stays out, and when.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/sched/desk.hpp"

namespace drover::sched {
namespace {

struct Reserve : testing::TestWithParam<const char*> {
  explicit Reserve(ControllerConfig with = {}) : desk(std::move(with)) {
    desk.node_up("n1", 4);
    desk.node_up("n2", 4);
  }
  Time in(std::int64_t s) const { return desk.now.wall + seconds(s); }
  // For ann, from so many seconds from now on.
  Reservation lecture(std::int64_t start_s, std::int64_t length_s,
                      std::vector<std::string> nodes = {"n1"}) const {
    Reservation made;
    made.name = "lecture";
    made.start = in(start_s);
    made.length = seconds(length_s);
    made.users = {"ann"};
    for (std::string& node : nodes) made.nodes.push_back({std::move(node), true, {}});
    return made;
  }
  Result<Done> put(const Reservation& made, bool ignore_jobs = false, std::uint32_t count = 0) {
    desk.put(PutReservation{ReplyToken{1}, {0, true}, made, count, ignore_jobs, false});
    desk.turn();
    return desk.last_reply();
  }
  Result<Done> remove(const std::string& name) {
    desk.put(RemoveReservation{ReplyToken{1}, {0, true}, name});
    desk.turn();
    return desk.last_reply();
  }
  JobSpec job(std::int64_t limit_s, std::string user = "bob", std::int64_t cpus = 4) const {
    JobSpec spec = Desk::spec(std::move(user), cpus);
    spec.time_limit = seconds(limit_s);
    return spec;
  }
  JobSpec inside(std::int64_t limit_s, std::int64_t cpus = 4) const {
    JobSpec spec = job(limit_s, "ann", cpus);
    spec.reservation = "lecture";
    return spec;
  }
  void pass(std::int64_t s) {
    desk.pass(seconds(s));
    desk.turn();
  }
  std::string nodes_of(JobId job) const {
    std::string names;
    for (const auto& [id, task] : desk.table.tasks)
      if (id.job == job && task.lease) names += task.node;
    return names;
  }
  std::string why(JobId job) { return desk.controller.why(job, {}, desk.now)->text; }
  std::vector<Obstacle> in_the_way(JobId job) {
    return desk.controller.look_at(job, {}, desk.now)->why.in_the_way;
  }

  Desk desk;
};

ControllerConfig with_policy(const char* policy) {
  ControllerConfig config;
  config.policy = parse_policy(policy).value();
  return config;
}

struct ReserveByPolicy : Reserve {
  ReserveByPolicy() : Reserve(with_policy(GetParam())) {}
};

// Nobody planned ahead before there was a reservation.
struct ReserveFcfs : Reserve {
  ReserveFcfs() : Reserve(with_policy("fcfs")) {}
};

TEST_F(ReserveFcfs, ARaisedLimitOfWhatRunsCounts) {
  ASSERT_TRUE(put(lecture(10'000, 50)));
  JobId last{};
  for (int n = 0; n < 3; ++n) last = desk.accept(job(100));  // the third waits for a node
  ASSERT_EQ(desk.launches.size(), 2u);
  for (const Launch& launch : desk.launches) {
    desk.started(launch);
    Alter in;
    in.reply = ReplyToken{1};
    in.actor = {0, true};
    in.job = launch.id.task.job;
    in.before = desk.table.specs.at(in.job);
    JobSpec after = *in.before;
    after.time_limit = seconds(500);
    in.after = std::make_shared<const JobSpec>(std::move(after));
    desk.put(std::move(in));
    desk.turn();
    ASSERT_TRUE(desk.last_reply());
  }
  EXPECT_EQ(desk.controller.when(last, desk.now)->start, in(500));
}

TEST_P(ReserveByPolicy, OthersMayUseItsNodesOnlyIfTheyEndBefore) {
  ASSERT_TRUE(put(lecture(100, 50, {"n1", "n2"})));
  const JobId shorter = desk.accept(job(100));
  EXPECT_EQ(desk.launches.size(), 1u);
  const JobId longer = desk.accept(job(101));
  EXPECT_EQ(desk.launches.size(), 1u);
  const auto said = desk.controller.look_at(longer, {}, desk.now)->why;
  EXPECT_EQ(said.reason, Reason::Reservation);
  EXPECT_NE(said.text.find("reservation lecture begins there at 1970-01-01T00:18:20Z"),
            std::string::npos)
      << said.text;
  EXPECT_NE(said.hint.find("at most 00:01:40"), std::string::npos) << said.hint;
  desk.ended(desk.launches[0]);
  EXPECT_EQ(desk.launches.size(), 1u) << "its node is free, and it may not have it";
  EXPECT_EQ(desk.state(shorter), JobState::Succeeded);
  pass(100);
  pass(49);
  EXPECT_EQ(desk.launches.size(), 1u);
  pass(1);
  EXPECT_EQ(nodes_of(longer), "n1");
}

TEST_P(ReserveByPolicy, OneWithoutATimeLimitNeverGetsIn) {
  ASSERT_TRUE(put(lecture(100'000, 50)));
  const JobId first = desk.accept(job(0));
  EXPECT_EQ(nodes_of(first), "n2");
  const JobId second = desk.accept(job(0));
  EXPECT_EQ(nodes_of(second), "");
  EXPECT_NE(why(second).find("has no time limit"), std::string::npos) << why(second);
}

TEST_P(ReserveByPolicy, ThoseInsideRunThereAndNowhereElse) {
  ASSERT_TRUE(put(lecture(100, 50)));
  const JobId ours = desk.accept(inside(20));
  EXPECT_EQ(desk.launches.size(), 0u);
  EXPECT_EQ(desk.reason(ours), Reason::Reservation);
  EXPECT_EQ(why(ours), "waits for reservation lecture, which begins at 1970-01-01T00:18:20Z");
  EXPECT_EQ(*desk.controller.next_timer(desk.now), desk.now.mono + seconds(100));
  pass(100);
  EXPECT_EQ(nodes_of(ours), "n1");
  const JobId next = desk.accept(inside(20));
  EXPECT_EQ(nodes_of(next), "") << "n2 is free, and not reserved";
  const JobId other = desk.accept(job(1000));
  EXPECT_EQ(nodes_of(other), "n2");
  pass(20);
  desk.ended(desk.launches[0]);
  EXPECT_EQ(nodes_of(next), "n1");
}

TEST_P(ReserveByPolicy, InsideTheLimitMustFitBeforeTheEnd) {
  ASSERT_TRUE(put(lecture(0, 50)));
  pass(31);
  const JobId late = desk.accept(inside(20));
  EXPECT_EQ(nodes_of(late), "");
  EXPECT_NE(why(late).find("does not end before reservation lecture does"), std::string::npos)
      << why(late);
  const JobId short_one = desk.accept(inside(19));
  ASSERT_EQ(nodes_of(short_one), "n1");
  desk.ended(desk.launches[0]);
  pass(19);
  EXPECT_TRUE(desk.table.reservations.empty()) << "it is over";
  EXPECT_EQ(why(late), "reservation lecture is over or was removed");
  EXPECT_EQ(desk.state(late), JobState::Scheduled);
}

TEST_P(ReserveByPolicy, ADailyOneComesAgain) {
  Reservation daily = lecture(100, 3600);
  daily.repeat = Repeat::Daily;
  daily.nodes.push_back({"n2", true, {}});
  ASSERT_TRUE(put(daily));
  EXPECT_EQ(nodes_of(desk.accept(job(86'400))), "") << "no day is so long";
  const JobId day = desk.accept(job(86'400 - 3600));
  EXPECT_EQ(nodes_of(day), "") << "it would not end before the first time";
  const JobId twice = desk.accept(inside(3000));
  pass(100);
  EXPECT_EQ(nodes_of(twice), "n1");
  desk.ended(desk.launches[0]);
  const JobId tomorrow = desk.accept(inside(3600));
  EXPECT_EQ(nodes_of(tomorrow), "n1");
  desk.ended(desk.launches[1]);
  pass(100);
  const JobId late = desk.accept(inside(3600));
  pass(3500);
  EXPECT_EQ(nodes_of(late), "");
  // The first in order never fits: without backfill it blocks.
  const bool fills = desk.config.policy.backfill != Backfill::None;
  EXPECT_EQ(nodes_of(day), fills ? "n1" : "");
  pass(86'400 - 3600);
  if (fills) desk.ended(desk.launches[2]);
  pass(0);
  EXPECT_NE(nodes_of(late), "");
}

TEST_P(ReserveByPolicy, PartsOfANodeLeaveTheRestToOthers) {
  Reservation part = lecture(100, 50);
  part.nodes[0].whole = false;
  part.nodes[0].amounts[rm::Kind::CpuMilli] = 3000;
  ASSERT_TRUE(put(part));
  const JobId wide = desk.accept(job(1000));
  EXPECT_EQ(nodes_of(wide), "n2");
  const JobId small = desk.accept(job(1000, "bob", 1));
  EXPECT_EQ(nodes_of(small), "n1");
  const JobId two = desk.accept(inside(50, 2));
  const JobId second = desk.accept(inside(50, 2));
  pass(100);
  EXPECT_EQ(nodes_of(two), "n1");
  EXPECT_EQ(nodes_of(second), "") << "it has 3 CPUs";
  const JobId one = desk.accept(inside(50, 1));
  EXPECT_EQ(nodes_of(one), desk.config.policy.backfill == Backfill::None ? "" : "n1");
}

TEST_P(ReserveByPolicy, AGangWaitsForNodesThatItMayUse) {
  ASSERT_TRUE(put(lecture(100, 50)));
  JobSpec gang = job(1000);
  gang.request.nodes = 2;
  const JobId wide = desk.accept(gang);
  EXPECT_EQ(nodes_of(wide), "");
  pass(100);
  pass(50);
  EXPECT_EQ(nodes_of(wide), "n[1-2]");
}

INSTANTIATE_TEST_SUITE_P(, ReserveByPolicy,
                         testing::Values("fcfs", "easy", "easy-sjbf", "conservative", "depth-k:4"),
                         [](const auto& policy) {
                           std::string name = policy.param;
                           for (char& c : name)
                             if (c == '-' || c == ':') c = '_';
                           return name;
                         });

TEST_F(Reserve, WhatRunsIsNamedAndInTheWay) {
  const JobId runs = desk.accept(job(200));
  const auto refused = put(lecture(100, 50));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::Conflict);
  EXPECT_EQ(refused.error().message,
            "job " + std::to_string(raw(runs)) +
                " may still run on node n1 when reservation lecture begins at "
                "1970-01-01T00:18:20Z");
  EXPECT_TRUE(put(lecture(200, 50))) << "it ends by then";
  EXPECT_TRUE(put(lecture(100, 50), true));
  Reservation counted = lecture(100, 50, {""});
  counted.name = "counted";
  ASSERT_TRUE(put(counted, false, 1));
  EXPECT_EQ(desk.table.reservations[0].nodes[0].node, "n2") << "nothing runs there";
  counted.name = "more";
  EXPECT_EQ(put(counted, false, 1).error().code, Errc::Conflict);
}

TEST_F(Reserve, InTheWayInsideIsStillRespected) {
  const JobId runs = desk.accept(job(200));
  ASSERT_TRUE(put(lecture(100, 200), true));
  const JobId ours = desk.accept(inside(50));
  pass(100);
  EXPECT_EQ(nodes_of(ours), "");
  desk.ended(desk.launches[0]);
  EXPECT_EQ(desk.state(runs), JobState::Succeeded);
  EXPECT_EQ(nodes_of(ours), "n1");
}

TEST_F(Reserve, WhoHoldsWhatItHasIsNamedToThoseWhoWaitInside) {
  Reservation part = lecture(10, 1'000);
  part.nodes[0].whole = false;
  part.nodes[0].amounts[rm::Kind::CpuMilli] = 3000;
  ASSERT_TRUE(put(part));
  const JobId beside = desk.accept(job(500, "bob", 1));  // on the rest of n1, and in nobody's way
  ASSERT_EQ(nodes_of(beside), "n1");
  const JobId runs = desk.accept(inside(200, 2));
  const JobId waits = desk.accept(inside(50, 2));
  pass(10);
  const auto said = in_the_way(waits);
  ASSERT_EQ(said.size(), 2u) << why(waits);
  EXPECT_EQ(said[0].node, "n1");
  EXPECT_EQ(said[0].text, "1 cpu of 3 cpus free, 2 cpus asked for");
  EXPECT_EQ(said[1].job, runs);
  EXPECT_EQ(said[1].until, in(200));
}

TEST_F(Reserve, OfWholeNodesOnlyItsOwnAreNamed) {
  ASSERT_TRUE(put(lecture(10, 1'000)));
  const JobId other = desk.accept(job(500, "bob", 3));
  ASSERT_EQ(nodes_of(other), "n2");
  const JobId runs = desk.accept(inside(200));
  const JobId waits = desk.accept(inside(50, 2));
  pass(10);
  const auto said = in_the_way(waits);
  ASSERT_EQ(said.size(), 2u) << why(waits);
  EXPECT_EQ(said[0].node, "n1");
  EXPECT_EQ(said[1].job, runs);
}

TEST_F(Reserve, RefusalsSayWhatIsWrong) {
  const auto error = [&](const Reservation& made) { return put(made).error().message; };
  EXPECT_EQ(error(lecture(-100, 50)),
            "reservation lecture would end in the past: it is 1970-01-01T00:16:40Z");
  EXPECT_EQ(error(lecture(-100, 500)),
            "reservation lecture would begin in the past: it is 1970-01-01T00:16:40Z");
  Reservation nobody = lecture(100, 50);
  nobody.users.clear();
  EXPECT_EQ(error(nobody), "nobody may use reservation lecture");
  EXPECT_EQ(error(lecture(100, 50, {"n3"})), "there is no node n3");
  EXPECT_EQ(put(lecture(100, 50, {"n11"})).error().hint, "did you mean n1?");
  Reservation part = lecture(100, 50);
  part.nodes[0].whole = false;
  part.nodes[0].amounts[rm::Kind::MemMib] = 100;
  EXPECT_EQ(error(part), "no CPU is reserved on node n1");
  part.nodes[0].amounts[rm::Kind::CpuMilli] = 5000;
  EXPECT_EQ(error(part), "node n1 has 4 cpus and not 5");
  ASSERT_TRUE(put(lecture(100, 50)));
  Reservation other = lecture(120, 50);
  other.name = "other";
  EXPECT_EQ(error(other), "reservations other and lecture meet on node n1 at 1970-01-01T00:18:40Z");
  other.overlap = true;
  EXPECT_TRUE(put(other));
  desk.put(PutReservation{ReplyToken{1}, {1000, false}, lecture(100, 50), 0, false, false});
  desk.turn();
  EXPECT_EQ(desk.last_reply().error().code, Errc::Denied);
  EXPECT_EQ(remove("lecturn").error().hint, "did you mean lecture?");
}

TEST_F(Reserve, OnlyThoseItIsForMaySubmitToIt) {
  ASSERT_TRUE(put(lecture(100, 50)));
  JobSpec spec = inside(20);
  EXPECT_EQ(desk.submit(inside(51)).error().code, Errc::BadInput);
  EXPECT_EQ(desk.submit(inside(0)).error().field, "time");
  spec.reservation = "lectur";
  EXPECT_EQ(desk.submit(spec).error().hint, "did you mean lecture?");
  spec = job(20, "bob");
  spec.reservation = "lecture";
  EXPECT_EQ(desk.submit(spec).error().code, Errc::Denied);
  spec = inside(20);
  spec.request.nodes = 2;
  EXPECT_EQ(desk.submit(spec).error().code, Errc::Limit);
}

TEST_F(Reserve, WhatItsNodesDoNotHaveIsRefused) {
  rm::NodeSpec node;
  node.name = "g1";
  node.labels = {{"kind", "gpu"}};
  node.topology = rm::make_topology(1, 1, 4, 1, 1000);
  node.topology.gpus = {{"a", "none:0", 0, 0}};
  desk.register_node(node);
  ASSERT_TRUE(put(lecture(100, 50, {"n1", "n2"})));
  JobSpec gpu = inside(10), labelled = inside(10), share = inside(10, 1);
  gpu.request.gpus = 1;
  labelled.request.node_labels = {{"kind", "gpu"}};
  share.request.gpu_share = 500;
  EXPECT_EQ(
      desk.submit(gpu).error().message,
      "none of the nodes of reservation lecture has as much set aside as the job asks for, it "
      "needs 1");
  EXPECT_EQ(
      desk.submit(labelled).error().message,
      "none of the nodes of reservation lecture has the labels that the job or its partition asks "
      "for, it needs 1");
  Reservation part = lecture(100, 50, {"g1"});
  part.name = "part";
  part.nodes[0].whole = false;
  part.nodes[0].amounts[rm::Kind::CpuMilli] = 2000;
  ASSERT_TRUE(put(part));
  share.reservation = "part";
  EXPECT_FALSE(desk.submit(share)) << "no GPU is set aside";
  share.request.gpu_share = 0;
  EXPECT_TRUE(desk.submit(share));
}

TEST_F(Reserve, WhatCannotEndInTimeIsRefused) {
  ASSERT_TRUE(put(lecture(100, 50)));
  JobSpec late = inside(20), urgent = inside(20);
  late.begin = in(131);
  EXPECT_EQ(desk.submit(late).error().field, "begin");
  late.begin = in(130);
  EXPECT_TRUE(desk.submit(late));
  urgent.deadline = in(119);
  EXPECT_EQ(desk.submit(urgent).error().field, "deadline");
  urgent.deadline = in(120);
  EXPECT_TRUE(desk.submit(urgent));
}

// Of one that comes again that one counts in which the job could run at all.
TEST_F(Reserve, ADeadlineBeforeTheNextDayIsRefused) {
  constexpr std::int64_t kDay = 86'400;
  Reservation daily = lecture(100, 50);
  daily.repeat = Repeat::Daily;
  ASSERT_TRUE(put(daily));
  JobSpec spec = inside(20);
  spec.begin = in(131);  // too late for today's
  spec.deadline = in(kDay + 119);
  EXPECT_EQ(desk.submit(spec).error().field, "deadline");
  spec.begin = in(130);
  EXPECT_TRUE(desk.submit(spec));
  spec.begin = in(300);
  EXPECT_EQ(desk.submit(spec).error().field, "deadline");
  spec.deadline = in(kDay + 120);
  EXPECT_TRUE(desk.submit(spec));
}

TEST_F(Reserve, AShorterLimitIsProposedThatWouldStart) {
  ASSERT_TRUE(put(lecture(200, 50, {"n1", "n2"})));
  const auto hint = [&](const JobSpec& spec) {
    const auto said = desk.controller.weigh(
        Submit{ReplyToken{1}, std::make_shared<const JobSpec>(spec), {}}, desk.now);
    return said ? said->why.hint : said.error().message;
  };
  EXPECT_EQ(hint(job(300, "ann")), "it could start now with a time limit of at most 00:03:20");
  desk.accept(job(100));  // n1 is taken, and half of n2
  desk.accept(job(100, "bob", 2));
  desk.accept(job(60));  // its place begins in 100 s, on either
  EXPECT_EQ(hint(job(300, "ann", 2)), "it could start now with a time limit of at most 00:03:20");
  JobSpec both = job(60);
  both.request.nodes = 2;
  both.priority = 5;
  desk.accept(both);  // and this one's on both
  EXPECT_EQ(hint(job(300, "ann", 2)), "it could start now with a time limit of at most 00:01:40");
  EXPECT_EQ(hint(job(150, "ann", 2)), "it could start now with a time limit of at most 00:01:40");
}

TEST_F(Reserve, MaintenanceIsForNobodyAndShows) {
  Reservation upkeep = lecture(100, 50);
  upkeep.maintenance = true;
  upkeep.users.clear();
  ASSERT_TRUE(put(upkeep));
  EXPECT_EQ(desk.submit(inside(20)).error().code, Errc::Denied);
  const auto word = [&](std::size_t node) {
    return std::string(rm::state_word(desk.controller.resources().nodes()[node]));
  };
  EXPECT_EQ(word(0), "idle");
  pass(100);
  EXPECT_EQ(word(0), "maintenance");
  EXPECT_EQ(desk.controller.resources().nodes()[0].reservation, "lecture");
  EXPECT_EQ(word(1), "idle");
  pass(50);
  EXPECT_EQ(word(0), "idle");
}

TEST_F(Reserve, ARemovedOneLetsOthersInAndItsOwnWait) {
  ASSERT_TRUE(put(lecture(100, 50, {"n1", "n2"})));
  const JobId ours = desk.accept(inside(20));
  const JobId other = desk.accept(job(1000));
  EXPECT_EQ(nodes_of(other), "");
  EXPECT_EQ(remove("lecture")->touched, 1u);
  EXPECT_EQ(nodes_of(other), "n1");
  EXPECT_EQ(why(ours), "reservation lecture is over or was removed");
  ASSERT_TRUE(put(lecture(0, 50, {"n2"})));
  EXPECT_EQ(nodes_of(ours), "n2") << "it is there again";
  EXPECT_EQ(desk.controller.reservations()[0].jobs_running, 1u);
}

TEST_F(Reserve, ARemovedOneLeavesWhatRunsInIt) {
  ASSERT_TRUE(put(lecture(0, 50)));
  const JobId ours = desk.accept(inside(20));
  EXPECT_EQ(nodes_of(ours), "n1");
  ASSERT_TRUE(remove("lecture"));
  const JobId other = desk.accept(job(10, "bob"));
  EXPECT_EQ(nodes_of(other), "n2");
  const JobId next = desk.accept(job(10, "bob"));
  EXPECT_EQ(nodes_of(next), "");
  desk.ended(desk.launches[0]);
  EXPECT_EQ(nodes_of(next), "n1");
}

TEST_F(Reserve, SurvivesARestart) {
  ASSERT_TRUE(put(lecture(100, 50)));
  const JobId ours = desk.accept(inside(20));
  const JobId other = desk.accept(job(90, "bob"));
  EXPECT_EQ(nodes_of(other), "n1");
  desk.restart();
  desk.node_up("n1", 4, "b1", {{desk.launches[0].id, true}});
  desk.node_up("n2", 4);
  EXPECT_EQ(nodes_of(desk.accept(job(1000, "bob"))), "n2");
  const JobId late = desk.accept(job(1000, "bob"));
  pass(90);
  desk.launches[0].session = SessionId{3};
  desk.ended(desk.launches[0]);
  EXPECT_EQ(nodes_of(late), "");
  pass(10);
  EXPECT_EQ(nodes_of(ours), "n1");
  desk.restart();
  desk.node_up("n1", 4, "b1", {{desk.launches.back().id, true}});
  desk.node_up("n2", 4, "b1", {{desk.launches[1].id, true}});
  EXPECT_EQ(nodes_of(ours), "n1");
  EXPECT_EQ(nodes_of(late), "");
}

TEST_F(Reserve, ExpectedStartsKnowOfIt) {
  ASSERT_TRUE(put(lecture(100, 50, {"n1", "n2"})));
  const JobId longer = desk.accept(job(200));
  EXPECT_EQ(desk.controller.when(longer, desk.now)->start, in(150));
  const JobId ours = desk.accept(inside(20));
  EXPECT_EQ(desk.controller.when(ours, desk.now)->start, in(100));
  EXPECT_EQ(desk.when(inside(20)).start, in(100));
}

TEST_F(Reserve, ANodeThatIsGoneIsStillReserved) {
  ASSERT_TRUE(put(lecture(100, 50)));
  const JobId ours = desk.accept(inside(20));
  const rm::NodeView node = desk.controller.resources().nodes()[0];
  desk.put(NodeDown{node.id, SessionId{1}});
  pass(100);
  EXPECT_EQ(nodes_of(ours), "");
  desk.node_up("n1", 4, "b2");
  EXPECT_EQ(nodes_of(ours), "n1");
}

TEST_F(Reserve, WhenTheClockIsSetItMovesWithIt) {
  ASSERT_TRUE(put(lecture(1000, 50, {"n1", "n2"})));
  const JobId longer = desk.accept(job(500));
  EXPECT_EQ(nodes_of(longer), "n1");
  desk.now.wall = desk.now.wall + seconds(600);
  desk.turn();
  EXPECT_EQ(nodes_of(desk.accept(job(500, "bob", 1))), "") << "it begins in 400 seconds";
}

}  // namespace
}  // namespace drover::sched
