// tests/simulation/fake_node.cpp - the rules of a node, without processes.
// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/fake_node.hpp"

#include <utility>

namespace drover::simulation {

FakeNode::FakeNode(std::uint32_t number, rm::NodeSpec spec, NodeWorld world)
    : number_(number), spec_(std::move(spec)), world_(std::move(world)) {}

std::int32_t FakeNode::exit_code_of(const AttemptId& id) {
  return (raw(id.task.job) * 7 + raw(id.task.index)) % 5 == 0 ? 3 : 0;
}

std::size_t FakeNode::running() const {
  std::size_t count = 0;
  for (const auto& [id, attempt] : attempts_) count += attempt.started && !attempt.end;
  return count;
}

void FakeNode::visit_running(const std::function<void(const AttemptId&)>& each) const {
  for (const auto& [id, attempt] : attempts_)
    if (attempt.started && !attempt.end) each(id);
}

const sched::TaskEnded* FakeNode::end_of(const AttemptId& id) const {
  const auto found = ended_.find(id);
  return found == ended_.end() ? nullptr : &found->second;
}

sched::NodeUp FakeNode::hello(SessionId session) {
  sched::NodeUp up{.spec = spec_,
                   .boot_id = "boot-" + std::to_string(number_) + "-" + std::to_string(boots_),
                   .session = session,
                   .running = {}};
  // An attempt that has ended but is not acknowledged is still held: its end follows.
  for (const auto& [id, attempt] : attempts_) up.running.push_back({id, attempt.started});
  session_ = session;
  return up;
}

void FakeNode::on_welcome(NodeId id, SessionId session) {
  if (session_ != session) return;
  id_ = id;
  repeat_ends();
}

void FakeNode::disconnect() { session_.reset(); }

void FakeNode::reboot() {
  attempts_.clear();
  session_.reset();
  ++boots_;
}

void FakeNode::forget(const std::function<bool(const AttemptId&)>& which) {
  std::erase_if(attempts_, [&](const auto& row) { return row.second.started && which(row.first); });
}

void FakeNode::on_launch(const sched::Launch& launch) {
  if (session_ != launch.session || attempts_.contains(launch.id)) return;
  attempts_.emplace(launch.id, Attempt{});
  world_.later(millis(1 + std::int64_t(world_.prng->below(5))),
               [this, id = launch.id] { begin(id); });
}

void FakeNode::begin(const AttemptId& id) {
  const auto found = attempts_.find(id);
  if (found == attempts_.end() || found->second.end) return;
  if (found->second.killed) return end(id, sched::EndCause::Killed, true);
  if (++starts_[id] > 1)
    violations_.push_back("an attempt of job " + std::to_string(raw(id.task.job)) +
                          " started twice");
  for (const auto& [other, attempt] : attempts_)
    if (other.task == id.task && other != id && attempt.started && !attempt.end)
      violations_.push_back("two attempts of job " + std::to_string(raw(id.task.job)) + " overlap");
  found->second.started = true;
  if (session_) world_.send(sched::TaskStarted{id_, *session_, id, world_.now().wall});
  const Duration run = millis(10 + std::int64_t(world_.prng->below(400)));
  world_.later(run, [this, id] { run_out(id); });
}

// What stands still is not done.
void FakeNode::run_out(const AttemptId& id) {
  const auto found = attempts_.find(id);
  if (found == attempts_.end()) return;
  if (!found->second.paused) return end(id, sched::EndCause::Exited, false);
  world_.later(millis(50), [this, id] { run_out(id); });
}

void FakeNode::on_pause(const sched::Pause& pause) {
  const auto found = attempts_.find(pause.id);
  if (session_ != pause.session || found == attempts_.end() || !found->second.started) return;
  found->second.paused = pause.suspended;
}

void FakeNode::end(const AttemptId& id, sched::EndCause cause, bool never_started) {
  const auto found = attempts_.find(id);
  if (found == attempts_.end() || found->second.end) return;
  sched::TaskEnded end;
  end.id = id;
  end.cause = cause;
  end.never_started = never_started;
  end.ended = world_.now().wall;
  if (!never_started) end.started = Time{end.ended.us - 1};
  if (cause == sched::EndCause::Exited) end.exit_code = exit_code_of(id);
  found->second.end = end;
  ended_.emplace(id, end);
  report(end);
}

void FakeNode::report(const sched::TaskEnded& end) {
  if (!session_) return;
  sched::TaskEnded copy = end;
  copy.node = id_;
  copy.session = *session_;
  world_.send(copy);
}

void FakeNode::on_kill(const sched::Kill& kill) {
  if (session_ != kill.session || kill.signal != 0) return;
  const auto [found, unseen] = attempts_.emplace(kill.id, Attempt{});
  if (found->second.end) return;
  found->second.killed = true;
  if (unseen)
    return end(kill.id, sched::EndCause::Killed, true);  // a launch that comes later is refused
  if (found->second.started)
    world_.later(millis(1 + std::int64_t(world_.prng->below(20))),
                 [this, id = kill.id] { end(id, sched::EndCause::Killed, false); });
}

void FakeNode::on_ack(const sched::AckEnded& ack) {
  if (session_ != ack.session) return;
  const auto found = attempts_.find(ack.id);
  if (found != attempts_.end() && found->second.end) attempts_.erase(found);
}

void FakeNode::repeat_ends() {
  for (const auto& [id, attempt] : attempts_)
    if (attempt.end) report(*attempt.end);
}

}  // namespace drover::simulation
