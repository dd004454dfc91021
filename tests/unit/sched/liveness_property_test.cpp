// tests/unit/sched/liveness_property_test.cpp - a seed is a history of people and nodes on virtual
// time, under every policy: once all is calm, whatever fits has started and ended.
// SPDX-License-Identifier: Apache-2.0
//
// And nobody delays the first in order, save a node that was lost or a task that outlived its
// limit. SEED=17 SEEDS=1 replays one history.
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "base/prng.hpp"
#include "rm/licence.hpp"
#include "sized_jobs.hpp"

namespace drover::sched {
namespace {

constexpr const char* kPolicies[] = {
    "fcfs",          "easy",           "easy-sjbf",          "conservative",
    "priority+easy", "fifo+depth-k:3", "saf-guard:90s+easy", "saf-guard:90s+conservative"};
constexpr int kCalmSteps = 4'000;
constexpr std::uint64_t kRoundsMax = 50;  // of a pass: places and quotas are soon settled

class History {
 public:
  History(std::uint64_t seed, const char* policy) : random_(seed), desk_(make_config(policy)) {
    const bool easy = desk_.config.policy.backfill == Backfill::Easy ||
                      desk_.config.policy.backfill == Backfill::EasySjbf;
    // Smallest first changes who is first with every submission; and by priority, which moves with
    // use, nobody here knows who goes before the first when a quota lets him go.
    const Order order = desk_.config.policy.order;
    is_watched_ =
        easy && (order == Order::Fifo || (order == Order::Priority && desk_.config.quotas.empty()));
    // Nor do plans foresee what quotas keep for guarantees.
    for (const rm::QuotaRule& rule : desk_.config.quotas) is_watched_ &= rule.guaranteed.is_zero();
    // More than 128 nodes are searched by their ends.
    nodes_ = random_.chance(30) ? 130 : 2 + int(random_.below(4));
    for (int n = 0; n < nodes_; ++n) up(n);
  }

  void run() {
    for (int step = 0; step < 150 && !testing::Test::HasFailure(); ++step) {
      something_happens();
      settle(random_.below(40));
    }
    calm();
  }

 private:
  struct Running {
    Launch launch;
    Time ends;
    std::optional<Duration> left;  // of one that stands still
  };

  ControllerConfig make_config(const char* policy) {
    ControllerConfig config;
    config.policy = parse_policy(policy).value();
    config.node_timeout = seconds(30);
    if (random_.chance(40)) {
      const bool is_guaranteed = random_.chance(30);
      config.quotas.push_back(at_most({{"user", "ann"}}, 4, is_guaranteed ? 3 : 0));
      if (is_guaranteed) config.quotas.push_back(at_most({}, 20));  // beside it any job has room
    }
    if (random_.chance(30)) config.quotas.push_back(at_most({{"account", "phys"}}, 6));
    if (random_.chance(20)) {  // who stands still holds of this one
      config.quotas.push_back(at_most({{"user", "bob"}}, 6));
      config.quotas.back().max[rm::Kind::RunningJobs] = 2;
    }
    if (random_.chance(30)) {
      config.licences = {{"l", 3}};
      config.resources = *rm::ResourceNames::make(rm::licence_words(config.licences, {}));
    }
    return config;
  }

  static std::string name(int node) { return "n" + std::to_string(node); }
  static std::uint16_t cores(int node) { return std::uint16_t(2 + 2 * (node % 3)); }

  void up(int node) {
    std::vector<HeldAttempt> has;
    for (const auto& [id, running] : running_)
      if (desk_.controller.resources().node(running.launch.node)->spec->name == name(node))
        has.push_back({running.launch.id, true});
    desk_.node_up(name(node), cores(node), "b1", std::move(has));
    sessions_[node] = SessionId{desk_.sessions};
    gather();
  }

  void submit() {
    JobSpec spec =
        Desk::spec(random_.chance(50) ? "ann" : "bob", 1 + std::int64_t(random_.below(4)));
    if (random_.chance(40)) spec.labels["account"] = "phys";
    spec.time_limit =
        random_.chance(8) ? Duration{0} : seconds(5 + std::int64_t(random_.below(8)) * 13);
    spec.request.exclusive = random_.chance(12);
    spec.request.nodes = random_.chance(15) ? 2 : 1;
    if (random_.chance(20)) spec.request.nodes_max = spec.request.nodes + 1;
    const bool is_range = spec.request.nodes_max > 0;
    spec.request.contiguous = (spec.request.nodes > 1 || is_range) && random_.chance(40);
    if (random_.chance(15)) spec.request.cores.threads_per_core = 1;
    if (spec.request.nodes > 1) spec.request.cpus = std::min<std::int64_t>(spec.request.cpus, 2);
    if (is_range && random_.chance(40)) {  // of more nodes each has less to do
      spec.request.tasks = 2 + std::int64_t(random_.below(3));
      spec.request.cpus = tasks_on(spec.request, spec.request.nodes);
    }
    if (!desk_.config.licences.empty() && random_.chance(50))
      spec.request.licences = {{"l", 1 + std::int64_t(random_.below(3))}};
    spec.priority = random_.chance(20) ? std::int32_t(random_.below(3)) : 0;
    spec.hold = random_.chance(5);
    if (random_.chance(10)) {
      spec.is_array = true;
      spec.array = IndexSet::from_runs({{0, 3, 1}});
      spec.array_throttle = random_.chance(50) ? 2 : 0;
    }
    desk_.put(Submit{ReplyToken{1}, std::make_shared<const JobSpec>(spec), {}});
  }

  void something_happens() {
    const auto what = random_.below(100);
    if (what < 55) {
      for (auto n = 1 + random_.below(5); n-- > 0;) submit();
      turn();
    } else if (what < 70 && !desk_.table.jobs.empty()) {
      const JobId job{1 + random_.below(desk_.table.jobs.size())};
      command(std::array{Verb::Cancel, Verb::Hold, Verb::Release}[random_.below(3)], job);
    } else if (what < 80) {
      serve(int(random_.below(std::uint64_t(nodes_))),
            random_.chance(50) ? Service::Draining : Service::InService);
    } else if (what < 88) {
      const int node = int(random_.below(std::uint64_t(nodes_)));
      if (down_.contains(node)) {
        down_.erase(node);
        up(node);
      } else {
        down_.insert(node);
        excuse_ = true;
        const auto id = desk_.controller.resources().nodes()[std::size_t(node)].id;
        desk_.put(NodeDown{id, sessions_[node]});
        turn();
      }
    } else if (what < 96 && !running_.empty()) {
      stop_or_go_on();
    } else {
      turn();
    }
  }

  void stop_or_go_on() {
    auto at = running_.begin();
    std::advance(at, random_.below(running_.size()));
    TaskStarted started;
    started.node = at->second.launch.node;
    started.session = session_of(started.node);
    started.id = at->second.launch.id;
    started.at = desk_.now.wall;
    if (!at->second.left) desk_.put(started);
    excuse_ = true;
    command(at->second.left ? Verb::Resume : Verb::Suspend, started.id.task.job);
  }

  void command(Verb verb, JobId job) {
    Command command;
    command.reply = ReplyToken{1};
    command.actor = {0, true};
    command.verb = verb;
    command.target.job = job;
    desk_.put(std::move(command));
    turn();
  }

  void serve(int node, Service service) {
    ServeNode in;
    in.actor = {0, true};
    in.node = name(node);
    in.service = service;
    excuse_ = true;
    desk_.put(in);
    turn();
  }

  void turn() {
    const Stats before = desk_.controller.stats();
    desk_.turn();
    const Stats after = desk_.controller.stats();
    EXPECT_LE(after.rounds - before.rounds, kRoundsMax * (after.turns - before.turns));
    gather();
    watch_the_first();
  }

  // New launches get a life; most end before their limit, some a little after it. Who is killed
  // ends at once.
  void gather() {
    for (; seen_ < desk_.launches.size(); ++seen_) {
      const Launch& launch = desk_.launches[seen_];
      if (running_.contains(launch.id)) continue;
      const Duration limit = desk_.table.specs.at(launch.id.task.job)->time_limit;
      const std::int64_t most = limit.us > 0 ? limit.us / 1'000'000 : 60;
      std::int64_t life =
          random_.chance(30) ? most : 1 + std::int64_t(random_.below(std::uint64_t(most)));
      if (random_.chance(10)) life = most + 3;
      running_[launch.id] = {launch, desk_.now.mono + seconds(life), {}};
    }
    for (; paused_ < desk_.pauses.size(); ++paused_) {  // some are said twice
      const auto found = running_.find(desk_.pauses[paused_].id);
      if (found == running_.end()) continue;
      Running& running = found->second;
      if (desk_.pauses[paused_].suspended && !running.left)
        running.left = running.ends - desk_.now.mono;
      else if (!desk_.pauses[paused_].suspended && running.left)
        running.ends = desk_.now.mono + *std::exchange(running.left, std::nullopt);
    }
    for (; killed_ < desk_.kills.size(); ++killed_) {
      const auto found = running_.find(desk_.kills[killed_].id);
      if (found == running_.end()) continue;
      found->second.ends = desk_.now.mono;
      found->second.left.reset();
    }
  }

  // Lets `left` seconds pass; ends and timers happen when they are due.
  void settle(std::uint64_t left) {
    const Time until = desk_.now.mono + seconds(std::int64_t(left));
    for (int steps = 0; steps < 10'000; ++steps) {
      std::optional<AttemptId> ending;
      Time next = until;
      for (const auto& [id, running] : running_) {
        const bool cut_off = is_down(running.launch.node) || running.left;
        const Time at = std::max(running.ends, desk_.now.mono);
        if (!cut_off && at <= next && (!ending || at < next)) ending = id, next = at;
      }
      const auto due = desk_.controller.next_timer(desk_.now);
      if (due && *due < next) {
        ASSERT_TRUE(*due > desk_.now.mono || ++instant_ < 3) << "a timer is due again and again";
        if (*due > desk_.now.mono) instant_ = 0;
        ending.reset();
        next = std::max(*due, desk_.now.mono);
      }
      if (next > desk_.now.mono) instant_ = 0;
      desk_.pass(next - desk_.now.mono);
      if (ending) {
        const Launch launch = running_.at(*ending).launch;
        running_.erase(*ending);
        end(launch);
      } else if (next < until) {
        turn();
      } else {
        return;
      }
    }
    FAIL() << "time does not pass";
  }

  bool is_down(NodeId id) const {
    for (const int node : down_)
      if (desk_.controller.resources().node(id)->spec->name == name(node)) return true;
    return false;
  }

  SessionId session_of(NodeId id) const {
    SessionId found{};
    for (const auto& [node, session] : sessions_)
      if (desk_.controller.resources().node(id)->spec->name == name(node)) found = session;
    return found;
  }

  void end(const Launch& launch) {
    TaskEnded in;
    in.node = launch.node;
    in.session = session_of(launch.node);
    in.id = launch.id;
    in.cause = EndCause::Exited;
    in.started = in.ended = desk_.now.wall;
    desk_.put(std::move(in));
    turn();
  }

  bool goes_before(JobId a, JobId b) const {
    const std::int32_t of_a = desk_.table.specs.at(a)->priority;
    const std::int32_t of_b = desk_.table.specs.at(b)->priority;
    return of_a != of_b ? of_a > of_b : a < b;
  }

  // The only place that is held is that of the first; it may come nearer, never go farther. An
  // array holds one for each element in turn.
  void watch_the_first() {
    if (!is_watched_) return;
    for (const auto& [id, running] : running_) {  // does one outlive its limit?
      const Duration limit = desk_.table.specs.at(id.task.job)->time_limit;
      const auto task = desk_.table.tasks.find(id.task);
      if (limit.us > 0 && task != desk_.table.tasks.end())
        excuse_ = excuse_ || task->second.placed + limit <= desk_.now.wall;
    }
    const auto& resources = desk_.controller.resources();
    JobId first{};
    std::string text;
    if (resources.holds() == 1)
      for (const auto& [id, job] : desk_.table.jobs) {
        if (is_final(job.state) || desk_.table.specs.at(id)->is_array) continue;
        const auto why = desk_.controller.why(id, {}, desk_.now);
        const auto at = why ? why->text.find("a place is kept for it from ") : std::string::npos;
        if (at == std::string::npos || why->reason == Reason::Priority) continue;
        first = id;
        text = why->text.substr(at, 48);
        break;
      }
    // A throttled array whose element ended is before the first again, and so is one who stood
    // still and goes on: nobody behind delayed it.
    const auto goes_first = [&](JobId job) {
      std::erase_if(promised_, [&](const auto& of) { return goes_before(job, of.first); });
    };
    for (; watched_ < desk_.launches.size(); ++watched_)
      goes_first(desk_.launches[watched_].id.task.job);
    for (; watched_pauses_ < desk_.pauses.size(); ++watched_pauses_)
      goes_first(desk_.pauses[watched_pauses_].id.task.job);
    // Nor those before it whom a quota stops: what comes free of it is theirs, and then they are
    // the first, though something else may stop them by now. Nothing is promised behind them. What
    // stops the next element of an array is not said while others run.
    const bool is_passing = std::ranges::any_of(desk_.table.jobs, [&](const auto& of) {
      const auto& [id, job] = of;
      const bool may_be_stopped = job.reason == Reason::Quota || desk_.table.specs.at(id)->is_array;
      return raw(first) != 0 && !is_final(job.state) && may_be_stopped && goes_before(id, first);
    });
    if (is_passing) promised_.erase(first);
    // By priority, use of the machine puts others first: who starts as such is no backfill.
    const Stats stats = desk_.controller.stats();
    excuse_ = excuse_ || (desk_.config.policy.order == Order::Priority &&
                          stats.launched - launched_ > stats.backfilled - backfilled_);
    launched_ = stats.launched;
    backfilled_ = stats.backfilled;
    if (excuse_) promised_.clear();
    excuse_ = false;
    // Or puts others first who hold the place meanwhile, and whom alone the rest must not delay.
    if (desk_.config.policy.order == Order::Priority && !promised_.contains(first))
      promised_.clear();
    if (raw(first) == 0 || is_passing) return;
    // The text holds the wall time, so that it grows as the promise does. Who was the first may not
    // be for a while, when a quota stops him, and keeps what he was promised.
    const auto [before, is_new] = promised_.emplace(first, text);
    EXPECT_LE(text, before->second) << "job " << raw(first) << " was delayed";
    before->second = text;
  }

  static std::int64_t tasks_on(const rm::Request& request, std::int64_t nodes) {
    return request.tasks > 0 ? (request.tasks + nodes - 1) / nodes : request.cpus;
  }

  // CPUs of the smallest nodes that are large enough, or of the smallest of those in a row.
  std::int64_t least_of(rm::Request request, std::int64_t nodes) const {
    request.cpus = tasks_on(request, nodes);
    request.nodes = nodes;
    std::vector<std::int64_t> sizes;
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (int n = 0; n < nodes_; ++n) {
      if (cores(n) >= request.cpus)
        sizes.push_back(cores(n));
      else if (request.contiguous)
        sizes.clear();
      if (!request.contiguous || std::int64_t(sizes.size()) < request.nodes) continue;
      least = std::min(least,
                       std::accumulate(sizes.end() - request.nodes, sizes.end(), std::int64_t(0)));
    }
    if (request.contiguous || std::int64_t(sizes.size()) < nodes) return least;
    std::ranges::sort(sizes);
    return std::accumulate(sizes.begin(), sizes.begin() + nodes, std::int64_t(0));
  }

  // A node alone is charged all of it.
  bool is_never_within(const JobSpec& spec) {
    if (!spec.request.exclusive) return false;
    std::int64_t least = least_of(spec.request, spec.request.nodes);
    for (auto nodes = spec.request.nodes + 1; nodes <= spec.request.nodes_max; ++nodes)
      least = std::min(least, least_of(spec.request, nodes));
    return std::ranges::any_of(desk_.config.quotas, [&](const rm::QuotaRule& rule) {
      if (rule.match.empty()) return false;
      const auto& [label, value] = *rule.match.begin();
      const auto has = spec.labels.find(label);
      return has != spec.labels.end() && has->second == value &&
             least > rule.max[rm::Kind::CpuMilli] / 1000;
    });
  }

  void calm() {
    for (int n = 0; n < nodes_; ++n) {
      if (down_.erase(n) > 0) up(n);
      serve(n, Service::InService);
    }
    for (const auto& [id, job] : std::map<JobId, JobRecord>(desk_.table.jobs)) {
      if (is_final(job.state)) continue;
      command(Verb::Release, id);
      command(Verb::Resume, id);
    }
    for (int step = 0; step < kCalmSteps && !testing::Test::HasFailure(); ++step) {
      Time next = rm::kEver;
      for (const auto& [id, running] : running_)
        if (!running.left) next = std::min(next, running.ends);
      // Where only somebody stands still, the next place may begin a little later.
      if (next == rm::kEver) next = desk_.controller.next_due(desk_.now);
      if (next - desk_.now.mono > seconds(1'000)) break;
      settle(std::uint64_t(std::max<std::int64_t>((next - desk_.now.mono).us / 1'000'000, 0)) + 1);
    }
    if (testing::Test::HasFailure()) return;
    EXPECT_TRUE(running_.empty());
    for (const auto& [id, job] : desk_.table.jobs) {
      if (is_final(job.state)) continue;
      if (!desk_.controller.resources().can_ever_fit(desk_.table.specs.at(id)->request)) continue;
      if (is_never_within(*desk_.table.specs.at(id))) continue;
      const auto why = desk_.controller.why(id, {}, desk_.now);
      ADD_FAILURE() << "nothing runs, and job " << raw(id) << " waits: " << (why ? why->text : "");
      return;
    }
    EXPECT_EQ(desk_.controller.resources().holds(), 0u);
  }

  Prng random_;
  Desk desk_;
  bool is_watched_ = false, excuse_ = false;
  int nodes_ = 0, instant_ = 0;
  std::set<int> down_;
  std::map<int, SessionId> sessions_;
  std::map<AttemptId, Running> running_;
  std::size_t seen_ = 0, killed_ = 0, paused_ = 0, watched_ = 0, watched_pauses_ = 0;
  std::uint64_t launched_ = 0, backfilled_ = 0;
  std::map<JobId, std::string> promised_;  // "... from" the time of its place
};

TEST(LivenessProperty, WhatFitsStartsAndEnds) {
  const char* seed = std::getenv("SEED");
  const char* seeds = std::getenv("SEEDS");
  const std::uint64_t first = seed != nullptr ? std::strtoull(seed, nullptr, 10) : 1;
  const std::uint64_t count = seeds != nullptr ? std::strtoull(seeds, nullptr, 10) : 12;
  for (std::uint64_t s = first; s < first + count; ++s)
    for (const char* policy : kPolicies) {
      SCOPED_TRACE("SEED=" + std::to_string(s) + " policy " + policy);
      History(s, policy).run();
      if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace drover::sched
