// server/linkis_tasks.hpp - statements as the Linkis contract sees them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

#include "linkis/exec_id.hpp"
#include "linkis/json.hpp"
#include "sched/records.hpp"
#include "server/exchange.hpp"
#include "server/services.hpp"

namespace drover::server {

struct LinkisTask {
  sched::JobRecord record;
  sched::JobSpec spec;  // without its code
  std::string engine;   // the instance that it runs or ran on; empty = none yet
  std::string ticket;   // the number of that engine's job; a once job is its own
  // What it printed is its result, should it leave no other: so says its engine's plugin.
  bool prints_result = false;
  std::string node{};  // where that engine is or was
};

// Its engine, ticket and node. Any thread.
void set_engine(const store::Snapshot& snapshot, LinkisTask& task);

// To at most `size` bytes; a character is whole, or not there.
void cut(std::string& text, std::size_t size);

linkis::TaskName task_name(const sched::JobSpec& spec, JobId id);
std::string exec_id_of(const Services& services, const LinkisTask& task);
linkis::Json origin_of(const sched::JobSpec& spec);  // {"labels","params","source"}, or {}
// It has ended well.
bool has_printed_result(const LinkisTask& task);
// Loop thread.
bool prints_result(const Services& services, const sched::JobSpec& spec);

// By execID, short id or taskID. One that does not exist, is no statement, or is somebody else's:
// the same NotFound.
Result<LinkisTask> find_task(const Services& services, const Exchange& exchange,
                             std::string_view name);

// 0 to 1; 1 only of what has ended.
double progress_of(const Services& services, const LinkisTask& task);
// [{"id",...}] of what is known, else [].
linkis::Json progress_info(const Services& services, const LinkisTask& task);

struct TaskEnd {
  std::string failure;      // in one line; empty of what has not failed
  std::size_t results = 0;  // how many it left
};
// Reads what the statement left, which may be long. Any thread.
TaskEnd end_of(const store::Snapshot& snapshot, const LinkisTask& task);

Duration cost_of(const sched::JobRecord& record, Time now);  // costTime: until its end, or now

// An entry of jobhistory. `code` is the statement's text; with `brief` texts are left out. Any
// thread: `instance` is the desk's, `progress` as of progress_of.
linkis::Json task_json(const std::string& instance, double progress, const LinkisTask& task,
                       const TaskEnd& end, std::string_view code, bool brief);
linkis::Json task_json(const Services& services, const LinkisTask& task, const TaskEnd& end,
                       std::string_view code, bool brief);

}  // namespace drover::server
