// tests/simulation/world_trouble.cpp - what users do to the simulated cluster, and what goes wrong
// in it.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "tests/simulation/world.hpp"

namespace drover::simulation {

// ---------------------------------------------------------------- users

std::shared_ptr<const sched::JobSpec> World::random_spec() {
  auto spec = std::make_shared<sched::JobSpec>();
  spec->owner = {.uid = 1000 + std::uint32_t(prng_.below(3)), .gid = 100};
  spec->user = "user" + std::to_string(spec->owner.uid);
  spec->name = "name" + std::to_string(prng_.below(4));
  spec->argv = {"true"};
  spec->cwd = "/";
  spec->labels = {{"user", spec->user}, {"creator", prng_.chance(50) ? "cli" : "api"}};
  spec->request.cpus = 1 + std::int64_t(prng_.below(4));
  spec->request.mem_mib = std::int64_t(prng_.below(3)) * 512;
  spec->array = IndexSet::single(0);
  spec->priority = std::int32_t(prng_.below(3));
  spec->requeue = prng_.chance(70);
  spec->singleton = faults_.dependencies && prng_.chance(10);
  if (faults_.arrays && prng_.chance(30)) {
    spec->is_array = true;
    spec->array = *IndexSet::parse("1-" + std::to_string(2 + prng_.below(12)) + ":2");
    spec->array_throttle = std::uint32_t(prng_.below(3));
  }
  if (prng_.chance(10)) spec->begin = now().wall + millis(std::int64_t(prng_.below(3000)));
  if (faults_.dependencies && !acknowledged_.empty() && prng_.chance(40)) {
    for (std::uint64_t edges = 1 + prng_.below(2); edges > 0; --edges)
      spec->dependencies.push_back({sched::DependencyKind(prng_.below(4)),
                                    acknowledged_[prng_.below(acknowledged_.size())]});
    spec->dependency_any = prng_.chance(30);
  }
  if (faults_.dependencies && faults_.arrays && prng_.chance(40)) follow_some(*spec);
  if (faults_.retries && prng_.chance(50)) {
    spec->retry.max = 1 + std::uint32_t(prng_.below(3));
    spec->retry.factor_percent = 150;
    if (prng_.chance(70)) spec->retry.delay = millis(std::int64_t(prng_.below(600)));
    if (prng_.chance(30)) spec->retry.on = sched::kRetryUnknown;
  }
  if (faults_.sole_users && prng_.chance(40))
    spec->request.sole_user = std::int64_t(spec->owner.uid) + 1;
  if (faults_.licences && prng_.chance(50))
    spec->request.licences["l" + std::to_string(prng_.below(2))] = 1 + std::int64_t(prng_.below(2));
  spec->hold = faults_.commands && prng_.chance(10);
  if (faults_.reservations && prng_.chance(70))
    spec->time_limit = millis(200 + std::int64_t(prng_.below(1500)));
  if (faults_.reservations && prng_.chance(35))
    spec->reservation = "r" + std::to_string(prng_.below(3));
  return spec;
}

// Element by element.
void World::follow_some(sched::JobSpec& spec) {
  for (std::uint64_t tries = 0; tries < 4 && !acknowledged_.empty(); ++tries) {
    const JobId target = acknowledged_[prng_.below(acknowledged_.size())];
    const sched::JobSpec& other = store_.spec(target);
    if (!other.is_array || (spec.is_array && !(spec.array == other.array))) continue;
    const bool again = std::ranges::any_of(spec.dependencies, [&](const sched::Dependency& one) {
      return one.kind == sched::DependencyKind::AfterCorr && one.job == target;
    });
    if (again) continue;
    spec.is_array = true;
    spec.array = other.array;
    spec.dependency_any = false;
    spec.dependencies.push_back({sched::DependencyKind::AfterCorr, target, 0});
  }
}

void World::submit_some() {
  for (std::uint64_t n = 1 + prng_.below(4); n > 0 && submitted_ < to_submit_; --n, ++submitted_) {
    const ReplyToken token{next_token_++};
    asked_.insert(token);
    const auto spec = random_spec();
    give(sched::Submit{token, spec, store_.ends_of(spec->dependencies)});
  }
  if (submitted_ < to_submit_)
    later(millis(1 + std::int64_t(prng_.below(100))), [this] { submit_some(); });
}

void World::command_some() {
  if (acknowledged_.empty()) return;
  sched::Command command;
  command.verb = sched::Verb(prng_.below(6));
  command.target.job = acknowledged_[prng_.below(acknowledged_.size())];
  // Most commands at what runs: there they meet messages under way.
  std::vector<JobId> running;
  for (const auto& [id, job] : store_.jobs())
    if (job.state == sched::JobState::Running) running.push_back(id);
  if (!running.empty() && prng_.chance(60))
    command.target.job = running[prng_.below(running.size())];
  command.actor = {.uid = 0, .is_operator = true};
  const sched::JobSpec& spec = store_.spec(command.target.job);
  if (spec.is_array && command.verb == sched::Verb::Cancel && prng_.chance(60)) {
    command.target.whole_job = false;
    command.target.elements = IndexSet::single(spec.array.runs().front().first);
  }
  if (command.verb == sched::Verb::Cancel) cancels_.insert(command.target.job);
  note("command " + std::to_string(int(command.verb)) + " on " +
       std::to_string(raw(command.target.job)));
  give(std::move(command));
}

// ---------------------------------------------------------------- nodes and their connections

FakeNode& World::add_node(std::uint32_t number) {
  rm::NodeSpec spec{.name = "n" + std::to_string(number),
                    .labels = {},
                    .topology = rm::make_topology(1, 1, 4, 1, 4096)};
  if (faults_.sole_users && number == 1) spec.labels["oversubscribe"] = "1.5";
  node_life_.push_back(1);
  NodeWorld world;
  world.prng = &prng_;
  world.now = [this] { return now(); };
  world.send = [this, number](sched::Input input) { to_controller(number, std::move(input)); };
  world.later = [this, number](Duration after, std::function<void()> what) {
    later(after, [this, number, life = node_life_[number], what = std::move(what)] {
      if (life == node_life_[number]) what();
    });
  };
  nodes_.push_back(std::make_unique<FakeNode>(number, std::move(spec), std::move(world)));
  return *nodes_.back();
}

void World::connect(std::uint32_t number) {
  if (nodes_[number]->session()) return;
  const SessionId session{next_session_++};
  sessions_[session] = number;
  note("node " + std::to_string(number) + " registers, session " + std::to_string(raw(session)));
  sched::NodeUp hello = nodes_[number]->hello(session);
  later(millis(1), [this, life = life_, number, session, hello = std::move(hello)] {
    if (life == life_ && nodes_[number]->session() == session) give(hello);
  });
}

// Both directions of a session keep their order; messages under way when it breaks are lost, or
// come late: by then their session is foreign.
void World::to_node(SessionId session, std::function<void(FakeNode&)> deliver) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  FakeNode& node = *nodes_[found->second];
  std::int64_t& last = last_to_node_[session];
  last = std::max(last, now_us_ + 100 + std::int64_t(prng_.below(2000)));
  const bool lost = node.session() != session && prng_.chance(50);
  const int copies = lost ? 0 : faults_.doubled && prng_.chance(30) ? 2 : 1;
  for (int copy = 0; copy < copies; ++copy)
    later(Duration{last - now_us_}, [&node, deliver] { deliver(node); });
}

void World::to_controller(std::uint32_t number, sched::Input input) {
  const SessionId session = *nodes_[number]->session();
  std::int64_t& last = last_to_controller_[session];
  last = std::max(last, now_us_ + 100 + std::int64_t(prng_.below(2000)));
  const int copies = faults_.doubled && prng_.chance(30) ? 2 : 1;
  const bool may_be_lost = faults_.broken_sessions && prng_.chance(50);
  for (int copy = 0; copy < copies; ++copy)
    later(Duration{last - now_us_}, [this, number, session, input, may_be_lost, life = life_] {
      const bool broken = nodes_[number]->session() != session;
      if (life != life_ || (broken && may_be_lost)) return;
      give(input);
    });
}

void World::break_session(std::uint32_t number) {
  const auto session = nodes_[number]->session();
  if (!session) return;
  note("session " + std::to_string(raw(*session)) + " breaks");
  nodes_[number]->disconnect();
  later(millis(std::int64_t(prng_.below(50))), [this, number, session = *session, life = life_] {
    if (life != life_) return;
    for (const rm::NodeView& view : controller_->resources().nodes())
      if (view.spec->name == nodes_[number]->spec().name)
        return give(sched::NodeDown{view.id, session});
  });
  later(millis(1 + std::int64_t(prng_.below(100))), [this, number] { connect(number); });
}

void World::forget_attempts(std::uint32_t number) {
  note("node " + std::to_string(number) + " forgets what runs");
  nodes_[number]->forget([this](const AttemptId& id) {
    // Where the start is not stored, nobody could tell a lost launch from a lost process.
    const auto found = store_.tasks().find(id.task);
    return found != store_.tasks().end() && found->second.epoch == id.epoch &&
           found->second.started.is_set();
  });
  break_session(number);
}

// Once in a while something goes wrong; when all jobs are submitted and enough has happened, it
// stops, held jobs are released, and from then on everything has to end.
void World::trouble() {
  if (calm_) return;
  const std::uint32_t victim = std::uint32_t(prng_.below(nodes_.size()));
  if (faults_.controller_crashes && prng_.chance(10)) crash_controller();
  if (faults_.broken_sessions && prng_.chance(20)) break_session(victim);
  if (faults_.reboots && prng_.chance(4)) {
    note("node " + std::to_string(victim) + " reboots");
    break_session(victim);
    ++node_life_[victim];
    nodes_[victim]->reboot();
    later(millis(1 + std::int64_t(prng_.below(500))), [this, victim] { connect(victim); });
  }
  if (faults_.doubled && prng_.chance(40)) nodes_[victim]->repeat_ends();
  if (faults_.amnesia && prng_.chance(4)) forget_attempts(victim);
  if (faults_.commands && prng_.chance(30)) command_some();
  if (faults_.drains && prng_.chance(5))
    give(sched::ServeNode{.reply = {},
                          .actor = {0, true},
                          .node = nodes_[victim]->spec().name,
                          .service = sched::Service(prng_.below(4)),
                          .reason = "test"});
  if (submitted_ >= to_submit_ && prng_.chance(3)) {
    calm_ = true;
    note("calm from here on");
    for (const auto& node : nodes_)
      give(sched::ServeNode{.reply = {},
                            .actor = {0, true},
                            .node = node->spec().name,
                            .service = sched::Service::InService,
                            .reason = ""});
    // Wait for commits under way, so that nothing held escapes the release.
    later(seconds(1), [this] {
      if (faults_.reservations) end_reservations();
      for (const auto& [id, job] : store_.jobs())
        if (!is_final(job.state)) {
          for (const sched::Verb verb : {sched::Verb::Release, sched::Verb::Resume}) {
            sched::Command release;
            release.verb = verb;
            release.target.job = id;
            release.actor = {.uid = 0, .is_operator = true};
            give(std::move(release));
          }
        }
    });
    return;
  }
  later(millis(5 + std::int64_t(prng_.below(40))), [this] { trouble(); });
}

}  // namespace drover::simulation
