// tests/unit/sched/job_state_test.cpp - the tables, their words, and docs/job-states.md.
// SPDX-License-Identifier: Apache-2.0
#include "sched/job_state.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <set>
#include <sstream>
#include <string>

#include "sched/messages.hpp"

namespace drover::sched {
namespace {

constexpr const char* kPage = "docs/job-states.md";  // ctest runs at the root of the repository

std::string text(std::string_view view) { return std::string(view); }

template <class Table>
std::string diagram(const Table& moves, std::initializer_list<std::string_view> firsts) {
  std::string page = "```mermaid\nstateDiagram-v2\n";
  for (const std::string_view first : firsts) page += "  [*] --> " + text(first) + "\n";
  for (const auto& move : moves)
    if (move.from != move.to)
      page += "  " + text(to_string(move.from)) + " --> " + text(to_string(move.to)) + ": " +
              text(to_string(move.on)) + "\n";
  std::set<std::string> finals;
  for (const auto& move : moves)
    if (is_final(move.to)) finals.insert(text(to_string(move.to)));
  for (const std::string& name : finals) page += "  " + name + " --> [*]\n";
  return page + "```\n";
}

template <class Table>
std::string table(const Table& moves) {
  std::string page = "| From | Event | To |\n| --- | --- | --- |\n";
  for (const auto& move : moves)
    page += "| " + text(to_string(move.from)) + " | " + text(to_string(move.on)) + " | " +
            (move.from == move.to ? "(stays)" : text(to_string(move.to))) + " |\n";
  return page;
}

std::string page_from_tables() {
  std::string reasons;
  for (std::size_t r = 1; r < kReasons; ++r)
    reasons += (r > 1 ? ", `" : "`") + text(to_string(Reason(r))) + "`";
  return "# States of jobs and tasks\n\n"
         "Made from the tables in `sched/job_state.hpp` by `sched_job_state_test`; after a change "
         "of the\n"
         "tables run it with `BLESS=1`. A pair that is not listed is refused and changes "
         "nothing.\n\n"
         "## Jobs\n\n" +
         diagram(kJobMoves, {"inited", "held"}) + "\n" + table(kJobMoves) + "\n## Tasks\n\n" +
         diagram(kTaskMoves, {"waiting"}) + "\n" + table(kTaskMoves) + "\n## Reasons\n\n" +
         reasons + "\n";
}

TEST(JobStates, ThePageShowsTheTables) {
  const std::string page = page_from_tables();
  if (std::getenv("BLESS") != nullptr) std::ofstream(kPage) << page;
  std::ostringstream committed;
  committed << std::ifstream(kPage).rdbuf();
  EXPECT_TRUE(committed.str() == page) << "run this test with BLESS=1 and commit " << kPage;
}

// From every state, a path of listed moves leads to a final state; else jobs could hang for ever.
template <class State, std::size_t kStates, class Table>
void expect_every_state_can_end(const Table& moves) {
  std::set<State> can_end;
  for (const auto& move : moves)
    if (is_final(move.to)) can_end.insert(move.to);
  for (std::size_t before = 0; before != can_end.size();) {
    before = can_end.size();
    for (const auto& move : moves)
      if (can_end.contains(move.to)) can_end.insert(move.from);
  }
  EXPECT_EQ(can_end.size(), kStates);
}

TEST(JobStates, EveryStateCanEndAndEveryFinalIsReached) {
  expect_every_state_can_end<JobState, kJobStates>(kJobMoves);
  expect_every_state_can_end<TaskState, kTaskStates>(kTaskMoves);
}

TEST(JobStates, EveryEventIsUsed) {
  std::set<JobEvent> job_events;
  for (const auto& move : kJobMoves) job_events.insert(move.on);
  EXPECT_EQ(job_events.size(), kJobEvents);
  std::set<TaskEvent> task_events;
  for (const auto& move : kTaskMoves) task_events.insert(move.on);
  EXPECT_EQ(task_events.size(), kTaskEvents);
}

TEST(JobStates, WhatIsNotListedIsRefused) {
  EXPECT_EQ(find_move(JobState::Inited, JobEvent::Taken), JobState::Scheduled);
  EXPECT_FALSE(find_move(JobState::Held, JobEvent::Taken)) << "a held job stays in its place";
  EXPECT_FALSE(find_move(JobState::Succeeded, JobEvent::Cancel));
  EXPECT_FALSE(find_move(TaskState::Waiting, TaskEvent::Start));
  EXPECT_FALSE(find_move(TaskState::Failed, TaskEvent::Requeue));
}

TEST(JobStates, WordsAreUniqueAndReadBack) {
  std::set<std::string_view> words;
  static_assert(kJobStates == kTaskStates);
  for (std::size_t s = 0; s < kJobStates; ++s) {
    EXPECT_EQ(job_state_from(to_string(JobState(s))), JobState(s));
    EXPECT_EQ(task_state_from(to_string(TaskState(s))), TaskState(s));
  }
  for (std::size_t r = 0; r < kReasons; ++r) {
    EXPECT_EQ(reason_from(to_string(Reason(r))), Reason(r));
    EXPECT_TRUE(words.insert(to_string(Reason(r))).second) << to_string(Reason(r));
  }
  EXPECT_EQ(to_string(JobState::TimedOut), "timed_out");
  EXPECT_EQ(to_string(Reason::HeldByUser), "held_by_user");
  EXPECT_EQ(to_string(EventKind::NodeResumed), "node_resumed");
  EXPECT_FALSE(job_state_from("sleeping"));
  EXPECT_FALSE(reason_from(""));
}

}  // namespace
}  // namespace drover::sched
