// tests/unit/sched/promise_test.cpp - where everybody holds a place nobody starts later than he was
// first told, also with quotas, licences and restarts. SEED=17 SEEDS=1 replays one history.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

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
  // With restarts time passes until all nodes are back, save where licences, quotas and gangs tie
  // the nodes together: who waits for an end that nobody can report yet is late.
  Promises(std::uint64_t seed, const char* policy, bool restarts)
      : random_(seed), restarts_(restarts), desk_(config(policy)) {
    const int nodes = 1 + int(random_.below(3));
    for (int n = 0; n < nodes; ++n) node_up("n" + std::to_string(n));
  }

  void run() {
    for (int step = 0; step < 120 && !testing::Test::HasFailure(); ++step) {
      for (auto n = random_.below(3); n-- > 0;) submit();
      pass(std::int64_t(random_.below(25)));
      if (restarts_ && random_.chance(10)) restart();
    }
    for (int step = 0; step < 4000 && !ends_.empty(); ++step) pass(20);
    EXPECT_EQ(desk_.launches.size(), submitted_) << "somebody never started";
    if (!restarts_) {
      for (const StartEstimate& told : desk_.estimates) EXPECT_LE(told.started, told.promised);
    }
    EXPECT_GT(kept_, 10u);
  }

 private:
  ControllerConfig config(const char* policy) {
    ControllerConfig config;
    config.policy = parse_policy(policy).value();
    is_tied_ = !restarts_ || random_.chance(50);
    if (is_tied_ && random_.chance(70))
      config.quotas.push_back(at_most({{"user", "ann"}}, rm::Kind::CpuMilli, 4000));
    if (is_tied_ && random_.chance(50))
      config.quotas.push_back(at_most({{"user", "bob"}}, rm::Kind::RunningJobs, 2));
    if (is_tied_ && random_.chance(30))
      config.quotas.push_back(at_most({}, rm::Kind::RunningJobs, 4));
    config.licences = {{"l", 3}};
    config.resources = *rm::ResourceNames::make(rm::licence_words(config.licences, {}));
    return config;
  }
  void submit() {
    JobSpec spec =
        Desk::spec(random_.chance(50) ? "ann" : "bob", 1 + std::int64_t(random_.below(4)));
    spec.time_limit = seconds(5 + std::int64_t(random_.below(8)) * 13);
    if (is_tied_ && random_.chance(30))
      spec.request.licences = {{"l", 1 + std::int64_t(random_.below(3))}};
    if (random_.chance(20)) spec.priority = std::int32_t(random_.below(3));
    if (restarts_ && is_tied_ && sessions_.size() > 1 && spec.request.cpus <= 2 &&
        random_.chance(40))
      spec.request.nodes = 2;
    ++submitted_;
    desk_.accept(spec);
    see();
  }
  // Each runs for as long as it may, or less; and starts by when the store first said.
  void see() {
    for (; seen_ < desk_.launches.size(); ++seen_) {
      const Launch launch = desk_.launches[seen_];
      const JobId job = launch.id.task.job;
      const Duration limit = desk_.table.specs.at(job)->time_limit;
      const Duration run{1 + std::int64_t(random_.below(std::uint64_t(limit.us)))};
      ends_.insert({desk_.now.mono + (random_.chance(40) ? limit : run), seen_});
      const auto told = promised_.find(job);
      if (told == promised_.end()) continue;
      ++kept_;
      EXPECT_LE(desk_.now.wall, told->second + away_) << "job " << raw(job);
    }
    for (const auto& [id, job] : desk_.table.jobs)
      if (job.place_from.is_set()) promised_.emplace(id, Time{job.place_from.us - away_.us});
  }
  bool is_up(const Launch& launch) const {
    bool up = true;
    rm::for_each_part(launch.lease,
                      [&](const rm::NodePart& part) { up &= sessions_.contains(part.node); });
    return up;
  }
  void node_up(const std::string& name) {
    NodeUp up;
    up.spec.name = name;
    up.spec.topology = rm::make_topology(1, 1, 4, 1, 1000);
    up.boot_id = "b1";
    up.session = SessionId{++desk_.sessions};
    const auto known = ids_.find(name);
    if (known != ids_.end())
      for (const auto& [at, launch] : ends_)
        if (desk_.launches[launch].node == known->second)
          up.running.push_back({desk_.launches[launch].id, true});
    const SessionId session = up.session;
    desk_.put(std::move(up));
    if (known == ids_.end()) ids_[name] = NodeId{std::uint32_t(ids_.size() + 1)};
    sessions_[ids_.at(name)] = session;
    end_due();  // what ended meanwhile is told at once
    desk_.turn();
    see();
  }
  void restart() {
    desk_.restart();
    sessions_.clear();
    away_.us += 10'000;
    std::vector<std::string> names;
    for (const auto& [name, id] : ids_) names.push_back(name);
    for (std::size_t n = names.size(); n > 1; --n) std::swap(names[n - 1], names[random_.below(n)]);
    for (const std::string& name : names) {
      if (random_.chance(50)) submit();
      const Duration apart = is_tied_ ? Duration{} : seconds(std::int64_t(random_.below(4)));
      away_.us += apart.us;
      pass(apart.us / 1'000'000);
      node_up(name);
    }
  }
  void end_due() {
    for (auto it = ends_.begin(); it != ends_.end() && it->first <= desk_.now.mono;)
      if (is_up(desk_.launches[it->second])) {
        end(desk_.launches[it->second]);
        it = ends_.erase(it);
      } else {
        ++it;
      }
  }
  void end(const Launch& launch) {
    TaskEnded ended;
    ended.node = launch.node;
    ended.session = sessions_.at(launch.node);
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
      Time next = until;
      for (const auto& [at, launch] : ends_)
        if (at > desk_.now.mono) {
          next = std::min(next, at);
          break;
        }
      if (timer && *timer > desk_.now.mono) next = std::min(next, *timer);
      desk_.pass(next - desk_.now.mono);
      end_due();  // in one turn: who is heard of later has outlived his limit
      desk_.turn();
      see();
      if (next == until) return;
    }
  }

  Prng random_;
  bool restarts_, is_tied_ = false;
  Desk desk_;
  std::map<std::string, NodeId> ids_;
  std::map<NodeId, SessionId> sessions_;  // of those in contact
  std::set<std::pair<Time, std::size_t>> ends_;
  std::map<JobId, Time> promised_;  // as the store first said, less what was away until then
  Duration away_{};                 // in which no promise could be kept
  std::size_t seen_ = 0, submitted_ = 0, kept_ = 0;
};

void keep_promises(bool restarts) {
  const char* seed = std::getenv("SEED");
  const char* seeds = std::getenv("SEEDS");
  const std::uint64_t first = seed != nullptr ? std::strtoull(seed, nullptr, 10) : 1;
  const std::uint64_t count = seeds != nullptr ? std::strtoull(seeds, nullptr, 10) : 40;
  for (std::uint64_t s = first; s < first + count; ++s)
    for (const char* policy : {"conservative", "priority+conservative"}) {
      SCOPED_TRACE("SEED=" + std::to_string(s) + " policy " + policy);
      Promises(s, policy, restarts).run();
      if (testing::Test::HasFailure()) return;
    }
}

TEST(Promises, AreKeptWhereEverybodyHoldsAPlace) { keep_promises(false); }

// Nodes register one by one, jobs of higher priority come meanwhile, and time passes: a start is
// later by no more than that.
TEST(Promises, AreKeptOverRestarts) { keep_promises(true); }

TEST(Promises, ARestartKeepsThePlaces) {
  for (const char* policy : {"conservative", "depth-k:4"}) {
    ControllerConfig config;
    config.policy = parse_policy(policy).value();
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
    desk.pass(seconds(10));
    desk.turn();
    spec.time_limit = seconds(5);
    const JobId later = desk.accept(spec);
    desk.node_up("n1", 4, "b1", {{desk.launches[0].id, true}});
    EXPECT_EQ(at(early), desk.now.wall + seconds(90)) << policy;
    EXPECT_EQ(at(late), desk.now.wall + seconds(190)) << policy;
    EXPECT_EQ(at(later), desk.now.wall + seconds(290)) << policy;
  }
}

// A promised start passes while the controller is away: everybody is as late as the first.
TEST(Promises, WhatPassesMeanwhileMovesAllPlaces) {
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
  desk.restart();
  desk.pass(seconds(130));
  desk.turn();
  NodeUp up;
  up.spec.name = "n1";
  up.spec.topology = rm::make_topology(1, 1, 4, 1, 1000);
  up.boot_id = "b1";
  up.session = SessionId{++desk.sessions};
  up.running = {{desk.launches[0].id, true}};
  desk.put(up);
  TaskEnded end;
  end.node = desk.launches[0].node;
  end.session = up.session;
  end.id = desk.launches[0].id;
  desk.put(end);
  desk.turn();
  ASSERT_EQ(desk.launches.size(), 2u);
  EXPECT_EQ(desk.launches[1].id.task.job, early);
  EXPECT_EQ(desk.controller.when(late, desk.now)->start, desk.now.wall + seconds(100));
}

// Its node does not come back: who has waited for it long enough looks for another.
TEST(Promises, APlaceOnALostNodeIsGivenUp) {
  ControllerConfig config;
  config.policy = parse_policy("conservative").value();
  Desk desk(config);
  desk.node_up("n1", 4);
  desk.node_up("n2", 4);
  JobSpec spec = Desk::spec("ann", 4);
  spec.time_limit = seconds(100);
  desk.accept(spec);
  spec.time_limit = seconds(1000);
  desk.accept(spec);
  const JobId waits = desk.accept(spec);  // on the first, from 100 s on
  desk.restart();
  desk.node_up("n2", 4, "b1", {{desk.launches[1].id, true}});
  const auto at = [&] { return desk.controller.when(waits, desk.now)->start; };
  EXPECT_EQ(at(), desk.now.wall + seconds(100) + Duration{10'000});
  const Time begun = desk.now.wall;
  desk.pass(desk.config.node_timeout);
  desk.pass(seconds(1));
  desk.turn();
  EXPECT_EQ(at(), begun + seconds(1000));
}

// Who is altered or cancelled before he is back in the queue gives his place up.
TEST(Promises, WhoChangesHisMindGivesHisPlaceUp) {
  for (const bool held : {false, true}) {
    ControllerConfig config;
    config.policy = parse_policy("conservative").value();
    Desk desk(config);
    desk.node_up("n1", 4);
    JobSpec spec = Desk::spec("ann", 4);
    spec.time_limit = seconds(100);
    desk.accept(spec);
    const JobId first = desk.accept(spec);
    const JobId second = desk.accept(spec);
    desk.restart();
    desk.compiles = false;
    desk.turn();
    EXPECT_TRUE(desk.command(held ? Verb::Hold : Verb::Cancel, first));
    desk.compiles = true;
    desk.restart();
    desk.node_up("n1", 4, "b1", {{desk.launches[0].id, true}});
    EXPECT_EQ(desk.controller.when(second, desk.now)->start, desk.now.wall + seconds(100)) << held;
  }
}

// The places of those who are not back in the queue yet are left alone, also while nothing runs.
TEST(Promises, WhoIsNotBackYetCostsNoRounds) {
  ControllerConfig config;
  config.policy = parse_policy("conservative").value();
  Desk desk(config);
  desk.node_up("n1", 4);
  JobSpec spec = Desk::spec("ann", 4);
  spec.time_limit = seconds(100);
  desk.accept(spec);
  desk.accept(spec);
  desk.restart();
  desk.compiles = false;
  const Stats before = desk.controller.stats();
  desk.node_up("n1", 4, "b2");  // what ran there is lost
  const Stats& after = desk.controller.stats();
  EXPECT_EQ(after.tasks_active, 0u);
  EXPECT_LE(after.rounds - before.rounds, 4 * (after.turns - before.turns));
}

}  // namespace
}  // namespace drover::sched
