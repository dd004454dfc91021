// sched/live_node.hpp - what the controller keeps of a node besides what the resource manager does.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <boost/container/flat_set.hpp>
#include <boost/container/small_vector.hpp>
#include <string>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "sched/records.hpp"

namespace drover::sched {

// Few, and looked through more often than changed: side by side, they are in one piece of memory,
// and mostly in the node itself.
using TaskSet = boost::container::small_flat_set<TaskId, 4>;

struct Node {
  std::string name, boot_id;
  Service service{};
  std::string reason;     // why it is not in service
  rm::Labels own_labels;  // as the agent said
  LabelEdits labels;      // what operators changed of them
  std::string seat_pool;  // of an engine: in place of the pool that it registers with; or empty
  SessionId session{};    // 0 = out of contact
  bool seen = false;      // has registered since the controller started
  TaskSet tasks;          // attempts with a part here, in whatever state
  TaskSet missing;        // ran, but the agent that came back has them neither running nor ended
  Time deadline;          // mono; when silence (of node or missing attempts) has lasted too long
  bool is_engine = false;
  JobId host{};  // that it runs as, once it has registered; 0 = it is no engine
  bool dirty = false;

  rm::Labels labels_in_force() const;
};

std::string to_string(Service service);  // "up", "draining", ...

}  // namespace drover::sched
