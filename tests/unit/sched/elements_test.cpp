// tests/unit/sched/elements_test.cpp - elements of an array that wait for those of another.
// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "base/prng.hpp"
#include "sched/ended_arrays.hpp"
#include "tests/unit/sched/desk.hpp"

namespace drover::sched {
namespace {

JobSpec following(const std::vector<JobId>& targets, std::uint32_t last) {
  JobSpec spec = Desk::array(last);
  spec.name = "follower";
  for (const JobId target : targets)
    spec.dependencies.push_back({DependencyKind::AfterCorr, target, 0});
  return spec;
}

// The present attempt of an element; null when it is not on a node.
const Launch* launch_of(const Desk& desk, JobId job, std::uint32_t index) {
  for (auto it = desk.launches.rbegin(); it != desk.launches.rend(); ++it)
    if (it->id.task == TaskId{job, TaskIndex{index}}) return &*it;
  return nullptr;
}

void end(Desk& desk, JobId job, std::uint32_t index, std::int32_t code = 0) {
  const Launch* launch = launch_of(desk, job, index);
  ASSERT_NE(launch, nullptr) << raw(job) << "." << index << " has not been launched";
  desk.ended(Launch(*launch), code);
}

KnownEnd known(JobId job, JobState state, const std::string& elements,
               const std::string& succeeded) {
  KnownEnd end{job, state};
  end.elements = IndexSet::parse(elements).value();
  if (!succeeded.empty()) end.succeeded = IndexSet::parse(succeeded).value();
  return end;
}

TEST(Elements, StartWhenTheirCounterpartsHaveSucceeded) {
  Desk desk;
  desk.node_up("n1", 8);
  const JobId first = desk.accept(Desk::array(3));
  const JobId second = desk.accept(following({first}, 3));
  EXPECT_EQ(desk.state(second), JobState::Inited);
  EXPECT_EQ(desk.reason(second), Reason::Dependency);
  EXPECT_NE(desk.controller.why(second, std::nullopt, desk.now)
                ->text.find("4 of its elements wait for the success of the same elements of job 1"),
            std::string::npos);
  EXPECT_NE(desk.controller.why(second, TaskIndex{2}, desk.now)->text.find("success of 1.2"),
            std::string::npos);
  end(desk, first, 2);
  EXPECT_NE(launch_of(desk, second, 2), nullptr);
  EXPECT_EQ(launch_of(desk, second, 0), nullptr);
  end(desk, second, 2);
  EXPECT_EQ(desk.controller.why(second, TaskIndex{0}, desk.now)->reason, Reason::Dependency);
  for (const std::uint32_t index : {0u, 1u, 3u}) end(desk, first, index);
  EXPECT_EQ(desk.state(first), JobState::Succeeded);
  for (const std::uint32_t index : {0u, 1u, 3u}) end(desk, second, index);
  EXPECT_EQ(desk.state(second), JobState::Succeeded);
}

TEST(Elements, AreCancelledWithTheirCounterparts) {
  Desk desk;
  desk.node_up("n1", 8);
  const JobId first = desk.accept(Desk::array(2));
  const JobId second = desk.accept(following({first}, 2));
  const JobId third = desk.accept(following({second}, 2));
  end(desk, first, 0, 1);
  EXPECT_EQ(desk.table.tasks.at({second, TaskIndex{0}}).reason, Reason::DependencyNever);
  EXPECT_EQ(desk.table.tasks.at({third, TaskIndex{0}}).state, TaskState::Cancelled);
  end(desk, first, 1);
  EXPECT_TRUE(desk.command(Verb::Cancel, first));
  for (const Kill& kill : desk.kills) {
    const Launch* launch = launch_of(desk, first, raw(kill.id.task.index));
    desk.ended(Launch(*launch), 0, EndCause::Killed);
  }
  EXPECT_EQ(desk.state(first), JobState::Failed);
  EXPECT_EQ(desk.table.jobs.at(second).counts.cancelled, 2u);
  end(desk, second, 1);
  EXPECT_EQ(desk.state(second), JobState::Cancelled);
  EXPECT_EQ(desk.reason(second), Reason::DependencyNever);
  end(desk, third, 1);
  EXPECT_EQ(desk.state(third), JobState::Cancelled);
}

// Those that nobody has a record of are settled as a number, however many they are.
TEST(Elements, GoTogetherWhenTheirTargetNeverStarts) {
  Desk desk;
  JobSpec held = Desk::array(999'999);
  held.hold = true;
  const JobId first = desk.accept(held);
  const JobId second = desk.accept(following({first}, 999'999));
  EXPECT_TRUE(desk.command(Verb::Cancel, first));
  EXPECT_EQ(desk.state(second), JobState::Cancelled);
  EXPECT_EQ(desk.reason(second), Reason::DependencyNever);
  EXPECT_EQ(desk.table.jobs.at(second).counts.cancelled, 1'000'000u);
  EXPECT_TRUE(desk.table.tasks.empty());
}

TEST(Elements, StayWhenTheOwnerWantsThem) {
  Desk desk;
  desk.node_up("n1", 8);
  const JobId first = desk.accept(Desk::array(1));
  JobSpec spec = following({first}, 1);
  spec.keep_invalid = true;
  const JobId second = desk.accept(spec);
  end(desk, first, 0, 1);
  const TaskRecord& lost = desk.table.tasks.at({second, TaskIndex{0}});
  EXPECT_EQ(lost.state, TaskState::Waiting);
  EXPECT_EQ(lost.reason, Reason::DependencyNever);
  end(desk, first, 1);
  end(desk, second, 1);
  desk.restart();
  desk.turn();
  EXPECT_EQ(desk.controller.job(second)->state, JobState::Running);
  const auto why = desk.controller.why(second, TaskIndex{0}, desk.now);
  EXPECT_NE(why->text.find("can no longer happen"), std::string::npos) << why->text;
  EXPECT_TRUE(desk.command(Verb::Cancel, second));
  EXPECT_EQ(desk.state(second), JobState::Cancelled);
}

TEST(Elements, OfALateSubmissionKnowWhatHasHappened) {
  Desk desk;
  desk.node_up("n1", 8);
  const JobId first = desk.accept(Desk::array(3));
  end(desk, first, 1);
  end(desk, first, 3, 7);
  desk.restart();  // what ended well or not is known from the records as well
  desk.node_up("n1", 8, "b1", {{desk.launches[0].id, true}, {desk.launches[2].id, true}});
  const JobId second = desk.accept(following({first}, 3));
  EXPECT_NE(launch_of(desk, second, 1), nullptr);
  EXPECT_EQ(desk.table.tasks.at({second, TaskIndex{3}}).state, TaskState::Cancelled);
  EXPECT_EQ(desk.table.jobs.at(second).counts.active, 1u);
}

struct EndedCase {
  const char* name;
  JobState state;
  const char* succeeded;
  JobState follower;
  std::uint32_t started;
};
class ElementsOfEnded : public ::testing::TestWithParam<EndedCase> {};
TEST_P(ElementsOfEnded, AreDecidedAtSubmission) {
  const EndedCase& row = GetParam();
  Desk desk;
  desk.node_up("n1", 8);
  const JobId gone{77};
  const auto done =
      desk.submit(following({gone}, 3), {known(gone, row.state, "0-3", row.succeeded)});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(desk.state(done->job), row.follower);
  EXPECT_EQ(desk.launches.size(), row.started);
  desk.restart();
  desk.turn();
  if (is_final(row.follower)) return;
  EXPECT_EQ(desk.controller.job(done->job)->state, row.follower);
}
INSTANTIATE_TEST_SUITE_P(
    All, ElementsOfEnded,
    ::testing::Values(EndedCase{"AllSucceeded", JobState::Succeeded, "0-3", JobState::Scheduled, 4},
                      EndedCase{"Some", JobState::Failed, "1-2", JobState::Scheduled, 2},
                      EndedCase{"None", JobState::Cancelled, "", JobState::Cancelled, 0}),
    [](const auto& row) { return row.param.name; });

// One may arrive in the moment between the end of an array and the storing of it.
TEST(Elements, OfAnArrayThatHasJustEndedAreKnown) {
  Desk desk;
  desk.node_up("n1", 8);
  const JobId first = desk.accept(Desk::array(3));
  for (const std::uint32_t index : {0u, 1u, 3u}) end(desk, first, index);
  end(desk, first, 2, 1);
  ASSERT_EQ(desk.state(first), JobState::Failed);
  const JobId second = desk.accept(following({first}, 3));
  for (const std::uint32_t index : {0u, 1u, 3u}) end(desk, second, index);
  EXPECT_EQ(launch_of(desk, second, 2), nullptr);
  EXPECT_TRUE(is_final(desk.state(second)));
  // The same when the server knows of the end, but of no elements.
  const auto third = desk.submit(following({first}, 3), {KnownEnd{first, JobState::Failed}});
  ASSERT_TRUE(third) << third.error().message;
  EXPECT_EQ(desk.submit(following({first}, 2)).error().code, Errc::BadInput);
  // Those that never began have not succeeded.
  const JobId wide = desk.accept(Desk::array(19));
  ASSERT_NE(launch_of(desk, wide, 0), nullptr);
  end(desk, wide, 0);
  EXPECT_TRUE(desk.command(Verb::Cancel, wide));
  for (const Launch& launch : std::vector<Launch>(desk.launches))
    if (launch.id.task.job == wide && raw(launch.id.task.index) != 0)
      desk.ended(launch, 0, EndCause::Killed);
  ASSERT_TRUE(is_final(desk.state(wide)));
  const JobId last = desk.accept(following({wide}, 19));
  end(desk, last, 0);
  EXPECT_TRUE(is_final(desk.state(last)));
}

TEST(EndedArrays, KeepTheNewestWithinTheirLimits) {
  const auto one = [](std::uint64_t id, std::size_t lost) {
    return EndedArrays::One{JobId{id}, ArrayCursor(IndexSet::single(0)),
                            std::vector<std::uint32_t>(lost)};
  };
  EndedArrays ended;
  for (std::uint64_t id = 1; id <= EndedArrays::kArrays + 1; ++id) ended.add(one(id, 1));
  EXPECT_EQ(ended.find(JobId{1}), nullptr);
  EXPECT_NE(ended.find(JobId{2}), nullptr);
  ended.add(one(100, EndedArrays::kUnsuccessful + 1));
  EXPECT_EQ(ended.find(JobId{2}), nullptr);
  EXPECT_NE(ended.find(JobId{100}), nullptr);
  ended.add(one(101, 1));
  EXPECT_EQ(ended.find(JobId{100}), nullptr);
  EXPECT_NE(ended.find(JobId{101}), nullptr);
}

TEST(Elements, AreRefusedWhereTheyHaveNoCounterparts) {
  Desk desk;
  const JobId single = desk.accept(Desk::spec());
  const JobId other = desk.accept(Desk::array(4));
  EXPECT_NE(desk.submit(following({single}, 3)).error().message.find("is no array"),
            std::string::npos);
  const auto uneven = desk.submit(following({other}, 3));
  EXPECT_NE(uneven.error().message.find("has the elements 0-4, this array 0-3"), std::string::npos)
      << uneven.error().message;
  EXPECT_EQ(uneven.error().field, "dependency");
  EXPECT_EQ(desk.submit(following({JobId{99}}, 3)).error().code, Errc::NotFound);
  EXPECT_EQ(desk.submit(following({JobId{99}}, 3), {known(JobId{99}, JobState::Failed, "0-9", "1")})
                .error()
                .code,
            Errc::BadInput);
  // Ended a moment ago, and the store does not know its elements yet.
  EXPECT_EQ(
      desk.submit(following({JobId{99}}, 3), {KnownEnd{JobId{99}, JobState::Failed}}).error().code,
      Errc::Unavailable);
}

// A follower that can only wait does not take the place of the one that it waits for.
TEST(Elements, DoNotBlockTheirGroup) {
  ControllerConfig config;
  config.group_limits.running_jobs = 1;
  Desk desk(config);
  desk.node_up("n1", 1);
  const JobId first = desk.accept(Desk::array(1));
  const JobId second = desk.accept(following({first}, 1));
  end(desk, first, 0);
  EXPECT_TRUE(desk.command(Verb::Requeue, first));
  ASSERT_EQ(desk.kills.size(), 1u);
  desk.ended(Launch(*launch_of(desk, first, 1)), 0, EndCause::Killed);
  for (int turns = 0; turns < 4; ++turns) {
    const Launch last = desk.launches.back();
    desk.ended(last);
    if (is_final(desk.state(second))) break;
  }
  EXPECT_EQ(desk.state(first), JobState::Succeeded);
  EXPECT_EQ(desk.state(second), JobState::Succeeded);
}

TEST(Elements, ThatAreHeldStartWhenBothAllowIt) {
  Desk desk;
  desk.node_up("n1", 8);
  const JobId first = desk.accept(Desk::array(1));
  const JobId second = desk.accept(following({first}, 1));
  EXPECT_TRUE(desk.command(Verb::Hold, second, {1000, false}, "0"));
  EXPECT_TRUE(desk.command(Verb::Release, second, {1000, false}, "0"));
  EXPECT_TRUE(desk.command(Verb::Hold, second, {1000, false}, "1"));
  end(desk, first, 0);
  EXPECT_NE(launch_of(desk, second, 0), nullptr);
  end(desk, first, 1);
  EXPECT_EQ(launch_of(desk, second, 1), nullptr);
  desk.restart();
  desk.node_up("n1", 8, "b1", {{desk.launches.back().id, true}});
  EXPECT_EQ(launch_of(desk, second, 1), nullptr);
  EXPECT_TRUE(desk.command(Verb::Release, second, {1000, false}, "1"));
  EXPECT_NE(launch_of(desk, second, 1), nullptr);
}

// Random histories of three arrays, the third of which follows both others. Whatever happens, an
// element is launched after its counterparts' success alone, and ends as the slow rule says.
class ElementHistories : public ::testing::TestWithParam<std::uint64_t> {};

struct History {
  explicit History(std::uint64_t seed) : prng(seed) {}
  static constexpr std::uint32_t kLast = 7;
  Prng prng;
  Desk desk;
  std::vector<JobId> jobs;
  std::size_t looked_at = 0;

  bool succeeded(JobId job, std::uint32_t index) const {
    const auto found = desk.table.tasks.find({job, TaskIndex{index}});
    return found != desk.table.tasks.end() && found->second.state == TaskState::Succeeded;
  }
  std::vector<JobId> targets_of(std::size_t job) const {
    if (job == 0) return {};
    return job == 1 ? std::vector{jobs[0]} : std::vector{jobs[0], jobs[1]};
  }
  void look() {
    for (; looked_at < desk.launches.size(); ++looked_at) {
      const TaskId task = desk.launches[looked_at].id.task;
      const std::size_t job = std::size_t(raw(task.job)) - 1;
      for (const JobId target : targets_of(job))
        EXPECT_TRUE(succeeded(target, raw(task.index)))
            << raw(task.job) << "." << raw(task.index) << " started too early";
    }
  }
  void end_some() {
    std::vector<Launch> out;
    for (const Launch& launch : desk.launches) {
      const auto found = desk.table.tasks.find(launch.id.task);
      if (found != desk.table.tasks.end() && found->second.lease &&
          found->second.epoch == launch.id.epoch)
        out.push_back(launch);
    }
    if (out.empty()) return;
    const Launch one = out[prng.below(out.size())];
    const bool asked = desk.table.tasks.at(one.id.task).state == TaskState::Ending;
    if (asked)
      desk.ended(one, 0, EndCause::Killed);
    else
      desk.ended(one, prng.chance(20) ? 1 : 0);
  }
  void step() {
    const std::uint64_t what = prng.below(100);
    if (jobs.size() < 3 && what < 20) {
      JobSpec spec = following(targets_of(jobs.size()), kLast);
      spec.array_throttle = std::uint32_t(prng.below(4));
      const auto known = ends();
      const auto done = desk.submit(spec, known);
      ASSERT_TRUE(done) << done.error().message;
      jobs.push_back(done->job);
    } else if (what < 70) {
      end_some();
    } else if (what < 80 && !jobs.empty()) {
      const JobId job = jobs[prng.below(jobs.size())];
      const std::string element = std::to_string(prng.below(kLast + 1));
      const Verb verb =
          std::array{Verb::Hold, Verb::Release, Verb::Cancel, Verb::Requeue}[prng.below(4)];
      (void)desk.command(verb, job, {1000, false}, element);
    } else if (what < 82 && !jobs.empty()) {
      (void)desk.command(Verb::Cancel, jobs[prng.below(jobs.size())]);
    } else if (what < 90) {
      restart();
    }
    look();
  }
  std::vector<KnownEnd> ends() const {
    std::vector<KnownEnd> all;
    for (const JobId job : jobs) {
      if (!is_final(desk.table.jobs.at(job).state)) continue;
      KnownEnd end{job, desk.table.jobs.at(job).state};
      end.elements = desk.table.specs.at(job)->array;
      std::vector<IndexSet::Run> runs;
      for (std::uint32_t i = 0; i <= kLast; ++i)
        if (succeeded(job, i)) runs.push_back({i, i, 1});
      end.succeeded = IndexSet::from_runs(runs);
      all.push_back(std::move(end));
    }
    return all;
  }
  void restart() {
    std::vector<HeldAttempt> held;
    for (const auto& [id, task] : desk.table.tasks)
      if (task.lease) held.push_back({{id, task.attempt, task.epoch}, task.started.is_set()});
    desk.restart();
    desk.node_up("n1", 4, "b1", held);
    for (Launch& launch : desk.launches) launch.session = SessionId{desk.sessions};
  }
  void finish() {
    for (const JobId job : jobs) (void)desk.command(Verb::Release, job);
    for (int i = 0; i < 400; ++i) {
      end_some();
      look();
    }
  }
};

TEST_P(ElementHistories, StartNothingTooEarlyAndLoseNothing) {
  History history(GetParam());
  history.desk.node_up("n1", 4);
  for (int i = 0; i < 150 && !::testing::Test::HasFailure(); ++i) history.step();
  history.finish();
  for (std::size_t job = 0; job < history.jobs.size(); ++job) {
    const JobId id = history.jobs[job];
    const JobRecord& record = history.desk.table.jobs.at(id);
    EXPECT_TRUE(is_final(record.state)) << "job " << raw(id) << " is " << to_string(record.state)
                                        << "/" << to_string(record.reason);
    std::uint64_t succeeded = 0;
    for (std::uint32_t i = 0; i <= History::kLast; ++i) {
      const auto task = history.desk.table.tasks.find({id, TaskIndex{i}});
      if (task == history.desk.table.tasks.end()) continue;
      EXPECT_TRUE(is_final(task->second.state)) << raw(id) << "." << i << " was forgotten";
      succeeded += task->second.state == TaskState::Succeeded;
      if (task->second.reason != Reason::DependencyNever) continue;
      bool lost = false;
      for (const JobId target : history.targets_of(job)) lost |= !history.succeeded(target, i);
      EXPECT_TRUE(lost) << raw(id) << "." << i << " was given up and need not have been";
    }
    EXPECT_EQ(record.counts.succeeded, succeeded);
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, ElementHistories, ::testing::Range<std::uint64_t>(1, 61));

}  // namespace
}  // namespace drover::sched
