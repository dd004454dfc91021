// server/linkis_watch.hpp - tasks of command line clients end when nobody asks for them any more.
//
// Ctrl-C ends such a client without a word; its users expect the task to end with it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "net/loop.hpp"
#include "sched/job_spec.hpp"
#include "server/turn.hpp"
#include "store/store.hpp"

namespace drover::server {

// Loop thread.
class LinkisWatch {
 public:
  static constexpr Duration kScan = seconds(5);

  LinkisWatch(net::Loop& loop, Turn& turn);
  // Zero: tasks are left alone.
  void configure(Duration silence, std::vector<std::string> creators);

  // A task that was submitted now; the others are left alone.
  void see(JobId job, const sched::JobSpec& spec);
  void heard_of(JobId job);  // somebody asked for it
  // After a restart everybody gets the whole time anew.
  Result<void> restore(const store::Store& store);
  std::size_t size() const { return tasks_.size(); }

 private:
  struct Task {
    std::uint32_t uid = 0;
    Time heard;  // mono
  };
  void scan();

  Turn& turn_;
  net::Timer timer_;
  Duration silence_{};
  std::vector<std::string> creators_;
  std::map<JobId, Task> tasks_;
};

}  // namespace drover::server
