// tests/unit/sched/controller_sim_test.cpp - a seed is a whole history: people, agents, faults.
// SPDX-License-Identifier: Apache-2.0
//
// After each turn every invariant holds and every stored image equals the job in memory; a crash
// replaces the controller by one restored from the images. When people and faults have stopped,
// every job ends and nothing is held. SEED=17 SEEDS=1 replays one history.
#include <gtest/gtest.h>

#include <cstdlib>

#include "desk.hpp"
#include "fake_cluster.hpp"
#include "sched/components.hpp"

namespace drover::sched {
namespace {

constexpr std::int64_t kBusyMs = 1'200;  // people and faults, then quiet

class Sim {
 public:
  explicit Sim(std::uint64_t seed) : prng_(seed), controller_(make_config()) {
    plan_ = one_step_plan();
    faults_.disconnect = pick({0, 1, 3});
    faults_.reboot = pick({0, 1, 2});
    faults_.doubled = pick({0, 10});
    faults_.late = pick({0, 30});
    crash_ = pick({0, 1, 3});
    for (int n = 0; n < 3; ++n) {
      agents_.push_back(std::make_unique<Agent>(
          "n" + std::to_string(n), std::uint16_t(2 + n), clock_, prng_, faults_, truth_, sessions_,
          [this](Input input) { deliver(std::move(input)); }));
      agents_.back()->connect();
    }
    for (std::int64_t t = 1; t < kBusyMs; t += 1 + std::int64_t(prng_.below(12)))
      clock_.in(t, [this] { person(); });
    for (std::int64_t t = 1; t < kBusyMs; t += 10) clock_.in(t, [this] { weather(); });
    clock_.in(kBusyMs, [this] { quiet(); });
  }

  std::string run() {
    for (int steps = 0; clock_.step(); ++steps) {
      if (steps > 200'000) ADD_FAILURE() << "it does not come to rest";
      if (steps > 200'000 || testing::Test::HasFailure()) break;
    }
    if (!testing::Test::HasFailure()) at_rest();
    return history_;
  }

 private:
  std::uint32_t pick(std::initializer_list<std::uint32_t> values) {
    return values.begin()[prng_.below(values.size())];
  }

  ControllerConfig make_config() {
    config_.group_limits.running_jobs = pick({2, 5, 100});
    config_.compile_ahead = pick({1, 8});
    config_.node_timeout = seconds(2);
    if (prng_.chance(50)) {
      rm::Amounts max;
      max.of.fill(-1);
      max[rm::Kind::CpuMilli] = 3'000;
      config_.quotas = {{{{"user", "*"}}, max}};
    }
    if (prng_.chance(50)) config_.book = make_book();
    if (config_.book != nullptr && prng_.chance(50)) guarantee();
    return config_;
  }

  // ann is owed two CPUs of each partition, whoever has borrowed them.
  void guarantee() {
    config_.quota_tree = rm::QuotaTree::make({"partition", "user"}, {}).value();
    config_.quotas.clear();
    for (const char* partition : {"one", "two"}) {
      rm::QuotaRule all, ann;
      all.match = {{"partition", partition}};
      all.max[rm::Kind::CpuMilli] = 4'000;
      ann.match = {{"partition", partition}, {"user", "ann"}};
      ann.guaranteed[rm::Kind::CpuMilli] = 2'000;
      ann.reclaim = rm::Reclaim::Preempt;
      config_.quotas.insert(config_.quotas.end(), {all, ann});
    }
  }

  // high preempts low, each way of giving way; two partitions over the same nodes, each with some
  // policy; shares that are forgotten within the run.
  std::shared_ptr<const PolicyBook> make_book() {
    PolicyBook book;
    QosSpec high, low;
    high.name = "high";
    high.priority = 10;
    high.preempts = {"low"};
    low.name = "low";
    low.preempt_mode = PreemptMode(1 + prng_.below(3));
    low.preempt_grace = millis(std::int64_t(pick({0, 20, 100})));
    low.usage_percent = std::int64_t(prng_.below(200));
    book.qos = QosTable::make({high, low}).value();
    PartitionSpec one, two;
    one.name = "one";
    two.name = "two";
    two.priority = 1;
    one.preempt_mode = PreemptMode(prng_.below(3));
    for (PartitionSpec* spec : {&one, &two}) {
      spec->policy.order = Order(prng_.below(3));
      spec->policy.backfill = Backfill(prng_.below(5));
      spec->policy.depth = 2;
      spec->policy.guard = millis(200);
    }
    book.partitions = PartitionTable::make({one, two}).value();
    book.half_life = millis(100);
    book.weights.fairness = prng_.chance(50) ? Fairness::Drf : Fairness::FairTree;
    return std::make_shared<const PolicyBook>(complete(std::move(book)).value());
  }

  void deliver(Input input) {
    controller_.expect(input);
    controller_.apply(std::move(input), clock_.now());
    if (turn_due_) return;
    turn_due_ = true;
    clock_.in(prng_.below(3), [this] { turn(); });
  }

  void turn() {
    turn_due_ = false;
    ++armed_;  // one timer, which each turn sets anew
    TurnOutput out = controller_.finish(clock_.now());
    const bool crash = faults_.on && prng_.chance(crash_);
    if (crash && prng_.chance(50)) return restart();  // before the commit: the turn never was
    table_.store(out.changes);
    for (const Event& event : out.changes.events)
      history_ += std::to_string(clock_.now_ms) + " " + std::string(to_string(event.kind)) + " " +
                  std::to_string(raw(event.job)) + " " + event.state + "\n";
    for (const TaskRecord& task : out.changes.tasks)  // together or not at all
      ASSERT_TRUE(!task.lease ||
                  has_each_component(*task.lease, component_count(*table_.specs.at(task.id.job))));
    inspect();
    if (crash) return restart();  // after the commit: nobody heard of it
    for (const Action& action : out.actions) act(action);
    if (const auto due = controller_.next_timer(clock_.now())) {
      const std::int64_t in_ms = (*due - clock_.now().mono).us / 1000 + 1;
      clock_.in(std::max<std::int64_t>(in_ms, 1), [this, armed = ++armed_] {
        if (armed == armed_) deliver(Tick{});
      });
    }
  }

  void act(const Action& action) {
    if (const auto* compile = std::get_if<CompileJob>(&action)) {
      clock_.in(1 + std::int64_t(prng_.below(4)), [this, job = *compile, life = life_] {
        if (life != life_) return;
        Result<std::shared_ptr<const dag::PhysicalPlan>> plan = plan_;
        if (raw(job.job) % 29 == 0) plan = fail(Errc::BadInput, "no plan for this one");
        deliver(PlanReady{job.job, job.group, std::move(plan)});
      });
      return;
    }
    const NodeId node = std::visit(
        [](const auto& to) {
          if constexpr (requires { to.node; })
            return to.node;
          else
            return NodeId{0};
        },
        action);
    for (const auto& agent : agents_)
      if (table_.nodes.contains(node) && table_.nodes.at(node).name == agent->name())
        agent->take(action);
  }

  void restart() {
    ++life_;
    turn_due_ = false;
    controller_ = table_.restore(config_);
    history_ += std::to_string(clock_.now_ms) + " restart\n";
    inspect();
    for (const auto& agent : agents_) agent->disconnect(false);
  }

  void inspect() {
    for (const std::string& problem : controller_.check()) ADD_FAILURE() << problem;
    const bool ask_why = prng_.chance(5);
    for (const auto& [id, job] : table_.jobs) {
      const auto live = controller_.job(id);
      ASSERT_EQ(live.has_value(), !is_final(job.state)) << "job " << raw(id);
      if (live) {
        ASSERT_TRUE(*live == job) << "job " << raw(id)
                                  << " differs from its image: " << to_string(live->state) << " / "
                                  << to_string(job.state) << ", from " << live->place_from.us
                                  << " / " << job.place_from.us;
        ASSERT_TRUE(!ask_why || controller_.why(id, {}, clock_.now()).has_value());
      }
    }
  }

  JobSpec some_spec() {
    JobSpec spec = Desk::spec(prng_.chance(60) ? "ann" : "bob", 1 + std::int64_t(prng_.below(2)));
    spec.name = prng_.chance(50) ? "x" : "y";
    spec.priority = std::int32_t(prng_.below(3));
    if (config_.book != nullptr) {
      spec.labels["qos"] = prng_.chance(30) ? "high" : "low";
      spec.labels["partition"] = prng_.chance(50) ? "one" : "two";
      if (prng_.chance(50)) spec.time_limit = millis(std::int64_t(100 + prng_.below(400)));
      if (prng_.chance(10))
        spec.deadline = clock_.now().wall + seconds(std::int64_t(prng_.below(3)));
    }
    spec.hold = prng_.chance(8);
    spec.singleton = prng_.chance(10);
    spec.requeue = prng_.chance(80);
    spec.request.exclusive = prng_.chance(5);
    const bool small = spec.request.cpus == 1 && !spec.request.exclusive;  // within the quota
    if (small && prng_.chance(30)) spec.request.nodes = std::int64_t(2 + prng_.below(2));
    if (small && prng_.chance(20)) spec.request.nodes_max = spec.request.nodes + 1;
    spec.request.contiguous = spec.request.nodes > 1 && prng_.chance(30);
    const bool single = spec.request.nodes == 1 && spec.request.nodes_max == 0;
    if (small && single && prng_.chance(20)) {
      const JobSpec part = Desk::spec(spec.user, 1);
      for (std::uint64_t more = 1 + prng_.below(2); more > 0; --more) add_component(spec, part);
    }
    if (prng_.chance(10)) spec.request.cores.threads_per_core = 1;
    if (prng_.chance(30)) {
      spec.is_array = true;
      spec.array = prng_.chance(80) ? IndexSet::from_runs({{0, std::uint32_t(prng_.below(12)), 1}})
                                    : IndexSet::from_runs({{3, 9, 3}, {20, 24, 1}});
      spec.array_throttle = std::uint32_t(prng_.below(4));
    }
    if (prng_.chance(10)) spec.begin = clock_.now().wall + millis(std::int64_t(prng_.below(500)));
    for (int d = int(prng_.below(4)) - 1; d > 0 && !table_.jobs.empty(); --d)
      spec.dependencies.push_back({DependencyKind(prng_.below(4)), some_job()});
    spec.dependency_any = prng_.chance(40);
    return spec;
  }
  JobId some_job() { return JobId{1 + prng_.below(raw(table_.jobs.rbegin()->first))}; }

  void person() {
    if (prng_.chance(55) || table_.jobs.empty()) {
      Submit submit{ReplyToken{1}, std::make_shared<const JobSpec>(some_spec()), {}};
      for (const Dependency& dependency : submit.spec->dependencies)
        if (const auto known = table_.jobs.find(dependency.job);
            known != table_.jobs.end() && is_final(known->second.state))
          submit.known_ends.push_back({dependency.job, known->second.state});
      return deliver(std::move(submit));
    }
    if (prng_.chance(6)) {
      const std::string& node = agents_[prng_.below(agents_.size())]->name();
      const auto service = Service(prng_.chance(50) ? 0 : 1 + prng_.below(3));
      return deliver(ServeNode{ReplyToken{0}, {0, true}, node, service, "care"});
    }
    if (prng_.chance(15)) return alter();
    Command command;
    command.reply = ReplyToken{1};
    command.verb = Verb(prng_.below(6));
    command.actor = {1000 + std::uint32_t(prng_.below(2)), prng_.chance(20)};
    command.target.job = some_job();
    if (prng_.chance(40)) {
      command.target.whole_job = false;
      const auto first = std::uint32_t(prng_.below(10));
      command.target.elements =
          IndexSet::from_runs({{first, first + std::uint32_t(prng_.below(8)), 1}});
    }
    if (command.verb == Verb::Cancel && prng_.chance(20)) command.signal = 10;
    deliver(std::move(command));
  }

  // Some change of some job, right or wrong; as it was stored, which may be a moment ago.
  void alter() {
    const JobId id = some_job();
    if (!table_.jobs.contains(id) || is_final(table_.jobs.at(id).state)) return;
    Alter in;
    in.reply = ReplyToken{1};
    in.actor = {1000 + std::uint32_t(prng_.below(2)), prng_.chance(50)};
    in.job = id;
    in.revision = table_.jobs.at(id).revision;
    in.before = table_.specs.at(id);
    JobSpec after = *in.before;
    if (prng_.chance(30)) after.comment += "x";
    if (prng_.chance(30)) after.priority = std::int32_t(prng_.below(4));
    if (prng_.chance(30)) after.time_limit = millis(std::int64_t(50 + prng_.below(500)));
    if (prng_.chance(20)) after.begin = clock_.now().wall + millis(std::int64_t(prng_.below(200)));
    if (prng_.chance(20)) after.array_throttle = std::uint32_t(prng_.below(4));
    if (prng_.chance(20)) after.name = prng_.chance(50) ? "x" : "y";
    if (prng_.chance(20)) after.dependencies.clear();
    if (prng_.chance(20)) after.dependencies = {{DependencyKind::AfterAny, some_job(), 0}};
    if (prng_.chance(20) && after.request.nodes == 1) after.request.cpus = 1;
    if (config_.book != nullptr && prng_.chance(30)) {
      after.labels["qos"] = prng_.chance(30) ? "high" : "low";
      after.labels["partition"] = prng_.chance(50) ? "one" : "two";
    }
    for (const Dependency& dependency : after.dependencies)
      if (const auto known = table_.jobs.find(dependency.job);
          known != table_.jobs.end() && is_final(known->second.state))
        in.known_ends.push_back({dependency.job, known->second.state});
    in.after = std::make_shared<const JobSpec>(std::move(after));
    deliver(std::move(in));
  }
  void weather() {
    Agent& agent = *agents_[prng_.below(agents_.size())];
    if (prng_.chance(faults_.disconnect)) agent.disconnect(prng_.chance(80));
    if (prng_.chance(faults_.reboot)) agent.reboot();
  }

  void quiet() {
    faults_.on = false;
    for (const auto& agent : agents_)
      deliver(ServeNode{ReplyToken{0}, {0, true}, agent->name(), Service::InService, {}});
    for (const auto& [id, job] : table_.jobs) release(id);
    clock_.in(500, [this] {  // what was on its way when it became quiet
      for (const auto& [id, job] : table_.jobs) release(id);
    });
  }
  void release(JobId id) {
    for (const Verb verb : {Verb::Release, Verb::Resume}) {
      Command command;
      command.verb = verb;
      command.actor = {0, true};
      command.target.job = id;
      deliver(std::move(command));
    }
  }

  void at_rest() {
    for (const auto& [id, job] : table_.jobs) {
      const auto why = controller_.why(id, {}, clock_.now());
      EXPECT_TRUE(is_final(job.state)) << "job " << raw(id) << " is forgotten as "
                                       << to_string(job.state) << ": " << (why ? why->text : "");
      const TaskCounts& counts = job.counts;
      const JobSpec& spec = *table_.specs.at(id);
      EXPECT_EQ(counts.active, 0u);
      EXPECT_EQ(counts.succeeded + counts.failed + counts.cancelled + counts.timed_out,
                spec.is_array ? spec.array.count() : 1)
          << "job " << raw(id);
      if (job.state == JobState::Succeeded) {
        EXPECT_EQ(counts.failed + counts.cancelled + counts.timed_out, 0u);
      }
    }
    for (const auto& [id, task] : table_.tasks) {
      const auto end = truth_.ends.find({id, task.attempt, task.epoch});
      if (task.state != TaskState::Succeeded && task.reason != Reason::ExitCode) continue;
      ASSERT_NE(end, truth_.ends.end()) << "an end that no agent saw";
      EXPECT_EQ(end->second.cause, EndCause::Exited);
      EXPECT_EQ(end->second.exit_code, task.exit_code);
    }
    for (const rm::NodeView& node : controller_.resources().nodes()) {
      EXPECT_EQ(node.leases, 0u);
      EXPECT_EQ(node.free, node.capacity);
    }
    for (const rm::QuotaView& quota : controller_.resources().quotas())
      EXPECT_TRUE(quota.locked.is_zero() && quota.used.is_zero()) << quota.name;
    EXPECT_TRUE(controller_.groups(0, 10).empty());
    for (const auto& [task, processes] : truth_.alive) EXPECT_EQ(processes, 0);
  }

  Prng prng_;
  ControllerConfig config_;
  Controller controller_;
  Clockwork clock_;
  Faults faults_;
  Truth truth_;
  Table table_;
  std::shared_ptr<const dag::PhysicalPlan> plan_;
  std::vector<std::unique_ptr<Agent>> agents_;
  std::uint64_t sessions_ = 0;
  std::uint32_t crash_ = 0;
  int life_ = 0, armed_ = 0;
  bool turn_due_ = false;
  std::string history_;
};

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(ControllerSim, EveryJobEndsAndNothingLeaks) {
  const std::uint64_t first = from_environment("SEED", 1);
  const std::uint64_t count = from_environment("SEEDS", 300);
  for (std::uint64_t seed = first; seed < first + count && !HasFailure(); ++seed) {
    SCOPED_TRACE("replay: SEED=" + std::to_string(seed) +
                 " SEEDS=1 bin/sched_controller_sim_test --gtest_filter=*EveryJobEnds*");
    Sim(seed).run();
  }
}

TEST(ControllerSim, ASeedIsAHistory) {
  EXPECT_EQ(Sim(7).run(), Sim(7).run());
  EXPECT_NE(Sim(7).run(), Sim(8).run()) << "the seed must matter, or the test proves nothing";
}

}  // namespace
}  // namespace drover::sched
