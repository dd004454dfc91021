// sched/serve_node.cpp - what operators say about nodes: in service or not, and their labels.
// SPDX-License-Identifier: Apache-2.0
//
// No word about a node ends an attempt, save one: `down` with the promise that nothing runs there.
#include "rm/oversubscribe.hpp"
#include "sched/controller_state.hpp"

namespace drover::sched {
namespace {

constexpr std::size_t kNodeLabelsMax = 256;

EventKind event_of(Service service) {
  switch (service) {
    case Service::InService: return EventKind::NodeResumed;
    case Service::Draining: return EventKind::NodeDraining;
    case Service::Down: return EventKind::NodeDown;
    case Service::Maintenance: return EventKind::NodeMaintenance;
  }
  return EventKind::NodeResumed;
}

}  // namespace

std::string to_string(Service service) {
  switch (service) {
    case Service::InService: return "up";
    case Service::Draining: return "draining";
    case Service::Down: return "down";
    case Service::Maintenance: return "maintenance";
  }
  return "unknown";
}

Node* Controller::State::node_for(ReplyToken token, const Actor& actor, const std::string& name,
                                  NodeId& id) {
  const auto known = node_ids.find(name);
  if (!actor.is_operator) {
    reply(token, fail(Errc::Denied, "only operators may change nodes"));
    return nullptr;
  }
  if (known == node_ids.end()) {
    reply(token, fail(Errc::NotFound, "there is no node " + name, "drover node ls", "node"));
    return nullptr;
  }
  id = known->second;
  return &nodes.at(id);
}

// A node that is down stays so whether it is in contact or not; of the others contact comes first.
void Controller::State::show_service(NodeId id, const Node& node) {
  using rm::NodeState;
  if (node.service == Service::Down) return rm.set_node_state(id, NodeState::Down, node.reason);
  if (raw(node.session) == 0)
    return rm.set_node_state(id, NodeState::Lost,
                             node.seen ? "out of contact" : "has not registered since the restart");
  const NodeState state = node.service == Service::InService  ? NodeState::Up
                          : node.service == Service::Draining ? NodeState::Draining
                                                              : NodeState::Maintenance;
  rm.set_node_state(id, state, node.reason);
}

// Attempts of a node in contact are killed and end when it says so; of a node that is not, the
// operator's word is taken.
void Controller::State::declare_lost(NodeId id, const Node& node, Now now) {
  const TaskSet gone = node.tasks;
  for (const TaskId& known : gone) {
    Job& job = *find(known.job);
    Task& task = *find_task(job, raw(known.index));
    const bool in_contact = task.record.lease->node == id && raw(node.session) != 0;
    if (!in_contact) {
      part_lost(id, job, task, now);
    } else if (task.record.state != TaskState::Ending) {
      kill_lost(job, task);
    }
  }
}

void Controller::State::serve(const ServeNode& in, Now now) {
  NodeId id{};
  Node* node = node_for(in.reply, in.actor, in.node, id);
  if (node == nullptr) return;
  const bool out_of_service = in.service != Service::InService;
  const bool changes = node->service != in.service || (out_of_service && node->reason != in.reason);
  node->service = in.service;
  node->reason = out_of_service ? in.reason : std::string();
  show_service(id, *node);
  if (changes) {
    touch(id, *node);
    emit(event_of(in.service), *node, to_string(in.service), now);
  }
  if (in.service == Service::Down && in.attempts_lost) declare_lost(id, *node, now);
  reply(in.reply, Done{{}, changes ? 1u : 0u});
}

rm::Labels Node::labels_in_force() const {
  rm::Labels all = own_labels;
  for (const std::string& key : labels.removed) all.erase(key);
  for (const auto& [key, value] : labels.set) all.insert_or_assign(key, value);
  return all;
}

void Controller::State::label(LabelNode in, Now now) {
  NodeId id{};
  Node* node = node_for(in.reply, in.actor, in.node, id);
  if (node == nullptr) return;
  const auto factor = in.edits.set.find(std::string(rm::kOversubscribeLabel));
  if (factor != in.edits.set.end() && !rm::read_oversubscribe(factor->second))
    return reply(in.reply,
                 fail(Errc::BadInput, "oversubscribe is no factor from 1 to 16: " + factor->second,
                      "for example 2 or 1.5", "set"));
  LabelEdits edits = node->labels;
  for (const std::string& key : in.edits.removed) {
    edits.set.erase(key);
    edits.removed.insert(key);
  }
  for (const auto& [key, value] : in.edits.set) {
    edits.removed.erase(key);
    edits.set.insert_or_assign(key, value);
  }
  if (edits.set.size() + edits.removed.size() > kNodeLabelsMax)
    return reply(in.reply, fail(Errc::Limit, "a node has at most 256 changed labels",
                                "remove some: drover node label NAME key-", "set"));
  const bool changes = !(edits == node->labels);
  if (changes) {
    node->labels = std::move(edits);
    rm.set_node_labels(id, node->labels_in_force());
    touch(id, *node);
    emit(EventKind::NodeLabelled, *node, to_string(node->service), now);
  }
  reply(in.reply, Done{{}, changes ? 1u : 0u});
}

}  // namespace drover::sched
