// tests/unit/dag/wfformat_test.cpp - recorded workflows, and what they become.
// SPDX-License-Identifier: Apache-2.0
#include "dag/wfformat.hpp"

#include <gtest/gtest.h>

#include "dag/read_workflow.hpp"
#include "dag/workflow_plan.hpp"

namespace drover::dag {
namespace {

constexpr const char* kNewer = R"({"name": "w", "workflow": {
  "specification": {"tasks": [
    {"name": "a", "id": "a.1", "parents": [], "children": ["b.1"]},
    {"name": "b", "id": "b.1", "parents": ["a.1"], "children": []},
    {"name": "c", "id": "b:1", "parents": ["a.1", "b.1"]}]},
  "execution": {"tasks": [
    {"id": "a.1", "runtimeInSeconds": 1.25}, {"id": "b:1", "runtimeInSeconds": 0}]}}})";
constexpr const char* kOlder = R"({"name": "w", "workflow": {"tasks": [
  {"name": "a", "runtime": 2, "children": ["b"]},
  {"name": "b", "parents": ["a"], "runtime": 0.5}]}})";

TEST(WfFormat, NewerAndOlderFiles) {
  const auto newer = read_wfformat(kNewer, "w.json");
  ASSERT_TRUE(newer) << newer.error().message;
  ASSERT_EQ(newer->tasks.size(), 3u);
  EXPECT_EQ(newer->tasks[0].run, millis(1250));
  EXPECT_EQ(newer->tasks[1].after, std::vector<std::uint32_t>{0});
  EXPECT_EQ(newer->tasks[2].after, (std::vector<std::uint32_t>{0, 1}));
  const auto older = read_wfformat(kOlder, "w.json");
  ASSERT_TRUE(older) << older.error().message;
  EXPECT_EQ(older->tasks[1].after, std::vector<std::uint32_t>{0});
  EXPECT_EQ(older->tasks[1].run, millis(500));
}

TEST(WfFormat, BecomesADocumentAndATrace) {
  const auto workflow = read_wfformat(kNewer, "w.json");
  ASSERT_TRUE(workflow);
  EXPECT_EQ(
      to_jsonl(*workflow),
      "{\"id\":\"a-1\",\"submit\":0,\"run\":1.25,\"cpus\":1}\n"
      "{\"id\":\"b-1\",\"submit\":0,\"run\":0.000001,\"cpus\":1,\"after\":[\"a-1\"]}\n"
      "{\"id\":\"b-1-2\",\"submit\":0,\"run\":0.000001,\"cpus\":1,\"after\":[\"a-1\",\"b-1\"]}\n");
  Bundle bundle;
  bundle.origin = "w.toml";
  bundle.text = to_toml(*workflow);
  const auto flow = read_workflow(bundle);
  ASSERT_TRUE(flow) << flow.error().message;
  EXPECT_EQ(flow->steps[0].job, R"({"argv":["sleep","1.25"]})");
  EXPECT_EQ(flow->steps[0].weight, 12u);
  const auto plan = plan_workflow(*flow);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->physical->to_text(),
            "exec a-1\n  exec b-1  after a-1\n    exec b-1-2  after b-1\n      job  after b-1-2\n");
}

TEST(WfFormat, WhatIsNoneIsRefused) {
  for (const char* bad :
       {"", "[]", "{}", R"({"workflow": {"tasks": []}})", R"({"workflow": {"tasks": [1]}})",
        R"({"workflow": {"tasks": [{"name": "a"}, {"name": "a"}]}})",
        R"({"workflow": {"tasks": [{"name": "a", "parents": ["b"]}]}})",
        R"({"workflow": {"tasks": [{"name": "a", "parents": [3]}]}})",
        R"({"workflow": {"tasks": [{"name": "a", "runtime": -1}]}})",
        R"({"workflow": {"tasks": [{"name": "a", "runtime": "x"}]}})"}) {
    const auto workflow = read_wfformat(bad, "w.json");
    ASSERT_FALSE(workflow) << bad;
    EXPECT_EQ(workflow.error().code, Errc::BadInput);
    EXPECT_TRUE(workflow.error().message.starts_with("w.json ")) << workflow.error().message;
  }
}

}  // namespace
}  // namespace drover::dag
