// sched/statement_verbs.hpp - the controller's verbs for code that engines run.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "sched/asker.hpp"
#include "sched/group_verbs.hpp"

namespace drover::sched {

// A part of Controller::State, as PreemptVerbs is.
struct StatementVerbs : GroupVerbs {
  // statements.cpp
  // One step, and often somebody waits for it in person: it goes past the consumers.
  bool needs_no_plan(const Job& job) const {
    return config.inline_plan != nullptr || job.is_statement;
  }
  void serve_statements();
  void fail_statement(const FailStatement& in, Now now);
  void engine_gone(const EngineGone& in, Now now);
  void pool_engine(const PoolEngine& in);
  void set_ahead(const EngineAhead& in);
  Why why_no_engine(const Asker& asker) const;
};

}  // namespace drover::sched
