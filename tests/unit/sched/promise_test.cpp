// tests/unit/sched/promise_test.cpp - where everybody holds a place nobody starts later than he was
// first told, also with quotas and licences. SEED=17 SEEDS=1 replays one history.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/prng.hpp"
#include "rm/licence.hpp"
#include "tests/unit/sched/desk.hpp"

namespace drover::sched {
namespace {

rm::QuotaRule at_most(rm::Labels match, rm::Kind kind, std::int64_t amount) {
  rm::QuotaRule rule;
  rule.match = std::move(match);
  rule.max[kind] = amount;
  return rule;
}

class Promises {
 public:
  Promises(std::uint64_t seed, const char* policy) : random_(seed), desk_(config(policy)) {
    const int nodes = 1 + int(random_.below(3));
    for (int n = 0; n < nodes; ++n) desk_.node_up("n" + std::to_string(n), 4);
  }

  void run() {
    for (int step = 0; step < 120 && !testing::Test::HasFailure(); ++step) {
      for (auto n = random_.below(3); n-- > 0;) submit();
      pass(std::int64_t(random_.below(25)));
    }
    for (int step = 0; step < 4000 && !ends_.empty(); ++step) pass(20);
    EXPECT_EQ(desk_.launches.size(), submitted_) << "somebody never started";
    for (const StartEstimate& told : desk_.estimates) EXPECT_LE(told.started, told.promised);
    EXPECT_GT(desk_.estimates.size(), 10u);
  }

 private:
  ControllerConfig config(const char* policy) {
    ControllerConfig config;
    config.policy = parse_policy(policy).value();
    if (random_.chance(70))
      config.quotas.push_back(at_most({{"user", "ann"}}, rm::Kind::CpuMilli, 4000));
    if (random_.chance(50))
      config.quotas.push_back(at_most({{"user", "bob"}}, rm::Kind::RunningJobs, 2));
    if (random_.chance(30)) config.quotas.push_back(at_most({}, rm::Kind::RunningJobs, 4));
    config.licences = {{"l", 3}};
    config.resources = *rm::ResourceNames::make(rm::licence_words(config.licences, {}));
    return config;
  }
  void submit() {
    JobSpec spec =
        Desk::spec(random_.chance(50) ? "ann" : "bob", 1 + std::int64_t(random_.below(4)));
    spec.time_limit = seconds(5 + std::int64_t(random_.below(8)) * 13);
    if (random_.chance(30)) spec.request.licences = {{"l", 1 + std::int64_t(random_.below(3))}};
    if (random_.chance(20)) spec.priority = std::int32_t(random_.below(3));
    ++submitted_;
    desk_.accept(spec);
    see();
  }
  // Each runs for as long as it may, or less.
  void see() {
    for (; seen_ < desk_.launches.size(); ++seen_) {
      const Launch launch = desk_.launches[seen_];
      const Duration limit = desk_.table.specs.at(launch.id.task.job)->time_limit;
      const Duration run{1 + std::int64_t(random_.below(std::uint64_t(limit.us)))};
      ends_.insert({desk_.now.mono + (random_.chance(40) ? limit : run), seen_});
    }
  }
  void end(const Launch& launch) {
    TaskEnded ended;
    ended.node = launch.node;
    ended.session = launch.session;
    ended.id = launch.id;
    ended.cause = EndCause::Exited;
    ended.started = ended.ended = desk_.now.wall;
    desk_.put(std::move(ended));
  }
  void pass(std::int64_t s) {
    const Time until = desk_.now.mono + seconds(s);
    while (true) {
      // What comes due between two ends starts then, and not with the next end.
      const auto timer = desk_.controller.next_timer(desk_.now);
      Time next = ends_.empty() ? until : std::min(until, ends_.begin()->first);
      if (timer && *timer > desk_.now.mono) next = std::min(next, *timer);
      desk_.pass(next - desk_.now.mono);
      // What ends at one moment is told in one turn: who is heard of later has outlived his limit.
      for (; !ends_.empty() && ends_.begin()->first <= desk_.now.mono; ends_.erase(ends_.begin()))
        end(desk_.launches[ends_.begin()->second]);
      desk_.turn();
      see();
      if (next == until) return;
    }
  }

  Prng random_;
  Desk desk_;
  std::set<std::pair<Time, std::size_t>> ends_;
  std::size_t seen_ = 0, submitted_ = 0;
};

TEST(Promises, AreKeptWhereEverybodyHoldsAPlace) {
  const char* seed = std::getenv("SEED");
  const char* seeds = std::getenv("SEEDS");
  const std::uint64_t first = seed != nullptr ? std::strtoull(seed, nullptr, 10) : 1;
  const std::uint64_t count = seeds != nullptr ? std::strtoull(seeds, nullptr, 10) : 40;
  for (std::uint64_t s = first; s < first + count; ++s)
    for (const char* policy : {"conservative", "priority+conservative"}) {
      SCOPED_TRACE("SEED=" + std::to_string(s) + " policy " + policy);
      Promises(s, policy).run();
      if (HasFailure()) return;
    }
}

// They are made anew, in order: who came later with a higher priority is before who came earlier.
TEST(Promises, ARestartMakesThemAnew) {
  ControllerConfig config;
  config.policy = parse_policy("conservative").value();
  Desk desk(config);
  desk.node_up("n1", 4);
  JobSpec spec = Desk::spec("ann", 4);
  spec.time_limit = seconds(100);
  desk.accept(spec);
  const JobId early = desk.accept(spec);
  spec.priority = 5;
  const JobId late = desk.accept(spec);
  const auto at = [&](JobId job) { return desk.controller.when(job, desk.now)->start; };
  EXPECT_EQ(at(early), desk.now.wall + seconds(100));
  EXPECT_EQ(at(late), desk.now.wall + seconds(200));
  desk.restart();
  desk.node_up("n1", 4, "b1", {{desk.launches[0].id}});
  EXPECT_EQ(at(early), desk.now.wall + seconds(200)) << "docs/scheduling.md says so";
  EXPECT_EQ(at(late), desk.now.wall + seconds(100));
}

}  // namespace
}  // namespace drover::sched
