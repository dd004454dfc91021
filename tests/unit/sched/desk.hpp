// tests/unit/sched/desk.hpp - a controller on a desk: no network, a map for a store, plans at once.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dag/compile.hpp"
#include "sched/controller.hpp"

namespace drover::sched {

inline std::shared_ptr<const dag::PhysicalPlan> one_step_plan() {
  dag::StepRequest step;
  step.argv = {"true"};
  dag::JobRequest request;
  request.name = "t";
  request.steps.push_back(step);
  return dag::compile(std::move(request)).value();
}

// What a store would keep, and what must never change in it.
struct Table {
  std::map<JobId, std::shared_ptr<const JobSpec>> specs;
  std::map<JobId, JobRecord> jobs;
  std::map<TaskId, TaskRecord> tasks;
  std::map<NodeId, NodeRecord> nodes;
  std::vector<Event> events;
  std::vector<UsageRecord> usage;
  std::vector<Reservation> reservations;
  std::vector<GroupRecord> groups;
  std::optional<rm::QuotaTable> quotas;
  std::uint64_t next_job = 1, next_epoch = 1, next_node = 1, next_event = 1;

  void store(const Changes& changes) {
    for (const auto& job : changes.new_jobs) {
      EXPECT_FALSE(specs.contains(job.id)) << "a job id was given twice";
      specs[job.id] = job.spec;
    }
    for (const auto& job : changes.altered) {
      EXPECT_TRUE(specs.contains(job.id)) << "a job was altered that nobody stored";
      specs[job.id] = job.spec;
    }
    std::map<JobId, int> seen;
    for (const JobRecord& job : changes.jobs) {
      EXPECT_EQ(++seen[job.id], 1) << "two images of one job in a turn";
      const auto old = jobs.find(job.id);
      EXPECT_FALSE(old != jobs.end() && is_final(old->second.state)) << "a job ended twice";
      jobs[job.id] = job;
    }
    std::map<TaskId, int> seen_tasks;
    for (const TaskRecord& task : changes.tasks) {
      EXPECT_EQ(++seen_tasks[task.id], 1) << "two images of one task in a turn";
      const auto old = tasks.find(task.id);
      EXPECT_FALSE(old != tasks.end() && is_final(old->second.state)) << "a task ended twice";
      tasks[task.id] = task;
    }
    for (const NodeRecord& node : changes.nodes) nodes[node.id] = node;
    if (changes.quotas) quotas = changes.quotas;
    if (changes.groups) groups = *changes.groups;
    for (const Event& event : changes.events) {
      EXPECT_EQ(raw(event.seq), events.size() + 1) << "a gap in the event log";
      events.push_back(event);
    }
    if (changes.usage) usage = *changes.usage;
    if (changes.reservations) reservations = *changes.reservations;
    if (changes.next_job_id != 0) next_job = changes.next_job_id;
    if (changes.next_epoch != 0) next_epoch = changes.next_epoch;
    if (changes.next_node_id != 0) next_node = changes.next_node_id;
    if (changes.next_event_seq != 0) next_event = changes.next_event_seq;
  }

  Controller restore(const ControllerConfig& config) const {
    Controller fresh(config);
    fresh.restore_counters(next_job, next_epoch, next_node, next_event);
    fresh.restore_usage(usage);
    if (quotas) fresh.restore_quotas(*quotas);
    for (const GroupRecord& group : groups) fresh.restore_group(group);
    for (const auto& [id, node] : nodes) fresh.restore_node(node);
    for (const Reservation& known : reservations) fresh.restore_reservation(known);
    for (const auto& [id, job] : jobs) {
      if (is_final(job.state)) continue;
      std::vector<TaskRecord> open;
      for (auto it = tasks.lower_bound({id, TaskIndex{0}});
           it != tasks.end() && it->first.job == id; ++it) {
        const bool above = !job.cursor_set || raw(it->first.index) >= job.cursor;
        if (it->second.state != TaskState::Succeeded || above) open.push_back(it->second);
      }
      const auto ok = fresh.restore_job(*specs.at(id), job, std::move(open));
      EXPECT_TRUE(ok) << (ok ? "" : ok.error().message);
    }
    return fresh;
  }
};

class Desk {
 public:
  explicit Desk(ControllerConfig with = {}) : config(std::move(with)), controller(config) {}

  static JobSpec spec(std::string user = "ann", std::int64_t cpus = 1) {
    JobSpec spec;
    spec.user = user;
    spec.owner = {user == "ann" ? 1000u : 1001u, 100};
    spec.name = "job";
    spec.argv = {"true"};
    spec.labels = {{"user", user}, {"creator", "cli"}};
    spec.request.cpus = cpus;
    spec.array = IndexSet::single(0);
    return spec;
  }
  static JobSpec array(std::uint32_t last, std::uint32_t throttle = 0) {
    JobSpec spec = Desk::spec();
    spec.is_array = true;
    spec.array = IndexSet::from_runs({{0, last, 1}});
    spec.array_throttle = throttle;
    return spec;
  }

  Result<Done> submit(const JobSpec& spec, std::vector<KnownEnd> known = {}) {
    put(Submit{ReplyToken{1}, std::make_shared<const JobSpec>(spec), std::move(known)});
    turn();
    return last_reply();
  }
  JobId accept(const JobSpec& spec) {
    const auto done = submit(spec);
    EXPECT_TRUE(done) << (done ? "" : done.error().message);
    return done ? done->job : JobId{0};
  }
  Result<Done> command(Verb verb, JobId job, Actor actor = {1000, false},
                       std::string elements = {}) {
    Command command;
    command.reply = ReplyToken{1};
    command.verb = verb;
    command.actor = actor;
    command.target.job = job;
    if (!elements.empty()) {
      command.target.whole_job = false;
      command.target.elements = IndexSet::parse(elements).value();
    }
    put(std::move(command));
    turn();
    return last_reply();
  }
  void register_node(rm::NodeSpec spec) {
    NodeUp up;
    up.spec = std::move(spec);
    up.boot_id = "b1";
    up.session = SessionId{++sessions};
    put(std::move(up));
    turn();
  }
  void node_up(const std::string& name, std::uint16_t cores, std::string boot = "b1",
               std::vector<HeldAttempt> running = {}) {
    NodeUp up;
    up.spec.name = name;
    up.spec.topology = rm::make_topology(1, 1, cores, 1, 1000);
    up.boot_id = std::move(boot);
    up.session = SessionId{++sessions};
    up.running = std::move(running);
    put(std::move(up));
    turn();
  }
  void started(const Launch& launch) {
    put(TaskStarted{launch.node, launch.session, launch.id, now.wall});
    turn();
  }
  void ended(const Launch& launch, std::int32_t code = 0, EndCause cause = EndCause::Exited) {
    TaskEnded end;
    end.node = launch.node;
    end.session = launch.session;
    end.id = launch.id;
    end.cause = cause;
    end.exit_code = code;
    end.started = end.ended = now.wall;
    put(std::move(end));
    turn();
  }
  void put(Input input) {
    controller.expect(input);  // for whatever comes, known or not
    controller.apply(std::move(input), now);
  }

  // Turns until no plan is asked for any more. Launches and kills of all of them are gathered.
  void turn() {
    replies.clear();
    for (bool again = true; again;) {
      again = false;
      TurnOutput out = controller.finish(now);
      table.store(out.changes);
      estimates.insert(estimates.end(), out.estimates.begin(), out.estimates.end());
      for (Reply& reply : out.replies) replies.push_back(std::move(reply));
      for (const Action& action : out.actions) {
        if (const auto* compile = std::get_if<CompileJob>(&action)) {
          ++compiled;
          if (!compiles) continue;
          put(PlanReady{compile->job, compile->group, one_step_plan()});
          again = true;
        }
        if (const auto* launch = std::get_if<Launch>(&action)) launches.push_back(*launch);
        if (const auto* kill = std::get_if<Kill>(&action)) kills.push_back(*kill);
        if (const auto* pause = std::get_if<Pause>(&action)) pauses.push_back(*pause);
        if (const auto* relimit = std::get_if<Relimit>(&action)) relimits.push_back(*relimit);
        if (const auto* ack = std::get_if<AckEnded>(&action)) acks.push_back(*ack);
      }
      const auto problems = controller.check();
      EXPECT_TRUE(problems.empty()) << problems.front();
    }
  }
  Estimate when(const JobSpec& spec) {  // were it submitted now
    const auto said =
        controller.weigh(Submit{ReplyToken{1}, std::make_shared<const JobSpec>(spec), {}}, now);
    EXPECT_TRUE(said) << (said ? "" : said.error().message);
    return said && said->start ? *said->start : Estimate{};
  }
  Result<Done> last_reply() const {
    EXPECT_EQ(replies.size(), 1u);
    if (replies.empty()) return fail(Errc::Io, "no reply");
    return replies.front().result;
  }
  JobState state(JobId id) const { return table.jobs.at(id).state; }
  Reason reason(JobId id) const { return table.jobs.at(id).reason; }
  void pass(Duration time) {
    now.wall = now.wall + time;
    now.mono = now.mono + time;
  }
  // The state as a new process would see it: everything else is forgotten.
  void restart() { controller = table.restore(config); }

  ControllerConfig config;
  Controller controller;
  Table table;
  Now now{{1'000'000'000}, {5'000'000}};
  std::uint64_t sessions = 0;
  bool compiles = true;
  int compiled = 0;
  std::vector<Reply> replies;
  std::vector<Launch> launches;
  std::vector<StartEstimate> estimates;
  std::vector<Kill> kills;
  std::vector<Pause> pauses;
  std::vector<Relimit> relimits;
  std::vector<AckEnded> acks;
};

}  // namespace drover::sched
