// sched/change_verbs.hpp - the controller's verbs that note what is to be stored and told.
// SPDX-License-Identifier: Apache-2.0
//
// Every move of a job comes through here several times. A simulation stores nothing: there each is
// one look at the configuration.
#pragma once
#include <string>

#include "sched/controller_data.hpp"

namespace drover::sched {

// A part of Controller::State, as PreemptVerbs is. collect_changes.cpp
struct ChangeVerbs : ControllerData {
  void touch(Job& job) {
    if (config.keep_records && !job.dirty) note_dirty(job);
  }
  void touch(Task& task) {
    if (config.keep_records && !task.dirty) note_dirty(task);
  }
  void touch(NodeId id, Node& node);
  void emit(EventKind kind, const Job& job, const Task* task, Now now) {
    if (config.keep_records) add_event(kind, job, task, now);
  }
  void emit(EventKind kind, const Node& node, std::string state, Now now);
  // Why a job is where it is.
  void set_reason(Job& job, Reason reason) {
    if (job.more != nullptr && !job.more->detail.empty()) return set_reason(job, reason, {});
    if (job.reason == reason) return;
    job.reason = reason;
    touch(job);
  }
  void set_reason(Job& job, Reason reason, std::string detail);
  void reply(ReplyToken token, Result<Done> result);
  void reply(ReplyToken token, const Done& done);

 private:
  void note_dirty(Job& job);
  void note_dirty(Task& task);
  void add_event(EventKind kind, const Job& job, const Task* task, Now now);
};

}  // namespace drover::sched
