// tests/unit/nodeagent/attempt_table_test.cpp - sessions, repetitions, restarts of either side.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/attempt_table.hpp"

#include <gtest/gtest.h>

#include "nodeagent/supd_frame.hpp"

namespace drover::nodeagent {
namespace {

constexpr SessionId kSession{5}, kOlder{4};
using Verdict = AttemptTable::Verdict;

AttemptId id_of(std::uint64_t job, std::uint32_t number = 1) {
  return {{JobId{job}, TaskIndex{0}}, AttemptNo{number}, Epoch{job * 10 + number}};
}
EndReport end_of(const AttemptId& id, int code = 0) {
  EndReport end;
  end.id = id;
  end.cause = EndCause::Exited;
  end.exit_code = code;
  return end;
}

struct Fixture {
  AttemptTable table;
  Fixture() {
    table.on_list_begin();
    table.on_list_end(1);
    table.on_welcome(kSession);
  }
  static std::string payload(const AttemptId& id) {
    LaunchFrame frame;
    frame.id = id;
    frame.argv = {"true"};
    std::string bytes;
    append_launch(bytes, frame);
    return bytes;
  }
  Verdict launch(const AttemptId& id, SessionId session = kSession) {
    return table.on_launch(session, id, payload(id));
  }
  // Kinds of the messages for supd, as letters, and clears the outputs' part.
  std::string to_supd() {
    std::string letters;
    std::string_view rest = table.out().to_supd;
    while (true) {
      const auto next = next_message(rest);
      if (!next || !*next) break;
      const MessageKind kind = (*next)->kind;
      letters += kind == MessageKind::Launch ? 'L' : kind == MessageKind::Kill ? 'K' : 'A';
    }
    table.out().to_supd.clear();
    return letters;
  }
  std::size_t told_ends() {
    const std::size_t count = table.out().ended.size();
    table.out().ended.clear();
    return count;
  }
};

TEST(AttemptTable, KnowsWhoHasRunForAWhile) {
  Fixture f;
  for (std::uint64_t job : {1, 2, 3}) {
    f.table.on_launch(kSession, id_of(job), Fixture::payload(id_of(job)));
    f.table.on_started({id_of(job), std::int64_t(job) * 1'000'000, std::int32_t(100 + job)});
  }
  f.table.on_ended(end_of(id_of(1)));
  const auto running = f.table.running_since(12'000'000, seconds(10));
  ASSERT_EQ(running.size(), 1u) << "1 has ended, 3 is too young";
  EXPECT_EQ(running[0], (StartReport{id_of(2), 2'000'000, 102}));
}

TEST(AttemptTable, ALaunchGoesToSupdOnce) {
  Fixture f;
  EXPECT_EQ(f.launch(id_of(1)), Verdict::Accepted);
  EXPECT_EQ(f.launch(id_of(1)), Verdict::Duplicate);
  EXPECT_EQ(f.to_supd(), "L");
}

TEST(AttemptTable, OnlyTheCurrentSessionIsObeyed) {
  Fixture f;
  EXPECT_EQ(f.launch(id_of(1), kOlder), Verdict::StaleSession);
  f.table.on_kill(kOlder, id_of(1), 0, 1);
  f.table.on_controller_lost();
  EXPECT_EQ(f.launch(id_of(1)), Verdict::StaleSession);
  EXPECT_EQ(f.to_supd(), "");
  EXPECT_EQ(f.table.counters().stale_sessions, 3u);
}

TEST(AttemptTable, AnEndIsToldUntilAcked) {
  Fixture f;
  f.launch(id_of(1));
  f.table.on_started({id_of(1), 5, 6});
  f.table.on_ended(end_of(id_of(1), 3));
  f.table.on_ended(end_of(id_of(1), 3));
  EXPECT_EQ(f.table.out().started.size(), 1u);
  EXPECT_EQ(f.told_ends(), 1u);
  f.table.repeat_ends();
  EXPECT_EQ(f.told_ends(), 1u);
  f.table.on_controller_lost();
  EXPECT_EQ(f.table.running(), (std::vector<HeldReport>{{id_of(1), true}}));
  f.table.on_welcome(SessionId{6});
  EXPECT_EQ(f.told_ends(), 1u);
  EXPECT_EQ(f.to_supd(), "L");
  f.table.on_ack(SessionId{6}, id_of(1));
  EXPECT_EQ(f.to_supd(), "A");
  f.table.repeat_ends();
  EXPECT_EQ(f.told_ends(), 0u);
  EXPECT_EQ(f.table.size(), 0u);
}

TEST(AttemptTable, AKillOfAnEndedAttemptTellsTheEndAgain) {
  Fixture f;
  f.launch(id_of(1));
  f.table.on_ended(end_of(id_of(1)));
  f.told_ends();
  f.to_supd();
  f.table.on_kill(kSession, id_of(1), 0, 1);
  EXPECT_EQ(f.told_ends(), 1u);
  EXPECT_EQ(f.to_supd(), "");
}

TEST(AttemptTable, AKillOfAnUnknownAttemptReachesSupd) {
  Fixture f;
  f.table.on_kill(kSession, id_of(1), 0, 1);
  EXPECT_EQ(f.to_supd(), "K");
}

TEST(AttemptTable, OrdersAreRepeatedWhenSupdComesBackWithoutThem) {
  Fixture f;
  f.launch(id_of(1));
  f.launch(id_of(2));
  f.launch(id_of(3));
  f.to_supd();
  f.table.on_supd_lost();
  EXPECT_EQ(f.launch(id_of(4)), Verdict::Accepted);
  f.table.on_kill(kSession, id_of(2), 0, 1);
  EXPECT_EQ(f.to_supd(), "");
  f.table.on_list_begin();
  f.table.on_held({id_of(1), true});
  f.table.on_ended(end_of(id_of(3)));
  f.table.on_list_end(9);
  EXPECT_EQ(f.to_supd(), "KLL");  // kill of 2 before its launch, then 4; 1 and 3 are there
}

TEST(AttemptTable, WhatSupdForgotEndsUnknown) {
  Fixture f;
  f.launch(id_of(1));
  f.table.on_started({id_of(1), 5, 6});
  f.table.on_supd_lost();
  f.table.on_list_begin();
  f.table.on_list_end(9);
  ASSERT_EQ(f.table.out().ended.size(), 1u);
  EXPECT_EQ(f.table.out().ended[0].cause, EndCause::Unknown);
  EXPECT_FALSE(f.table.out().ended[0].never_started);
}

TEST(AttemptTable, ARestartedAgentLearnsFromSupd) {
  AttemptTable table;
  table.on_list_begin();
  table.on_held({id_of(2), true});
  table.on_ended(end_of(id_of(1), 4));
  table.on_list_end(1);
  EXPECT_EQ(table.running(), (std::vector<HeldReport>{{id_of(1), true}, {id_of(2), true}}));
  table.on_welcome(kSession);
  ASSERT_EQ(table.out().ended.size(), 1u);
  EXPECT_EQ(table.out().ended[0].exit_code, 4);
  EXPECT_EQ(table.on_launch(kSession, id_of(2), "x"), Verdict::Duplicate);
}

TEST(AttemptTable, ANewerAttemptWaitsForTheOlderToEnd) {
  Fixture f;
  f.launch(id_of(1, 1));
  f.to_supd();
  EXPECT_EQ(f.launch(id_of(1, 2)), Verdict::Waits);
  EXPECT_EQ(f.to_supd(), "K");
  EXPECT_EQ(f.launch(id_of(1, 1)), Verdict::Duplicate);
  f.table.on_ended(end_of(id_of(1, 1)));
  EXPECT_EQ(f.to_supd(), "L");
}

TEST(AttemptTable, AnOlderEpochIsRefused) {
  Fixture f;
  f.launch(id_of(1, 2));
  EXPECT_EQ(f.launch(id_of(1, 1)), Verdict::StaleEpoch);
  EXPECT_EQ(f.to_supd(), "L");
}

TEST(AttemptTable, ABadLaunchEndsAtOnce) {
  Fixture f;
  EXPECT_EQ(f.table.on_bad_launch(kSession, id_of(1), "no such user", 3), Verdict::Accepted);
  ASSERT_EQ(f.table.out().ended.size(), 1u);
  EXPECT_EQ(f.table.out().ended[0].cause, EndCause::LaunchFailed);
  EXPECT_TRUE(f.table.out().ended[0].never_started);
}

TEST(AttemptTable, AFullTableRefusesWithAnEnd) {
  AttemptTable table(1);
  table.on_list_begin();
  table.on_list_end(1);
  table.on_welcome(kSession);
  EXPECT_EQ(table.on_launch(kSession, id_of(1), "x"), Verdict::Accepted);
  EXPECT_EQ(table.on_launch(kSession, id_of(2), "x"), Verdict::Full);
  EXPECT_EQ(table.out().ended.size(), 1u);
}

}  // namespace
}  // namespace drover::nodeagent
