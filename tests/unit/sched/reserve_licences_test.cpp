// tests/unit/sched/reserve_licences_test.cpp - licences that reservations set aside.
// SPDX-License-Identifier: Apache-2.0
#include "rm/licence.hpp"
#include "tests/unit/sched/desk.hpp"

namespace drover::sched {
namespace {

struct ReserveLicences : testing::Test {
  ReserveLicences() : desk(config()) { desk.node_up("n1", 8); }
  static ControllerConfig config() {
    ControllerConfig config;
    config.licences = {{"matlab", 4}, {"ansys", 2}};
    config.resources = *rm::ResourceNames::make(rm::licence_words(config.licences, {}));
    return config;
  }
  Reservation lab(std::int64_t start_s, std::int64_t length_s, rm::Counts licences) const {
    Reservation made;
    made.name = "lab";
    made.start = desk.now.wall + seconds(start_s);
    made.length = seconds(length_s);
    made.users = {"ann"};
    made.nodes = {{"n1", false, {}}};
    made.nodes[0].amounts[rm::Kind::CpuMilli] = 4000;
    made.licences = std::move(licences);
    return made;
  }
  Result<Done> put(const Reservation& made, bool ignore_jobs = false) {
    desk.put(PutReservation{ReplyToken{1}, {0, true}, made, 0, ignore_jobs, false});
    desk.turn();
    return desk.last_reply();
  }
  JobSpec job(std::int64_t limit_s, std::int64_t matlab, std::string reservation = {}) const {
    JobSpec spec = Desk::spec(reservation.empty() ? "bob" : "ann", 1);
    spec.time_limit = seconds(limit_s);
    spec.request.licences = {{"matlab", matlab}};
    spec.reservation = std::move(reservation);
    return spec;
  }
  bool runs(JobId job) const {
    return std::ranges::any_of(desk.table.tasks, [&](const auto& entry) {
      return entry.first.job == job && entry.second.lease.has_value();
    });
  }
  void pass(std::int64_t s) {
    desk.pass(seconds(s));
    desk.turn();
  }
  Desk desk;
};

TEST_F(ReserveLicences, AreRefusedWhereThereAreNotSoMany) {
  EXPECT_EQ(put(lab(10, 10, {{"matlb", 1}})).error().hint, "did you mean matlab?");
  EXPECT_EQ(put(lab(10, 10, {{"matlab", 5}})).error().code, Errc::Limit);
  ASSERT_TRUE(put(lab(10, 10, {{"matlab", 3}})));
  Reservation other = lab(15, 10, {{"matlab", 2}});
  other.name = "other";
  other.nodes[0].amounts[rm::Kind::CpuMilli] = 1000;
  const auto refused = put(other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::Conflict);
  EXPECT_NE(refused.error().message.find("5 licences matlab would be set aside of 4"),
            std::string::npos)
      << refused.error().message;
  other.licences = {{"matlab", 1}};
  EXPECT_TRUE(put(other));
  EXPECT_EQ(desk.submit(job(5, 4, "lab")).error().message,
            "4 licences matlab are asked for, reservation lab has 3");
}

TEST_F(ReserveLicences, WhatRunsIsNotLeftWithTooFew) {
  const JobId running = desk.accept(job(100, 2));
  ASSERT_TRUE(runs(running));
  const auto refused = put(lab(50, 10, {{"matlab", 3}}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message.substr(0, 40), "job 1 may still hold licences matlab whe");
  EXPECT_TRUE(put(lab(100, 10, {{"matlab", 3}}))) << "it has ended by then";
  EXPECT_TRUE(put(lab(50, 10, {{"matlab", 3}}), true));
}

TEST_F(ReserveLicences, OthersHaveThemOnlyUntilItBegins) {
  ASSERT_TRUE(put(lab(100, 50, {{"matlab", 3}})));
  const JobId shorter = desk.accept(job(100, 3));
  EXPECT_TRUE(runs(shorter));
  desk.ended(desk.launches[0]);
  const JobId longer = desk.accept(job(101, 2));
  EXPECT_FALSE(runs(longer));
  EXPECT_EQ(desk.reason(longer), Reason::Licences);
  const auto why = desk.controller.why(longer, {}, desk.now);
  EXPECT_NE(why->text.find("0 of 4 are in use, 2 more are asked for; reservation lab keeps"),
            std::string::npos)
      << why->text;
  EXPECT_NE(why->hint.find("at most 00:01:40"), std::string::npos) << why->hint;
  EXPECT_TRUE(runs(desk.accept(job(1000, 1)))) << "one is nobody's";
  JobSpec other = job(1000, 1);
  other.request.licences = {{"ansys", 2}};
  EXPECT_TRUE(runs(desk.accept(other))) << "another licence";
}

TEST_F(ReserveLicences, InsideTheyAreKeptAndNoMore) {
  ASSERT_TRUE(put(lab(0, 100, {{"matlab", 3}})));
  const JobId first = desk.accept(job(50, 2, "lab"));
  EXPECT_TRUE(runs(first));
  const JobId second = desk.accept(job(40, 2, "lab"));
  EXPECT_FALSE(runs(second)) << "three are set aside, two of them in use";
  JobSpec ansys = job(40, 1, "lab");
  ansys.request.licences = {{"ansys", 1}};
  EXPECT_TRUE(runs(desk.accept(ansys))) << "of that one it has what everybody has";
  desk.ended(desk.launches[0]);
  EXPECT_TRUE(runs(second));
}

TEST_F(ReserveLicences, TheyAreEverybodysAgainWhenItIsOverOrRemoved) {
  ASSERT_TRUE(put(lab(0, 100, {{"matlab", 4}})));
  const JobId waits = desk.accept(job(1000, 4));
  EXPECT_FALSE(runs(waits));
  desk.put(RemoveReservation{ReplyToken{1}, {0, true}, "lab"});
  desk.turn();
  EXPECT_TRUE(runs(waits));
  desk.ended(desk.launches[0]);
  ASSERT_TRUE(put(lab(0, 100, {{"matlab", 4}})));
  const JobId next = desk.accept(job(1000, 4));
  EXPECT_FALSE(runs(next));
  pass(100);
  EXPECT_TRUE(runs(next));
}

TEST_F(ReserveLicences, ARestartKeepsThem) {
  ASSERT_TRUE(put(lab(10, 100, {{"matlab", 3}})));
  desk.restart();
  desk.node_up("n1", 8);
  EXPECT_FALSE(runs(desk.accept(job(20, 2))));
  const JobId ours = desk.accept(job(20, 3, "lab"));
  pass(10);
  EXPECT_TRUE(runs(ours));
}

TEST_F(ReserveLicences, FewerThanAreSetAsideAreGivenToNobodyElse) {
  ASSERT_TRUE(put(lab(0, 100, {{"matlab", 3}})));
  desk.put(SetLicences{{{"matlab", 2}, {"ansys", 2}}});
  desk.turn();
  EXPECT_FALSE(runs(desk.accept(job(1000, 1))));
  const JobId ours = desk.accept(job(50, 2, "lab"));
  EXPECT_TRUE(runs(ours));
  const JobId more = desk.accept(job(50, 1, "lab"));
  EXPECT_FALSE(runs(more)) << "it is set aside, but not there";
}

}  // namespace
}  // namespace drover::sched
