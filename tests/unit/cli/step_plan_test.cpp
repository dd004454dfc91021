// tests/unit/cli/step_plan_test.cpp - what `drover step` makes of the job's environment.
// SPDX-License-Identifier: Apache-2.0
#include "cli/step_plan.hpp"

#include <gtest/gtest.h>

#include <map>

namespace drover::cli {
namespace {

using Variables = std::map<std::string, std::string>;

Result<StepPlan> plan(const Variables& variables, std::optional<std::int64_t> only = {}) {
  return plan_step(
      [&](const char* name) {
        const auto found = variables.find(name);
        return found != variables.end() ? found->second.c_str() : nullptr;
      },
      only);
}

const Variables kJob = {{"DROVER_JOB_ID", "7"},
                        {"DROVER_TASK_IDS", "0,2-3"},
                        {"DROVER_NTASKS", "5"},
                        {"DROVER_TASK_CPUS", "0-1;4,6;=0"},
                        {"DROVER_MEM_BIND", "local"}};

TEST(StepPlan, ReadsTasksAndTheirCpus) {
  const auto all = plan(kJob);
  ASSERT_TRUE(all) << all.error().message;
  ASSERT_EQ(all->tasks.size(), 3u);
  EXPECT_EQ(all->tasks[1].id, 2u);
  EXPECT_EQ(all->tasks[1].cpus, (std::vector<std::uint32_t>{4, 6}));
  EXPECT_EQ(all->tasks[2].cpus, (std::vector<std::uint32_t>{0, 1}));
  EXPECT_EQ(all->ntasks, 5u);
  EXPECT_EQ(all->elsewhere, 2u);
  EXPECT_TRUE(all->bind_memory);
  EXPECT_FALSE(all->verbose);
  const auto two = plan(kJob, 2);
  ASSERT_TRUE(two);
  EXPECT_EQ(two->tasks.size(), 2u);
  EXPECT_EQ(two->tasks[1].id, 1u) << "a step of its own, numbered from 0";
  EXPECT_EQ(two->ntasks, 2u);
  EXPECT_EQ(two->elsewhere, 0u);
}

TEST(StepPlan, WithoutBinding) {
  Variables variables = kJob;
  variables.erase("DROVER_TASK_CPUS");
  const auto all = plan(variables);
  ASSERT_TRUE(all);
  EXPECT_TRUE(all->tasks[0].cpus.empty());
}

TEST(StepPlan, RefusesWhatIsNoJobOrWasChanged) {
  EXPECT_NE(plan({}).error().message.find("inside a job"), std::string::npos);
  EXPECT_NE(plan(kJob, 4).error().message.find("the job has 3 on this node"), std::string::npos);
  const struct {
    const char *name, *value;
  } rows[] = {{"DROVER_TASK_IDS", "0-"},      {"DROVER_TASK_IDS", "x"},
              {"DROVER_NTASKS", "0"},         {"DROVER_TASK_CPUS", "0;1"},
              {"DROVER_TASK_CPUS", "0;1;x"},  {"DROVER_TASK_CPUS", "=0;1;2"},
              {"DROVER_TASK_CPUS", "0;=1;2"}, {"DROVER_TASK_CPUS", "0;1;99999"}};
  for (const auto& row : rows) {
    Variables variables = kJob;
    variables[row.name] = row.value;
    const auto refused = plan(variables);
    ASSERT_FALSE(refused) << row.name << "=" << row.value;
    EXPECT_EQ(refused.error().field, row.name);
    EXPECT_FALSE(refused.error().hint.empty());
  }
}

}  // namespace
}  // namespace drover::cli
