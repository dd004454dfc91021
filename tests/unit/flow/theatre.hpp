// tests/unit/flow/theatre.hpp - workflows on a controller with one node and a map for a store.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dag/read_workflow.hpp"
#include "dag/recording.hpp"
#include "flow/conductor.hpp"
#include "flow/replay.hpp"
#include "tests/unit/sched/desk.hpp"

namespace drover::flow {

// The fields of a job that these tests use.
inline sched::JobSpec spec_of(const std::string& text) {
  const auto json = nlohmann::json::parse(text);
  sched::JobSpec spec = sched::Desk::spec();
  spec.name = json.value("name", "");
  if (json.contains("array")) {
    spec.is_array = true;
    spec.array = IndexSet::parse(json["array"].get<std::string>()).value();
  }
  spec.items_run = json.value("items_run", false);
  if (json.contains("items"))
    for (const auto& item : json["items"]) spec.items.add(item.get<std::string>());
  if (spec.items_run) {
    spec.is_array = true;
    spec.array = IndexSet::parse("0-" + std::to_string(spec.items.size() - 1)).value();
  }
  if (json.contains("dependencies"))
    for (const auto& wait : json["dependencies"])
      spec.dependencies.push_back(
          {sched::DependencyKind::AfterCorr, JobId(wait["job"].get<std::uint64_t>()), 0});
  return spec;
}

struct FlowTable {
  std::map<JobId, std::shared_ptr<const WorkflowSource>> sources;
  std::map<JobId, WorkflowRecord> records;
  std::map<JobId, std::vector<dag::Fact>> facts;
  std::map<std::string, CacheEntry> results;

  void store(const Changes& changes) {
    for (const auto& one : changes.sources) EXPECT_TRUE(sources.emplace(one.id, one.source).second);
    for (const auto& one : changes.reopened)
      EXPECT_EQ(*one.facts, facts.at(one.id)) << "what it goes on from is what was stored";
    for (const auto& record : changes.records) records[record.id] = record;
    for (const auto& [id, fact] : changes.facts) {
      EXPECT_EQ(fact.number, facts[id].size() + 1) << "facts have gaps";
      facts[id].push_back(fact);
    }
    for (const auto& entry : changes.cache) results[entry.key] = entry;
  }
};

class Theatre {
 public:
  // How an element of a job ends: 0 = well.
  using Outcome = std::function<int(const std::string& name, std::uint32_t index)>;

  explicit Theatre(std::uint16_t cores = 64, Limits with = {}) : limits(with), cores_(cores) {
    config.inline_plan = sched::one_step_plan();
    controller.emplace(config);
    make_conductor(limits);
    register_node();
  }

  Result<JobId> submit(const std::string& document,
                       std::map<std::string, std::string> params = {}) {
    auto source = std::make_shared<WorkflowSource>();
    source->bundle.origin = "flow.toml";
    source->bundle.text = document;
    source->bundle.params = std::move(params);
    source->bundle.recordings = recordings;
    source->user = "ann";
    source->submitted = now.wall;
    auto run = replay(JobId{1}, *source, {});
    if (!run) return fail(run.error());
    SubmitWorkflow submit;
    submit.owner = {1000, 100};
    submit.user = "ann";
    submit.source = std::move(source);
    submit.run = std::make_shared<dag::Run>(*std::move(run));
    auto done = put(std::move(submit));
    if (!done) return fail(done.error());
    return done->job;
  }
  // What the step of an earlier workflow did, for the replays of those to come.
  void record(JobId id, const std::string& step) {
    const auto run = replay(id, *flows.sources.at(id), flows.facts.at(id));
    ASSERT_TRUE(run);
    auto recording = dag::record_step(*run, step);
    ASSERT_TRUE(recording) << recording.error().message;
    recordings[dag::recording_name({raw(id), step, nullptr})] =
        std::make_shared<const dag::Recording>(*std::move(recording));
  }
  JobId accept(const std::string& document, std::map<std::string, std::string> params = {}) {
    const auto id = submit(document, std::move(params));
    EXPECT_TRUE(id) << (id ? "" : id.error().message);
    return id ? *id : JobId{};
  }
  Result<sched::Done> put(Input input) {
    auto done = conductor->apply(std::move(input), now);
    turn();
    return done;
  }
  Result<sched::Done> command(JobId id, WorkflowVerb verb, std::string step = {}) {
    return put(CommandWorkflow{{1000, false}, id, verb, std::move(step)});
  }
  Result<sched::Done> set(JobId id, std::string part, std::string name, std::string value) {
    return put(
        SetValues{{1000, false}, id, std::move(part), {{std::move(name), std::move(value)}}});
  }

  Result<sched::Done> retry(JobId id) {
    return put(ReopenWorkflow{{1000, false},
                              flows.records.at(id),
                              flows.sources.at(id),
                              std::make_shared<const std::vector<dag::Fact>>(flows.facts.at(id))});
  }

  void turn() {
    bool more = true;
    while (more) {
      sched::TurnOutput out = controller->finish(now);
      more = conductor->follow(out, now);
      table.store(out.changes);
      for (const sched::Action& action : out.actions) {
        if (const auto* launch = std::get_if<sched::Launch>(&action)) {
          EXPECT_TRUE(running.emplace(launch->id, *launch).second) << "started twice";
          started.push_back(name_of(launch->id));
          controller->apply(sched::TaskStarted{launch->node, launch->session, launch->id, now.wall},
                            now);
          more = true;
        }
        if (const auto* kill = std::get_if<sched::Kill>(&action)) killed.push_back(kill->id);
      }
      if (slow_to_die) continue;
      for (const AttemptId& id : std::exchange(killed, {})) {
        if (running.contains(id)) end(id, sched::EndCause::Killed, 0);
        more = true;
      }
    }
    flows.store(conductor->collect());
    for (const auto& [id, record] : flows.records) {
      const bool told = std::ranges::any_of(table.events, [&](const sched::Event& event) {
        return event.job == id && event.kind == sched::EventKind::WorkflowEnded;
      });
      EXPECT_TRUE(told || !is_final(record.state)) << "its end is not told in its turn";
    }
  }

  std::string name_of(const AttemptId& id) const {
    const sched::JobSpec& spec = *table.specs.at(id.task.job);
    if (spec.items_run)
      return nlohmann::json::parse(spec.items[raw(id.task.index)]).at("name").get<std::string>();
    return spec.is_array ? spec.name + "[" + std::to_string(raw(id.task.index)) + "]" : spec.name;
  }
  // The first attempt of that job ends.
  void end(const std::string& name, int code = 0) {
    for (const auto& [id, launch] : running)
      if (name_of(id) == name) {
        end(id, sched::EndCause::Exited, code);
        return turn();
      }
    ADD_FAILURE() << name << " does not run";
  }
  void end(AttemptId id, sched::EndCause cause, int code) {
    const auto found = running.find(id);
    sched::TaskEnded ended;
    ended.node = found->second.node;
    ended.session = session_;
    ended.id = id;
    ended.cause = cause;
    ended.exit_code = code;
    ended.started = ended.ended = now.wall;
    running.erase(found);
    controller->apply(std::move(ended), now);
  }
  bool runs(const std::string& name) const {
    return std::ranges::any_of(running,
                               [&](const auto& one) { return name_of(one.first) == name; });
  }
  // Ends what runs, one after the other, chosen by `pick`, until nothing does.
  void play(const Outcome& outcome, const std::function<std::size_t(std::size_t)>& pick,
            const std::function<void()>& between = {}) {
    for (int guard = 0; guard < 20'000; ++guard) {
      if (running.empty()) {
        const auto due = conductor->next_timer(now);
        if (!due || conductor->open() == 0) return;
        pass(*due - now.mono);
        turn();
        if (running.empty() && conductor->next_timer(now) == due) return;
        continue;
      }
      const auto one = std::next(running.begin(), std::ptrdiff_t(pick(running.size())));
      const AttemptId id = one->first;
      const sched::JobSpec& spec = *table.specs.at(id.task.job);
      const std::string name = spec.items_run ? name_of(id) : spec.name;
      end(id, sched::EndCause::Exited, outcome(name, raw(id.task.index)));
      turn();
      if (between) between();
    }
    ADD_FAILURE() << "it does not end";
  }
  void pass(Duration time) {
    now.wall = now.wall + time;
    now.mono = now.mono + time;
  }
  dag::Mark mark(JobId id, const std::string& part) const {
    auto run = replay(id, *flows.sources.at(id), flows.facts.at(id));
    EXPECT_TRUE(run) << (run ? "" : run.error().message);
    for (std::uint32_t i = 0; i < run->plan().parts.size(); ++i)
      if (dag::part_name(run->workflow(), run->plan().parts[i]) == part) return run->mark(i);
    ADD_FAILURE() << "no part " << part;
    return {};
  }
  WorkflowState state(JobId id) const { return flows.records.at(id).state; }

  // Daemon and memory are gone; the node and what runs there are not.
  void restart() {
    controller.emplace(table.restore(config));
    make_conductor(limits);
    for (const auto& [id, record] : flows.records) {
      if (is_final(record.state)) continue;
      const auto ok = conductor->restore(record, *flows.sources.at(id), flows.facts[id], now);
      EXPECT_TRUE(ok) << (ok ? "" : ok.error().message);
    }
    if (on_restored) on_restored();
    for (const JobId job : conductor->lost_sight_of())
      conductor->job_ended(table.jobs.at(job), now);
    register_node();
  }

  Limits limits;
  std::map<std::string, std::shared_ptr<const dag::Recording>> recordings;
  sched::ControllerConfig config;
  std::optional<sched::Controller> controller;
  std::unique_ptr<Conductor> conductor;
  sched::Table table;
  FlowTable flows;
  Now now{{1'700'000'000'000'000}, {5'000'000}};
  std::map<AttemptId, sched::Launch> running;
  std::vector<std::string> started;
  std::vector<AttemptId> killed;
  std::function<void()> on_restored;  // before anything happens after a restart
  bool slow_to_die = false;           // what is killed runs on until it is false

 private:
  void make_conductor(Limits with) {
    Ports ports;
    ports.prepare = [](const Owner& owner, const std::string& user, const std::string& json,
                       Time) -> Result<sched::Submit> {
      sched::JobSpec spec = spec_of(json);
      spec.owner = owner;
      spec.user = user;
      sched::Submit submit;
      submit.spec = std::make_shared<const sched::JobSpec>(std::move(spec));
      return submit;
    };
    ports.find_cached = [this](std::uint32_t, const std::string& key) -> std::optional<CacheEntry> {
      const auto found = flows.results.find(key);
      return found == flows.results.end() ? std::nullopt : std::optional(found->second);
    };
    ports.unsuccessful = [this](JobId job) {
      std::string text;
      const sched::JobSpec& spec = *table.specs.at(job);
      for (auto i = spec.array.first(); i; i = spec.array.next_after(*i)) {
        const auto task = table.tasks.find({job, TaskIndex{*i}});
        const bool well =
            task != table.tasks.end() && task->second.state == sched::TaskState::Succeeded;
        if (!well) text += (text.empty() ? "" : ",") + std::to_string(*i);
      }
      return text;
    };
    conductor = std::make_unique<Conductor>(*controller, std::move(ports), with);
  }
  void register_node() {
    sched::NodeUp up;
    up.spec.name = "n1";
    up.spec.topology = rm::make_topology(1, 1, cores_, 1, 1000);
    up.boot_id = "b1";
    session_ = SessionId{++sessions_};
    up.session = session_;
    for (auto& [id, launch] : running) {
      launch.session = session_;
      up.running.push_back({id, true});
    }
    controller->apply(std::move(up), now);
    turn();
  }

  std::uint16_t cores_;
  std::uint64_t sessions_ = 0;
  SessionId session_{};
};

}  // namespace drover::flow
