// pool/engine_job.hpp - the job that runs an engine.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "pool/plugin.hpp"
#include "sched/job_spec.hpp"

namespace drover::pool {

struct EngineWish {  // for whom, and of which pool
  Owner owner;
  std::string user;
  std::string pool, session;
  rm::Labels labels;    // of the statement or session: account, partition, qos
  rm::Request request;  // of a session that wants more than its plugin says; 0 = as there
};

// Not yet through the entrance. `name`: of the node that it becomes.
sched::JobSpec engine_job(const Plugin& plugin, const EngineWish& wish, const std::string& name);

}  // namespace drover::pool
