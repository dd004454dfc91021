// sched/register_node.cpp - nodes come, go and come back, and what that means for their attempts.
// SPDX-License-Identifier: Apache-2.0
//
// A second attempt of a task may start only when the first is known to be gone: the agent came back
// without having been given it, or the machine was booted again. Silence alone proves nothing.
#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "sched/reserving.hpp"

namespace drover::sched {

void Controller::State::watch(NodeId id, Node& node, Time deadline) {
  if (node.deadline.is_set()) node_deadlines.erase({node.deadline, id});
  node.deadline = deadline;
  if (deadline.is_set()) node_deadlines.insert({deadline, id});
}

// Custom resources are counted from the first node on that has them, while there are slots for
// names. What cannot be a name, and what comes too late, is not counted: nobody can ask for it.
void Controller::State::name_resources(const rm::Topology& topology) {
  for (const auto& resource : topology.resources) {
    if (rm.names().find(resource.first)) continue;
    const std::vector<std::string> more{resource.first};
    auto grown = rm.names().with(more);
    if (!grown) continue;
    rm.add_names(*std::move(grown));
    quotas.resources = rm.names().slots();
    quotas_dirty = true;  // stored before any lease that counts in them
  }
}

void Controller::State::node_up(NodeUp in, Now now) {
  // Agents hold the place of an engine whose connection broke. Its name may be another's by now.
  if (in.host && find(*in.host) == nullptr) {
    out.actions.emplace_back(TurnAway{
        in.session, "job " + std::to_string(raw(*in.host)) + ", which it ran as, has ended"});
    return;
  }
  const auto known = node_ids.find(in.spec.name);
  const bool is_new = known == node_ids.end();
  const NodeId id = is_new ? NodeId{static_cast<std::uint32_t>(next_node++)} : known->second;
  if (is_new) node_ids.emplace(in.spec.name, id);
  Node& node = add_node(id);
  const bool rebooted = !is_new && node.boot_id != in.boot_id;
  node.name = in.spec.name;
  node.own_labels = in.spec.labels;
  if (rebooted) node.seat_pool.clear();
  if (!node.seat_pool.empty()) node.own_labels.insert_or_assign("pool", node.seat_pool);
  node.is_engine = in.spec.seats > 0;
  node.host = in.host.value_or(JobId{});
  in.spec.labels = node.labels_in_force();
  if (node.is_engine && rebooted) {  // another engine: what was said of the last one is over
    node.service = Service::InService;
    node.reason.clear();
  }
  node.boot_id = in.boot_id;
  node.session = in.session;
  if (!is_new && !node.seen && !node.is_engine) --unseen_nodes;
  node.seen = true;
  node.missing.clear();
  watch(id, node, {});
  touch(id, node);
  out.actions.emplace_back(Welcome{id, in.session});
  emit(EventKind::NodeRegistered, node, to_string(node.service), now);
  if (rebooted) parts_lost(id, node, true, now);
  name_resources(in.spec.topology);
  rm.put_node(id, std::move(in.spec));
  show_service(id, node);
  // Was on the calendar before it was known here: laid out with the next pass.
  if (is_new && !calendar.on_node(node.name).empty()) {
    for (const std::string& name : calendar.on_node(node.name))
      reserved[std::size_t(reserved_ids.at(name))].span.reset();
    next_reserved = now.wall;
  }
  reconcile(id, node, in, now);
}

// Compares what the agent has with what it should have. After a reboot it should have nothing.
void Controller::State::reconcile(NodeId id, Node& node, const NodeUp& in, Now now) {
  std::set<TaskId> missing;  // of a gang only the head knows
  for (const TaskId& task : node.tasks)
    if (find_task(*find(task.job), raw(task.index))->record.lease->node == id) missing.insert(task);
  for (const HeldAttempt& held : in.running) {
    Job* job = nullptr;
    Task* task = live_attempt(id, held.id, job);
    if (task == nullptr) {  // unknown, or of an older epoch
      ++stats.stale_messages;
      out.actions.emplace_back(Kill{id, node.session, held.id, 0});
      continue;
    }
    missing.erase(task->record.id);
    if (held.started && !task->record.started.is_set()) mark_started(*job, *task, {}, now);
    if (task->record.reason == Reason::NodeUnavailable) {
      task->record.reason = Reason::None;
      touch(*task);
    }
    if (task->record.state == TaskState::Ending)
      out.actions.emplace_back(Kill{id, node.session, held.id, 0});
    else if (task->record.state == TaskState::Suspended || task->record.suspended_for.us > 0)
      order_pause(task->record, task->record.state == TaskState::Suspended);
    else if (raw(task->record.preempted_by) != 0)  // the first word may have been lost
      warn(*job, task->record);
    if (job->more->revision > 0) order_limit(*job, task->record);  // an earlier word may be lost
    update_queues(*job);
  }
  for (const TaskId& task : missing) {
    Job& job = *find(task.job);
    attempt_missing(node, job, *find_task(job, raw(task.index)), now);
  }
  if (!node.missing.empty()) watch(id, node, now.mono + config.node_timeout);
}

// The same boot, and the agent does not have it. If it was seen to run, it has ended and the report
// follows; starting it again is never right. Otherwise the launch got lost, and the same attempt is
// sent again.
void Controller::State::attempt_missing(Node& node, Job& job, Task& task, Now now) {
  TaskRecord& record = task.record;
  if (record.reason == Reason::NodeUnavailable) {
    record.reason = Reason::None;
    touch(task);
  }
  if (record.started.is_set()) {
    node.missing.insert(record.id);
  } else if (record.state == TaskState::Ending) {
    end_as_asked(job, task, now);
  } else {
    order(record);
  }
}

void Controller::State::attempt_lost(Job& job, Task& task, Now now) {
  TaskRecord& record = task.record;
  if (record.state == TaskState::Ending) return end_as_asked(job, task, now);
  ++record.node_losses;
  if (job.requeue && record.node_losses < config.node_losses_max)
    requeue_task(job, task, now);
  else if (!job.is_statement || !try_again(job, task, Reason::EngineLost, now))
    end_attempt(job, task, TaskEvent::EndFailed,
                job.is_statement ? Reason::EngineLost : Reason::NodeLost, now);
}

// A gang that lost a node cannot go on. Where the head is lost its script is gone too; where it is
// not, the script must be seen to end before anything of it starts again.
void Controller::State::part_lost(NodeId id, Job& job, Task& task, Now now) {
  TaskRecord& record = task.record;
  if (record.lease->node == id) return attempt_lost(job, task, now);
  if (record.state != TaskState::Ending) kill_lost(job, task);
}

void Controller::State::kill_lost(Job& job, Task& task) {
  ++task.record.node_losses;
  const bool again = job.requeue && task.record.node_losses < config.node_losses_max;
  kill(job, task, TaskEvent::Kill, again ? Reason::None : Reason::NodeLost);
}

void Controller::State::parts_lost(NodeId id, const Node& node, bool head_too, Now now) {
  const TaskSet gone = node.tasks;
  for (const TaskId& known : gone) {
    Job& job = *find(known.job);
    Task& task = *find_task(job, raw(known.index));
    if (head_too || task.record.lease->node != id) part_lost(id, job, task, now);
  }
}

void Controller::State::node_down(const NodeDown& in, Now now) {
  if (!is_current(in.node, in.session)) {
    ++stats.stale_messages;
    return;
  }
  Node& node = nodes.at(in.node);
  node.session = {};
  node.missing.clear();
  show_service(in.node, node);
  watch(in.node, node, now.mono + config.node_timeout);
  emit(EventKind::NodeLost, node, "lost", now);
}

// Silence has lasted too long. Of a node: its tasks say so, and keep what they hold, but gangs with
// their head elsewhere end. Of attempts that the agent no longer has although they ran: nobody will
// ever report them, and nothing of them runs.
void Controller::State::node_overdue(NodeId id, Now now) {
  Node& node = nodes.at(id);
  watch(id, node, {});
  const TaskSet missing = node.missing;
  for (const TaskId& task : missing) {
    Job& job = *find(task.job);
    Task& gone = *find_task(job, raw(task.index));
    const bool again = gone.record.state == TaskState::Ending && gone.record.reason == Reason::None;
    if (again)
      requeue_task(job, gone, now);
    else
      end_attempt(job, gone, TaskEvent::EndFailed, Reason::ExitUnknown, now);
  }
  if (raw(node.session) != 0) return;
  if (!restored.empty()) {  // who has kept a place there since the restart looks for another
    ended_since = true;
    for (Partition& partition : partitions) partition.is_stale = true;
  }
  parts_lost(id, node, false, now);
  for (const TaskId& task : node.tasks) {
    Task& silent = *find_task(*find(task.job), raw(task.index));
    if (silent.record.state == TaskState::Ending) continue;
    if (silent.record.state == TaskState::Suspended) continue;
    DROVER_CHECK(silent.record.lease->node == id, "a gang without one of its nodes goes on");
    silent.record.reason = Reason::NodeUnavailable;
    touch(silent);
  }
}

}  // namespace drover::sched
