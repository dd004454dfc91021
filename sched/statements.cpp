// sched/statements.cpp - who gets an engine, and what is said and done when there is none.
// SPDX-License-Identifier: Apache-2.0
//
// To the controller an engine is a node without cores, which takes statements of its pool. Engines
// are jobs themselves; who starts and ends them is pool/'s business.
#include <type_traits>
#include <utility>

#include "sched/controller_state.hpp"

namespace drover::sched {

// In order; but a statement wants the engines of its own pool alone, so that it holds up no other
// pool. O(pools that wait and may have got a seat)
void StatementVerbs::serve_statements() {
  JobQueue& queue = statements->queue;
  while (const auto candidate = queue.candidate()) {
    const auto tried = self().try_to_start(*statements, *candidate);
    using Try = std::remove_const_t<decltype(tried)>;
    if (tried == Try::Started) queue.unblock(candidate->shape);
    if (tried == Try::NoRoom) queue.block(candidate->shape, JobQueue::Block::NoRoom);
  }
}

void StatementVerbs::fail_statement(const FailStatement& in, Now now) {
  Job* job = self().find(in.job);
  if (job == nullptr || !job->is_statement || job->active > 0) return;
  if (job->state != JobState::Scheduled) return;  // it does not wait for an engine
  if (job->untouched < job->total) job->extra().detail = in.detail;
  self().refuse_plan(*job, in.reason, in.detail, now);
}

// Whatever its agent still says of it is late.
void StatementVerbs::engine_gone(const EngineGone& in, Now now) {
  const auto known = node_ids.find(in.node);
  if (known == node_ids.end() || !nodes.at(known->second).is_engine) return;
  Node& node = nodes.at(known->second);
  node.session = {};
  node.missing.clear();
  self().watch(known->second, node, {});
  self().show_service(known->second, node);
  self().parts_lost(known->second, node, true, now);
}

// Until another engine takes its name. It is not stored: after a restart engines serve the pools
// that they were started for.
void StatementVerbs::pool_engine(const PoolEngine& in) {
  const auto known = node_ids.find(in.node);
  if (known == node_ids.end() || !nodes.at(known->second).is_engine) return;
  Node& node = nodes.at(known->second);
  node.seat_pool = in.pool;
  node.own_labels.insert_or_assign("pool", in.pool);
  rm.set_node_labels(known->second, node.labels_in_force());
}

// Those that are there stay, also when it takes fewer from now on.
void StatementVerbs::set_ahead(const EngineAhead& in) {
  const auto known = node_ids.find(in.node);
  if (known != node_ids.end() && nodes.at(known->second).is_engine)
    rm.set_ahead(known->second, in.more);
}

Why StatementVerbs::why_no_engine(const Asker& asker) const {
  const rm::Request& request = rm.request(asker.what);
  const auto pool = request.node_labels.find("pool");
  const rm::NoFit fit = rm.explain(asker.what);
  std::string text = "waits for an engine";
  if (pool != request.node_labels.end()) text += " of pool " + pool->second;
  text += fit.busy > 0 ? ": " + std::to_string(fit.busy) + " there, none of them idle"
                       : ": none is there yet";
  return {asker.state, Reason::Engine, std::move(text), "drover engine ls shows the engines"};
}

bool Controller::has_backlog() const {
  for (const Partition& partition : state_->partitions)
    if (&partition != state_->statements && partition.queue.head()) return true;
  return false;
}

bool Controller::runs_on(TaskId id, NodeId node) const {
  const Job* job = state_->find(id.job);
  if (job == nullptr || job->more == nullptr) return false;
  const auto task = job->more->tasks.find(raw(id.index));
  return task != job->more->tasks.end() && task->second.record.lease &&
         task->second.record.lease->node == node;
}

}  // namespace drover::sched
