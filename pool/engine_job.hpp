// pool/engine_job.hpp - the job that runs an engine.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "pool/plugin.hpp"
#include "sched/job_spec.hpp"

namespace drover::pool {

struct EngineSize {  // 0 or empty = as the plugin says
  std::int64_t cpus = 0, mem_mib = 0, gpus = 0;
  std::string constraint;
  friend bool operator==(const EngineSize&, const EngineSize&) = default;
};

struct EngineWish {  // for whom, and of which pool
  Owner owner;
  std::string user;
  std::string pool, session;
  rm::Labels labels;  // of the statement or session: account, partition, qos
  EngineSize size;    // of a session, or of engines started ahead
};

// Not yet through the entrance. `name`: of the node that it becomes.
sched::JobSpec engine_job(const Plugin& plugin, const EngineWish& wish, const std::string& name);

}  // namespace drover::pool
