// dag/plan_stages.cpp - the planner: which code each stage's strategy runs.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "dag/compile.hpp"

namespace drover::dag {
namespace {

bool is_member(const JobAst& job, const StageAst& stage) {
  return stage.group != kNoStage && job.stages[stage.group].form == StepForm::Stage;
}

// How many things to run a step stands for; those of earlier steps come first.
std::uint32_t execs_of(const StageAst& stage) {
  if (stage.form == StepForm::Workflow) return 1;
  if (stage.form == StepForm::Stage) return stage.code.empty() ? 0 : 1;
  return std::max<std::uint32_t>(1, stage.targets) + (stage.has_undo ? 1 : 0);
}

void add_targets(const StageAst& stage, std::uint32_t first, LogicalStage& into) {
  for (std::uint32_t t = 0; t < stage.targets; ++t) {
    LogicalExec exec{.label = stage.name + "@" + std::to_string(t + 1),
                     .step = first + t,
                     .is_array = stage.is_array,
                     .role = ExecRole::Target,
                     .after = {}};
    // A standby waits for the failure of the one before it.
    if (stage.strategy == Strategy::ActiveStandby && t > 0)
      exec.after.push_back({.stage = t - 1, .when = When::Failed});
    into.execs.push_back(std::move(exec));
  }
}

class Planner {
 public:
  explicit Planner(JobAst& job) : job_(job), first_(job.stages.size()) {
    std::uint32_t count = 0;
    moved_.reserve(job.stages.size());
    for (std::size_t s = 0; s < job.stages.size(); ++s) {
      first_[s] = count;
      count += execs_of(job.stages[s]);
      moved_.push_back(is_member(job, job.stages[s]) ? kNoStage : stages_++);
    }
  }

  LogicalPlan plan() {
    LogicalPlan logical;
    logical.stages.reserve(stages_);
    for (std::uint32_t s = 0; s < job_.stages.size(); ++s)
      if (moved_[s] != kNoStage) logical.stages.push_back(stage_of(s));
    add_members(logical);
    return logical;
  }

 private:
  LogicalStage stage_of(std::uint32_t s) const {
    StageAst& stage = job_.stages[s];
    LogicalStage planned{.label = {},
                         .strategy = stage.strategy,
                         .execs = {},
                         .after = std::move(stage.after),
                         .join = stage.join,
                         .form = stage.form,
                         .group = stage.group == kNoStage ? kNoStage : moved_[stage.group],
                         .is_final = stage.is_final,
                         .fuse = stage.fuse,
                         .weight = stage.weight};
    if (stages_ != job_.stages.size())
      for (StageNeed& need : planned.after) need.stage = moved_[need.stage];
    if (stage.form != StepForm::Stage && stage.targets > 0)
      add_targets(stage, first_[s], planned);
    else if (stage.form != StepForm::Stage)
      planned.execs.push_back(
          {.label = stage.name,
           .step = first_[s],
           .is_array = stage.is_array,
           .role = stage.form == StepForm::Workflow ? ExecRole::Gather : ExecRole::Run,
           .after = {}});
    planned.label = std::move(stage.name);
    return planned;
  }

  // Members and their compensations, in their order, and what a stage runs after them.
  void add_members(LogicalPlan& logical) const {
    if (stages_ == job_.stages.size()) return;
    std::vector<std::uint32_t> exec_of(job_.stages.size());  // in its stage
    for (std::uint32_t s = 0; s < job_.stages.size(); ++s) {
      const StageAst& member = job_.stages[s];
      if (moved_[s] != kNoStage) continue;
      LogicalStage& stage = logical.stages[moved_[member.group]];
      exec_of[s] = std::uint32_t(stage.execs.size());
      stage.execs.push_back({.label = member.name,
                             .step = first_[s],
                             .is_array = member.is_array,
                             .role = ExecRole::Run,
                             .after = {},
                             .join = member.join});
      if (member.has_undo)
        stage.execs.push_back({.label = member.name + "~undo",
                               .step = first_[s] + 1,
                               .is_array = member.is_array,
                               .role = ExecRole::Undo,
                               .after = {}});
    }
    for (std::uint32_t s = 0; s < job_.stages.size(); ++s) {
      const StageAst& stage = job_.stages[s];
      if (moved_[s] == kNoStage) {
        LogicalExec& exec = logical.stages[moved_[stage.group]].execs[exec_of[s]];
        for (const StageNeed& need : stage.after)
          exec.after.push_back({exec_of[need.stage], need.when, need.each});
      } else if (stage.form == StepForm::Stage && !stage.code.empty()) {
        std::vector<LogicalExec>& execs = logical.stages[moved_[s]].execs;
        LogicalExec summary{.label = logical.stages[moved_[s]].label + "~summary",
                            .step = first_[s],
                            .is_array = false,
                            .role = ExecRole::Summary,
                            .after = {}};
        for (std::uint32_t e = 0; e < execs.size(); ++e)
          if (execs[e].role == ExecRole::Run) summary.after.push_back({.stage = e});
        execs.push_back(std::move(summary));
      }
    }
  }

  JobAst& job_;                       // what is planned is moved out
  std::vector<std::uint32_t> first_;  // exec of each step, counted over all
  std::vector<std::uint32_t> moved_;  // position of its stage; kNoStage: of a member
  std::uint32_t stages_ = 0;
};

}  // namespace

LogicalPlan plan(JobAst job) { return Planner(job).plan(); }

}  // namespace drover::dag
