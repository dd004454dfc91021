// server/turn.hpp - inputs in, one decision, one commit, and only then answers out.
//
//   push() ... push()   run(): apply, finish   committer: durable   release: replies, actions
//   `---- collect ----' `--- loop thread ----' `--- its thread ---' `----- loop thread -----'
//
// Commit k syncs while turn k+1 decides: outputs gather in `pending_` and go together when the
// committer is free, so batches grow under load by themselves. A few records for a quick disk are
// written by the loop thread itself (commit_pace.hpp). A failed commit ends the process:
// memory may be ahead of the disk.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "flow/conductor.hpp"
#include "metrics/metrics.hpp"
#include "net/loop.hpp"
#include "pool/engine_pool.hpp"
#include "sched/controller.hpp"
#include "server/committer.hpp"
#include "server/config.hpp"
#include "store/store.hpp"

namespace drover::server {

class Turn {
 public:
  using OnReply = std::function<void(const Result<sched::Done>&)>;
  struct Ports {  // called on the loop thread, after the commit
    std::function<void(const sched::Changes&)>
        stored;  // facts for followers, before replies and actions
    std::function<void(std::vector<sched::Action>)> actions;
    std::function<void()> released;            // after all replies and actions of one commit
    std::function<void(const Error&)> broken;  // the commit failed; must not return
  };

  Turn(net::Loop& loop, sched::Controller& controller, flow::Conductor& workflows,
       pool::EnginePool& engines, store::Store& store, metrics::Metrics& metrics,
       const Config& config, Ports ports);

  // Inputs that wait for a place in a turn are bounded: callers ask before they push what a user
  // sent.
  bool is_full() const { return waiting() >= std::size_t(config_.inputs_waiting); }
  std::size_t waiting() const {
    return inputs_.size() + workflow_inputs_.size() + engine_inputs_.size();
  }
  const rm::ResourceManager& resources() const { return controller_.resources(); }
  bool runs_on(TaskId task, NodeId node) const { return controller_.runs_on(task, node); }

  void submit(sched::Submit submit, std::unique_ptr<store::IdempotencyEntry> key, OnReply on_reply);
  void submit(flow::SubmitWorkflow submit, std::unique_ptr<store::IdempotencyEntry> key,
              OnReply on_reply);
  void workflow(flow::Input input, OnReply on_reply);
  void engines(pool::Input input, OnReply on_reply);
  void command(sched::Command command, OnReply on_reply);
  void alter(sched::Alter alter, OnReply on_reply);
  void serve_node(sched::ServeNode serve, OnReply on_reply);
  void label_node(sched::LabelNode label, OnReply on_reply);
  void edit_quotas(sched::EditQuotas edit, OnReply on_reply);
  void edit_group(sched::EditGroup edit, OnReply on_reply);
  void put_reservation(sched::PutReservation put, OnReply on_reply);
  void remove_reservation(sched::RemoveReservation remove, OnReply on_reply);
  void push(sched::Input input);  // inputs that nobody waits for

  void run();  // the loop's after_io hook
  // Jobs that ended in changes not yet durable: the store does not know it yet, the controller no
  // longer.
  const std::vector<sched::KnownEnd>& ends_on_the_way() const { return ends_; }
  // Runs `done` once nothing waits and nothing is on its way to the disk. No inputs are to be
  // pushed after it.
  void when_quiet(std::function<void()> done);

 private:
  struct Caller {
    OnReply on_reply;
    std::unique_ptr<store::IdempotencyEntry> key;
  };
  struct Held {  // waits for its commit
    std::vector<sched::Reply> replies;
    std::vector<sched::Action> actions;
  };

  void decide(Now now, std::size_t take);
  ReplyToken remember(OnReply on_reply, std::unique_ptr<store::IdempotencyEntry> key);
  void collect(sched::TurnOutput output);
  void commit_when_idle(Committer::When when);
  void on_durable(Result<void> result, store::CommitBatch batch, Duration took);
  void release(Held held);
  void arm_timer();
  void check_quiet();
  std::size_t pending_records() const;

  net::Loop& loop_;
  sched::Controller& controller_;
  flow::Conductor& workflows_;
  pool::EnginePool& engines_;
  metrics::Metrics& metrics_;
  const Config& config_;
  Ports ports_;
  std::deque<sched::Input> inputs_;
  std::deque<std::pair<ReplyToken, flow::Input>> workflow_inputs_;
  std::deque<std::pair<ReplyToken, pool::Input>> engine_inputs_;
  std::vector<Caller> callers_;  // by token - 1
  std::vector<std::uint32_t> free_callers_;
  store::CommitBatch pending_;
  Held pending_held_, held_;  // of `pending_`, of the commit on the way
  std::vector<sched::KnownEnd> ends_;
  std::size_t ends_in_flight_ = 0;
  std::function<void()> on_quiet_;
  net::Timer timer_;
  Committer committer_;  // last: its thread must end first
};

}  // namespace drover::server
