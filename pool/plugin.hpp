// pool/plugin.hpp - one kind of engine, as its plugin.toml declares it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "sched/job_spec.hpp"

namespace drover::pool {

struct Plugin {
  std::string type, version, description;
  std::vector<std::string> languages;  // the first is meant when none is said
  std::string folder;                  // absolute
  std::vector<std::string> command;    // {plugin} is the folder
  Duration start_timeout = seconds(60);

  std::int32_t cpus = 1;  // of each engine
  std::int64_t mem_mib = 1024, gpus = 0;
  // What sessions and statements may wish for at most.
  std::int64_t max_cpus = INT64_MAX, max_mem_mib = INT64_MAX, max_gpus = INT64_MAX;

  Duration idle = seconds(300);           // then it ends
  Duration session_idle = seconds(1800);  // the same of a session's engine
  std::uint32_t max_uses = 0;             // statements, then it ends; 0 = no limit
  std::uint32_t min_idle = 0;             // kept ready per pool for an hour after its last use
  std::uint32_t max_per_user = 16;
  std::uint32_t concurrency = 1;  // statements at once in one engine, if they are of no session
  std::uint32_t ahead = 0;  // short statements that may wait in an engine behind the one that runs
  std::string reset = "namespace";  // none, namespace, respawn
  std::string before, after;        // code run after the start; after each statement
  std::string options = "{}";       // JSON, handed to the engine
  // What a statement prints is its result as well, to clients that look for nothing else.
  bool printed_is_result = false;
  // Statements of all users may run on one engine, which is a process of this account. Nothing:
  // each user has engines of his own.
  std::optional<sched::Account> shared_as;
  friend bool operator==(const Plugin&, const Plugin&) = default;
};

}  // namespace drover::pool
