// tests/unit/pool/stage.hpp - a controller, its engines and a machine that does what it is told.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pool/engine_pool.hpp"
#include "sched/entrance.hpp"
#include "tests/unit/sched/desk.hpp"

namespace drover::pool {

inline Plugin plugin(std::string type = "python") {
  Plugin made;
  made.type = std::move(type);
  made.languages = {made.type == "python" ? "py" : made.type};
  made.command = {"{plugin}/engine"};
  made.folder = "/plugins/" + made.type;
  return made;
}

class Stage {
 public:
  explicit Stage(std::vector<Plugin> plugins = {plugin()}, std::uint16_t cores = 64,
                 sched::ControllerConfig config = {})
      : cores_(cores), config_(std::move(config)) {
    auto catalogue = std::make_shared<Catalogue>();
    for (Plugin& one : plugins) EXPECT_TRUE(catalogue->add(std::move(one)));
    catalogue_ = std::move(catalogue);
    open();
    node_up("n1", cores_);
  }

  JobId submit(std::string session = {}, std::string engine = "python", std::uint32_t uid = 1000) {
    sched::JobSpec spec;
    spec.owner = {uid, 100};
    spec.user = "u" + std::to_string(uid);
    spec.script = "1+1";
    spec.statement = sched::Statement{std::move(engine), "", std::move(session), "", ""};
    spec.statement->content_key = content_key;
    spec.statement->wish = wish;
    spec.statement->once = once;
    spec.retry = retry;
    spec.hold = holds;
    const auto completed = catalogue_->complete(spec);
    EXPECT_TRUE(completed) << (completed ? "" : completed.error().message);
    auto admitted = sched::admit(std::move(spec), {});
    EXPECT_TRUE(admitted) << (admitted ? "" : admitted.error().message);
    sched::Submit in;
    in.spec = std::make_shared<const sched::JobSpec>(*std::move(admitted));
    const auto job = controller->submit_now(in, now);
    EXPECT_TRUE(job) << (job ? "" : job.error().message);
    turn();
    return job ? *job : JobId{};
  }
  JobId submit_batch(std::int32_t cpus) {
    sched::JobSpec spec;
    spec.owner = {1000, 100};
    spec.user = "u1000";
    spec.argv = {"batch"};
    spec.cpus_per_task = cpus;
    sched::Submit in;
    in.spec = std::make_shared<const sched::JobSpec>(sched::admit(std::move(spec), {}).value());
    const auto job = controller->submit_now(in, now);
    turn();
    return job ? *job : JobId{};
  }
  Result<sched::Done> ask(Input input) {
    auto done = pool->apply(std::move(input), now);
    turn();
    return done;
  }
  void cancel(JobId job) {
    sched::Command command;
    command.actor = {1000, false};
    command.target.job = job;
    put(std::move(command));
  }

  // ---- what nodes and engines do
  void node_up(const std::string& name, std::uint16_t cores) {
    sched::NodeUp up;
    up.spec.name = name;
    up.spec.topology = rm::make_topology(1, 1, cores, 1, 1 << 20);
    up.boot_id = "b1";
    up.session = SessionId{++sessions};
    for (const auto& [job, launch] : running_engines) up.running.push_back({launch.id, true});
    machine = up.session;
    put(std::move(up));
  }
  // The engine of a job registers, with what it runs; or its agent does so for one that is dead.
  void engine_up(JobId job) {
    const bool lives = running_engines.contains(job);
    const std::string name = table.specs.at(job)->engine->name;
    sched::NodeUp up;
    up.spec.name = name;
    up.spec.labels = {{"pool", table.specs.at(job)->engine->pool}};
    up.spec.seats = seats;
    up.boot_id = std::to_string(raw(job));
    up.host = job;
    up.session = SessionId{++sessions};
    for (const auto& [statement, on] : running_statements)
      if (lives && on.first == name) up.running.push_back({on.second.id, true});
    if (lives) engine_sessions[name] = up.session;
    put(std::move(up));
  }
  void statement_ended(JobId statement, std::int32_t code = 0, Duration took = {}) {
    const auto [name, launch] = running_statements.at(statement);
    running_statements.erase(statement);
    end(launch, engine_sessions.at(name), code, took);
  }
  void statement_returned(JobId statement) {
    const auto [name, launch] = running_statements.at(statement);
    running_statements.erase(statement);
    sched::TaskEnded ended;
    ended.node = launch.node;
    ended.session = engine_sessions.at(name);
    ended.id = launch.id;
    ended.cause = sched::EndCause::LaunchFailed;
    ended.never_started = ended.returned = true;
    put(std::move(ended));
  }
  // What it ran is gone with it; nobody tells.
  void engine_died(JobId job, std::int32_t code = 1) {
    const sched::Launch launch = running_engines.at(job);
    running_engines.erase(job);
    std::erase_if(running_statements, [&](const auto& one) {
      return one.second.first == table.specs.at(job)->engine->name;
    });
    end(launch, machine, code);
  }
  void pass(Duration time) {
    now.wall = now.wall + time;
    now.mono = now.mono + time;
    put(sched::Tick{});
  }
  void restart() {
    auto fresh = std::make_unique<sched::Controller>(table.restore({}));
    controller = std::move(fresh);
    engine_sessions.clear();
    make_pool();
    for (const auto& [id, record] : table.jobs) {
      if (sched::is_final(record.state)) continue;
      std::vector<sched::TaskRecord> tasks;
      for (const auto& [task, known] : table.tasks)
        if (task.job == id && !sched::is_final(known.state)) tasks.push_back(known);
      pool->restore(*table.specs.at(id), record, tasks, now);
    }
    turn();
    node_up("n1", cores_);
  }

  void put(sched::Input input) {
    controller->apply(std::move(input), now);
    turn();
  }
  void turn() {
    for (bool again = true; again;) {
      sched::TurnOutput out = controller->finish(now);
      again = pool->follow(out, now);
      table.store(out.changes);
      for (const sched::Action& action : out.actions) again = act(action) || again;
      const auto problems = controller->check();
      ASSERT_TRUE(problems.empty()) << problems.front();
    }
  }

  // ---- looking
  sched::JobState state(JobId job) const { return table.jobs.at(job).state; }
  std::vector<JobId> engine_jobs() const {  // launched and not ended
    std::vector<JobId> jobs;
    for (const auto& [job, launch] : running_engines) jobs.push_back(job);
    return jobs;
  }
  bool runs(JobId statement) const { return running_statements.contains(statement); }
  std::size_t open_jobs() const {
    std::size_t open = 0;
    for (const auto& [id, job] : table.jobs) open += !sched::is_final(job.state);
    return open;
  }

  std::unique_ptr<sched::Controller> controller;
  std::unique_ptr<EnginePool> pool;
  sched::Table table;
  Now now{{1'000'000'000}, {5'000'000}};
  std::uint64_t sessions = 0;
  SessionId machine{};
  std::map<JobId, sched::Launch> running_engines;
  std::map<JobId, std::pair<std::string, sched::Launch>> running_statements;
  std::map<std::string, SessionId> engine_sessions;
  std::size_t turned_away = 0;
  std::set<JobId> signalled;     // engines that were told to end
  std::uint32_t seats = 1;       // of engines that register
  sched::RetryRule retry;        // of statements from here on
  bool holds = false;            // likewise
  sched::EngineAmounts wish;     // likewise
  bool once = false;             // likewise
  std::string content_key;       // of statements from here on: they offer their results
  bool obeys = true;             // they do, at once
  bool refuses_engines = false;  // the entrance

 private:
  void open() {
    controller = std::make_unique<sched::Controller>(config_);
    make_pool();
  }
  void make_pool() {
    pool = std::make_unique<EnginePool>(
        *controller, [this](sched::JobSpec spec) -> Result<sched::Submit> {
          if (refuses_engines) return fail(Errc::Limit, "the queue is full");
          auto admitted = sched::admit(std::move(spec), {});
          if (!admitted) return fail(admitted.error());
          sched::Submit submit;
          submit.spec = std::make_shared<const sched::JobSpec>(*std::move(admitted));
          return submit;
        });
    pool->set_catalogue(catalogue_);
  }
  void end(const sched::Launch& launch, SessionId session, std::int32_t code, Duration took = {}) {
    sched::TaskEnded ended;
    ended.node = launch.node;
    ended.session = session;
    ended.id = launch.id;
    ended.exit_code = code;
    ended.started = now.wall;
    ended.ended = now.wall + took;
    put(std::move(ended));
  }
  bool act(const sched::Action& action) {
    if (const auto* compile = std::get_if<sched::CompileJob>(&action)) {
      controller->apply(sched::PlanReady{compile->job, compile->group, sched::one_step_plan()},
                        now);
      return true;
    }
    if (const auto* launch = std::get_if<sched::Launch>(&action)) {
      const JobId job = launch->id.task.job;
      if (table.specs.at(job)->statement) {
        running_statements[job] = {table.tasks.at(launch->id.task).node, *launch};
        return false;
      }
      running_engines[job] = *launch;
      controller->apply(sched::TaskStarted{launch->node, launch->session, launch->id, now.wall},
                        now);
      return true;
    }
    if (const auto* kill = std::get_if<sched::Kill>(&action)) return on_kill(*kill);
    if (std::holds_alternative<sched::TurnAway>(action)) ++turned_away;
    return false;
  }
  bool on_kill(const sched::Kill& kill) {
    const JobId job = kill.id.task.job;
    if (const auto statement = running_statements.find(job);
        statement != running_statements.end()) {
      sched::TaskEnded ended;
      ended.node = kill.node;
      ended.session = kill.session;
      ended.id = kill.id;
      ended.cause = sched::EndCause::Killed;
      ended.started = ended.ended = now.wall;
      running_statements.erase(statement);
      controller->apply(std::move(ended), now);
      return true;
    }
    const auto engine = running_engines.find(job);
    if (engine == running_engines.end()) return false;
    signalled.insert(job);
    if (kill.signal != 0 && !obeys) return false;
    sched::TaskEnded ended;
    ended.node = engine->second.node;
    ended.session = machine;
    ended.id = engine->second.id;
    ended.cause = kill.signal != 0 ? sched::EndCause::Exited : sched::EndCause::Killed;
    ended.started = ended.ended = now.wall;
    const std::string name = table.specs.at(job)->engine->name;
    std::erase_if(running_statements, [&](const auto& one) { return one.second.first == name; });
    running_engines.erase(engine);
    controller->apply(std::move(ended), now);
    return true;
  }

  std::uint16_t cores_;
  sched::ControllerConfig config_;
  std::shared_ptr<const Catalogue> catalogue_;
};

}  // namespace drover::pool
