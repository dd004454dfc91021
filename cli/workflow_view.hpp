// cli/workflow_view.hpp - workflows for people: columns, the tree of steps, a live picture of it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cli/context.hpp"
#include "cli/json.hpp"
#include "cli/table.hpp"

namespace drover::cli {

bool is_workflow_final(const Json& answer);
// 0 when it has succeeded, 143 when cancelled, else 1.
int workflow_status(const Json& answer);

// "1.2 s", until its end or until now.
std::string workflow_elapsed(const Json& workflow);

// "12", or "12.3": a step's job, and the element of it that the step is.
std::string job_of_step(const Json& step);

const std::vector<Column>& workflow_columns();
const std::vector<Column>& step_columns();

// "[####....] 40 %  4/10 steps, 2 running, 1 failed"
std::string workflow_line(const Json& workflow);
// The steps, each below those that it needs, at most `lines` of them: what runs, waits and failed
// is shown before what has succeeded. Lines are cut at `width` cells; 0 = they are not.
std::vector<std::string> step_tree(const Json& answer, std::size_t lines, std::size_t width,
                                   bool color);

// Follows a workflow on stderr: on a terminal a tree that is drawn again, else a line for each step
// that starts or ends.
class WorkflowWatch {
 public:
  WorkflowWatch(bool quiet, bool color);
  ~WorkflowWatch();
  void show(const Json& answer);
  void end();  // leaves the last picture

 private:
  void draw(const std::vector<std::string>& lines);
  void print_changes(const Json& answer);

  bool live_ = false, quiet_ = false, color_ = false;
  std::size_t drawn_ = 0;
  std::map<std::string, std::string> states_;  // by step
};

// The words' workflow: an id, or "last" for the newest.
Result<std::uint64_t> workflow_id(Context& context, const std::string& word);

// Until it has ended: draws it, and answers its status. Outlives restarts of the daemon.
Result<int> watch_workflow(Context& context, std::uint64_t id);

}  // namespace drover::cli
