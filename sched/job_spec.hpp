// sched/job_spec.hpp - what a user submitted, complete and immutable once accepted.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/index_set.hpp"
#include "base/time.hpp"
#include "rm/request.hpp"
#include "rm/task_rules.hpp"
#include "sched/items.hpp"
#include "sched/retry_rule.hpp"

namespace drover::sched {

enum class DependencyKind : std::uint8_t {
  After,
  AfterAny,
  AfterOk,
  AfterNotOk,
  AfterCorr  // between arrays: each element waits for the success of that job's same element
};
struct Dependency {
  DependencyKind kind{};
  JobId job{};
  std::int32_t minutes = 0;  // After: so long after its start
  friend bool operator==(const Dependency&, const Dependency&) = default;
};

struct WarnSignal {         // --signal=[B:]SIG@SECONDS
  std::int32_t signal = 0;  // 0 = none
  std::int32_t before_s = 60;
  friend bool operator==(const WarnSignal&, const WarnSignal&) = default;
};

struct Account {
  Owner owner;
  std::string user;
  friend bool operator==(const Account&, const Account&) = default;
};

// What one statement wishes its engine to have; 0 = as much as its plugin gives.
struct EngineAmounts {
  std::int64_t cpus = 0, mem_mib = 0, gpus = 0;
  bool is_empty() const { return cpus == 0 && mem_mib == 0 && gpus == 0; }
  friend bool operator==(const EngineAmounts&, const EngineAmounts&) = default;
};

// Code that an engine runs, instead of a process of its own.
struct Statement {
  std::string engine;    // type: python
  std::string language;  // one that it speaks; empty = its first
  std::string session;   // of which it is a part; empty = of none
  std::string pool;      // the engines that may run it
  std::string reset;     // what earlier statements left: none, namespace, respawn
  std::string origin{};  // JSON that the submitting system reads back; nothing here looks at it
  // Of ${name} in the code. Given, be it empty: dates such as ${run_date} are filled in as well.
  std::optional<std::map<std::string, std::string>> variables{};
  Duration reuse{};           // an earlier result that is no older answers instead; 0 = never
  std::string content_key{};  // of all that decides about the result; empty without `reuse`
  // On an engine that several users share: whose process runs it and owns its files. The job is its
  // owner's all the same.
  std::optional<Account> runs_as{};
  bool once = false;     // its engine is started for it alone and ends with it
  EngineAmounts wish{};  // all of them or none, once the entrance has seen the plugin
  friend bool operator==(const Statement&, const Statement&) = default;
};

// The process is an engine.
struct EngineHost {
  std::string name;  // of the node that it becomes: engine-7
  std::string type, pool, session;
  std::string options;  // JSON, from its plugin
  friend bool operator==(const EngineHost&, const EngineHost&) = default;
};

// The tasks of a component after the first; their resources are in Request::more.
struct ComponentTasks {
  std::int32_t ntasks = 1, cpus_per_task = 1, ntasks_per_node = 0;
  rm::TaskRules layout;
  friend bool operator==(const ComponentTasks&, const ComponentTasks&) = default;
};

struct JobSpec {
  Owner owner;
  std::string user;  // name of owner.uid where the job was accepted
  std::string name;
  std::string script;  // full text starting with #!; or empty when `argv` is the command itself
  std::vector<std::string> argv;  // the command, or the script's arguments
  std::vector<std::string>
      env;                     // "NAME=value", what the job gets besides the variables Drover adds
  std::string cwd;             // absolute
  std::string out, err, in;    // path patterns; empty err = same file as out; empty in = /dev/null
  bool append_output = false;  // open_mode append instead of truncate

  rm::Request request;                         // request.cpus = tasks_on_node * cpus_per_task
  std::int32_t ntasks = 1, cpus_per_task = 1;  // tasks on all nodes together
  std::int32_t ntasks_per_node = 0;            // at most so many on one node; 0 = not said
  Duration time_limit;                         // 0 = the configured default or none
  WarnSignal warn;
  bool is_array = false;
  IndexSet array;                    // the indexes; {0} when not an array
  std::uint32_t array_throttle = 0;  // at most so many elements at once; 0 = no throttle

  bool hold = false;
  Time begin;                 // wall; 0 = at once
  std::int32_t priority = 0;  // higher first within the group and between groups
  std::string comment;
  rm::Labels labels;                     // user labels; the entrance adds user, creator
  bool requeue = true;                   // run again when the node was lost
  std::vector<Dependency> dependencies;  // all must hold
  bool dependency_any = false;           // "?" separator: one is enough
  bool singleton = false;          // wait for every earlier open job of the same owner and name
  bool keep_invalid = false;       // what can never be met leaves it waiting instead of cancelled
  std::int32_t nice = 0;           // lowers its score between groups
  Time deadline;                   // wall; what could not end by then does not start; 0 = none
  std::uint32_t max_failures = 0;  // of an array: then no further element starts; 0 = no limit
  std::string reservation;         // runs inside it alone
  rm::TaskRules layout;            // the entrance makes `request.cores` of it
  RetryRule retry;                 // of each task; the default runs once
  Items items;                     // of an array 0..n-1: what each element works on; or empty
  bool items_run = false;          // each item is a command of its own, as JSON
  std::optional<Statement> statement;  // `script` is its code
  std::optional<EngineHost> engine;
  std::vector<ComponentTasks> more_tasks;  // one for each of request.more
  friend bool operator==(const JobSpec&, const JobSpec&) = default;

  // Every node gets room for as many tasks as the fullest one.
  std::int64_t tasks_on_node() const {
    if (layout.over_nodes == rm::NodeDealing::Plane && layout.plane > 0) {
      const std::int64_t round = layout.plane * request.nodes;
      return ntasks / round * layout.plane + std::min<std::int64_t>(layout.plane, ntasks % round);
    }
    return (ntasks + request.nodes - 1) / request.nodes;
  }
};

// With whose rights its files are written and read.
inline const Owner& files_owner(const JobSpec& spec) {
  return spec.statement && spec.statement->runs_as ? spec.statement->runs_as->owner : spec.owner;
}

// Of one array element, on all nodes together; what the requests will come to once the entrance has
// checked both numbers.
inline std::int64_t cpus_of(const JobSpec& spec) {
  std::int64_t sum = std::int64_t(spec.ntasks) * spec.cpus_per_task;
  for (const ComponentTasks& more : spec.more_tasks)
    sum += std::int64_t(more.ntasks) * more.cpus_per_task;
  return sum;
}

inline std::int64_t gpus_of(const JobSpec& spec) {
  std::int64_t sum = spec.request.gpus * spec.request.nodes;
  for (const rm::Request& more : spec.request.more) sum += more.gpus * more.nodes;
  return sum;
}

}  // namespace drover::sched
