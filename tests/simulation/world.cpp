// tests/simulation/world.cpp - time, the controller's shell and the checks of the simulated
// cluster.
// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/world.hpp"

#include <algorithm>
#include <utility>

#include "dag/compile.hpp"
#include "rm/licence.hpp"

namespace drover::simulation {

World::World(std::uint64_t seed) : prng_(seed) {
  faults_ = {.controller_crashes = prng_.chance(60),
             .broken_sessions = prng_.chance(60),
             .doubled = prng_.chance(50),
             .reboots = prng_.chance(40),
             .commands = prng_.chance(60),
             .arrays = prng_.chance(60),
             .dependencies = prng_.chance(50),
             .drains = prng_.chance(30),
             .amnesia = prng_.chance(20),
             .reservations = prng_.chance(40),
             .retries = prng_.chance(50),
             .sole_users = prng_.chance(40),
             .licences = prng_.chance(40)};
  if (faults_.licences) {
    config_.licences = {{"l0", 3}, {"l1", 2}};
    config_.resources = *rm::ResourceNames::make(rm::licence_words(config_.licences, {}));
  }
  config_.group_limits.running_jobs = prng_.chance(50) ? 3 : 1000;
  controller_.emplace(config_);
  for (std::uint32_t number = 0; number < 3; ++number) add_node(number);
}

std::vector<std::string> World::run() {
  for (std::uint32_t number = 0; number < nodes_.size(); ++number)
    later(millis(std::int64_t(prng_.below(50))), [this, number] { connect(number); });
  later(millis(1), [this] { submit_some(); });
  later(millis(20), [this] { trouble(); });
  if (faults_.reservations) later(millis(10), [this] { reserve_some(); });
  constexpr std::uint64_t kStepsMax = 200'000;  // liveness: everything ends within this many steps
  while (!queue_.empty() && violations_.empty() && steps_ < kStepsMax) {
    const auto next = queue_.extract(queue_.begin());
    now_us_ = next.key().first;
    ++steps_;
    next.mapped()();
    check_step();
  }
  if (steps_ >= kStepsMax) violations_.push_back("the history does not come to an end");
  if (violations_.empty()) check_end();
  return violations_;
}

void World::later(Duration after, std::function<void()> what) {
  queue_.emplace(std::pair(now_us_ + after.us, sequence_++), std::move(what));
}

void World::note(const std::string& line) {
  history_ += std::to_string(now_us_) + " " + line + "\n";
}

// ---------------------------------------------------------------- the controller's shell

void World::give(sched::Input input) {
  controller_->apply(std::move(input), now());
  turn();
}

void World::turn() {
  sched::TurnOutput output = controller_->finish(now());
  check_launches(output);
  set_timer();
  if (output.changes.empty() && output.replies.empty() && output.actions.empty()) return;
  waiting_.push_back({std::move(output), life_});
  start_commit();
}

// One timer at a time: a later one is set when this one has fired.
void World::set_timer() {
  const auto due = controller_->next_timer(now());
  if (!due || (timer_us_ > now_us_ && timer_us_ <= due->us)) return;
  timer_us_ = std::max(now_us_ + 1, due->us);
  later(Duration{timer_us_ - now_us_}, [this, at = timer_us_, life = life_] {
    if (life == life_ && at == timer_us_) give(sched::Tick{});
  });
}

void World::start_commit() {
  if (committing_ || waiting_.empty()) return;
  committing_ = true;
  const std::uint64_t life = life_;
  later(Duration{200 + std::int64_t(prng_.below(3000))}, [this, life] {
    if (life == life_) commit_done();
  });
}

void World::commit_done() {
  std::vector<Waiting> batch = std::exchange(waiting_, {});
  for (const Waiting& turn : batch) store_.commit(turn.output.changes);
  committing_ = false;
  for (const Waiting& turn : batch) release(turn.output);
  start_commit();
}

void World::release(const sched::TurnOutput& output) {
  for (const sched::Reply& reply : output.replies) {
    if (!asked_.erase(reply.token)) continue;
    if (reply.result && raw(reply.result->job) != 0) acknowledged_.push_back(reply.result->job);
  }
  for (const sched::Action& action : output.actions) act(action);
}

void World::act(const sched::Action& action) {
  if (const auto* compile = std::get_if<sched::CompileJob>(&action)) {
    const std::uint64_t life = life_;
    later(Duration{std::int64_t(prng_.below(2000))},
          [this, life, job = compile->job, group = compile->group] {
            if (life != life_) return;
            dag::StepRequest step;
            const sched::JobSpec& spec = store_.spec(job);
            step.argv = {"true"};
            step.is_array = spec.is_array;
            step.elements = spec.array.count();
            dag::JobRequest request;
            request.name = "j";
            request.steps.push_back(step);
            give(sched::PlanReady{job, group, dag::compile(request, plans_)});
          });
  } else if (const auto* launch = std::get_if<sched::Launch>(&action)) {
    if (launched_.emplace(launch->id.epoch, launch->id).first->second != launch->id)
      violations_.push_back("epoch " + std::to_string(raw(launch->id.epoch)) + " was given twice");
    check_counterparts(launch->id.task);
    to_node(launch->session, [order = *launch](FakeNode& node) { node.on_launch(order); });
  } else if (const auto* kill = std::get_if<sched::Kill>(&action)) {
    to_node(kill->session, [order = *kill](FakeNode& node) { node.on_kill(order); });
  } else if (const auto* pause = std::get_if<sched::Pause>(&action)) {
    to_node(pause->session, [order = *pause](FakeNode& node) { node.on_pause(order); });
  } else if (const auto* ack = std::get_if<sched::AckEnded>(&action)) {
    to_node(ack->session, [order = *ack](FakeNode& node) { node.on_ack(order); });
  } else if (const auto* welcome = std::get_if<sched::Welcome>(&action)) {
    to_node(welcome->session,
            [order = *welcome](FakeNode& node) { node.on_welcome(order.node, order.session); });
  }
}

void World::crash_controller() {
  note("controller crashes");
  // The commit that was under way may or may not have reached the disk; nobody was told either way.
  if (committing_ && prng_.chance(50))
    for (const Waiting& turn : waiting_) store_.commit(turn.output.changes);
  ++life_;
  waiting_.clear();
  committing_ = false;
  asked_.clear();
  decided_.clear();
  timer_us_ = 0;
  controller_.emplace(store_.recover(config_));
  for (std::uint32_t number = 0; number < nodes_.size(); ++number) {
    nodes_[number]->disconnect();
    later(millis(1 + std::int64_t(prng_.below(200))), [this, number] { connect(number); });
  }
  turn();
}

// ---------------------------------------------------------------- the truth

void World::check_step() {
  if (!store_.violations().empty()) violations_ = store_.violations();
  for (const auto& node : nodes_)
    if (!node->violations().empty()) violations_ = node->violations();
  check_running();
  if (steps_ % 8 != 0) return;  // the whole-state check costs more than the step
  for (const std::string& wrong : controller_->check()) violations_.push_back(wrong);
}

// A process runs only for an attempt that is stored, and only while the store says what it holds:
// else others would be placed on its cores.
void World::check_running() {
  for (const auto& node : nodes_) check_neighbours(*node);
  for (const auto& node : nodes_)
    node->visit_running([&](const AttemptId& id) {
      const auto found = store_.tasks().find(id.task);
      const std::string name = "an attempt of job " + std::to_string(raw(id.task.job));
      if (found == store_.tasks().end() || raw(found->second.epoch) < raw(id.epoch))
        violations_.push_back(name + " runs and was never stored");
      else if (found->second.epoch != id.epoch || found->second.attempt != id.number ||
               !found->second.lease || found->second.node != node->spec().name)
        violations_.push_back(name + " runs on " + node->spec().name + " without its lease");
    });
}

// Nothing is sent to a node before the elements that it waits for have succeeded.
void World::check_counterparts(TaskId task) {
  for (const sched::Dependency& wait : store_.spec(task.job).dependencies) {
    if (wait.kind != sched::DependencyKind::AfterCorr) continue;
    const auto other = store_.tasks().find(TaskId{wait.job, task.index});
    if (other == store_.tasks().end() || other->second.state != sched::TaskState::Succeeded)
      violations_.push_back("element " + std::to_string(raw(task.index)) + " of job " +
                            std::to_string(raw(task.job)) + " starts before that of job " +
                            std::to_string(raw(wait.job)) + " has succeeded");
  }
}

// Who runs on the node, by the specs alone.
void World::check_neighbours(const FakeNode& node) {
  std::int64_t cpus = 0;
  std::set<std::uint32_t> users;
  bool alone = false;
  node.visit_running([&](const AttemptId& id) {
    const sched::JobSpec& spec = store_.spec(id.task.job);
    const auto task = store_.tasks().find(id.task);
    // What stands still has given its CPUs back, and does not get them to be ended.
    const bool has_cpus = task != store_.tasks().end() && task->second.lease &&
                          task->second.lease->amounts[rm::Kind::CpuMilli] > 0;
    if (has_cpus) cpus += spec.request.cpus;
    users.insert(spec.owner.uid);
    alone = alone || spec.request.sole_user != 0;
  });
  const std::int64_t most = node.spec().labels.contains("oversubscribe") ? 6 : 4;
  if (cpus > most)
    violations_.push_back(node.spec().name + " runs tasks of " + std::to_string(cpus) + " CPUs");
  if (alone && users.size() > 1)
    violations_.push_back(node.spec().name + " is one user's alone and runs others' tasks");
}

// What the record says is what the process of its last attempt did.
void World::check_outcome(const sched::TaskRecord& task) {
  const AttemptId attempt{task.id, task.attempt, task.epoch};
  const sched::TaskEnded* end = nullptr;
  for (const auto& node : nodes_)
    if (node->spec().name == task.node) end = node->end_of(attempt);
  const bool exited = end != nullptr && end->cause == sched::EndCause::Exited;
  bool right = true;
  if (task.state == sched::TaskState::Succeeded) right = exited && end->exit_code == 0;
  if (task.reason == sched::Reason::ExitCode) right = exited && end->exit_code == task.exit_code;
  if (task.reason == sched::Reason::NodeLost) right = faults_.reboots;
  if (task.reason == sched::Reason::ExitUnknown) right = faults_.amnesia;
  const bool cancelled = task.reason == sched::Reason::CancelledByUser ||
                         task.reason == sched::Reason::CancelledByOperator;
  if (cancelled) right = cancels_.contains(task.id.job);
  if (!right)
    violations_.push_back("job " + std::to_string(raw(task.id.job)) + " says " +
                          std::string(to_string(task.state)) + "/" +
                          std::string(to_string(task.reason)) + ", which did not happen");
}

void World::check_end() {
  for (const std::string& wrong : controller_->check()) violations_.push_back(wrong);
  for (const JobId job : acknowledged_)
    if (!store_.knows(job))
      violations_.push_back("acknowledged and lost: " + std::to_string(raw(job)));
  for (const auto& [id, job] : store_.jobs())
    if (!is_final(job.state))
      violations_.push_back("job " + std::to_string(raw(id)) +
                            " did not end: " + std::string(to_string(job.state)) + "/" +
                            std::string(to_string(job.reason)));
  for (const auto& [id, task] : store_.tasks()) {
    check_outcome(task);
  }
  for (const auto& node : nodes_)
    if (!node->is_idle())
      violations_.push_back("a node still holds attempts: " + node->spec().name);
  for (const rm::NodeView& node : controller_->resources().nodes())
    if (node.state != rm::NodeState::Up)
      violations_.push_back(node.spec->name + " is connected and not up: " + node.reason);
  for (const rm::NodeView& node : controller_->resources().nodes())
    if (!(node.free == node.capacity) || node.leases != 0)
      violations_.push_back("leases are not back to zero on " + node.spec->name);
  for (const rm::QuotaView& quota : controller_->resources().quotas())
    if (!quota.used.is_zero() || !quota.locked.is_zero())
      violations_.push_back("quota is not back to zero: " + quota.name);
  if (acknowledged_.empty())
    violations_.push_back("nothing was acknowledged: the run proves nothing");
}

}  // namespace drover::simulation
