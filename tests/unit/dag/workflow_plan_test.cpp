// tests/unit/dag/workflow_plan_test.cpp - which nodes and edges a workflow becomes.
// SPDX-License-Identifier: Apache-2.0
#include "dag/workflow_plan.hpp"

#include <gtest/gtest.h>

#include "dag/read_workflow.hpp"

namespace drover::dag {
namespace {

Workflow read(std::string text, std::map<std::string, std::string> files = {}) {
  const auto flow = read_workflow({.origin = "f.toml",
                                   .text = std::move(text),
                                   .files = std::move(files),
                                   .params = {},
                                   .globs = {}});
  EXPECT_TRUE(flow) << flow.error().message;
  return flow ? *flow : Workflow{};
}

struct Shape {
  const char* name;
  const char* text;
  const char* plan;
  friend std::ostream& operator<<(std::ostream& out, const Shape& row) { return out << row.name; }
};
class WorkflowShapes : public testing::TestWithParam<Shape> {};
TEST_P(WorkflowShapes, AsText) {
  const Workflow flow = read(GetParam().text, {{"in.toml", R"(
[[step]]
name = "x"
command = ["x"]
[[step]]
name = "y"
needs = ["x:done"]
command = ["y"]
[[step]]
name = "z"
final = true
command = ["z"]
)"}});
  const auto plan = plan_workflow(flow);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->physical->to_text(), GetParam().plan);
}
INSTANTIATE_TEST_SUITE_P(
    WorkflowPlan, WorkflowShapes,
    testing::Values(
        Shape{"conditions",
              "[[step]]\nname='a'\ncommand=['x']\n[[step]]\nname='b'\nneeds=['a:fail']\ncommand=['"
              "x']\n"
              "[[step]]\nname='c'\nneeds=['a','b']\nany=true\ncommand=['x']\n",
              "exec a\n  exec b  after a (fail)\n    exec c  after a, b  any of them\n"
              "      job  after c\n"},
        Shape{"elements",
              "[[step]]\nname='p'\ncommand=['x']\n"
              "[[step]]\nname='a'\nneeds=['p']\nforeach=[1,2]\ncommand=['x']\n"
              "[[step]]\nname='b'\nneeds=[{step='a',each=true}]\ncommand=['x']\n"
              "[[step]]\nname='c'\nneeds=[{step='b',each=true}, 'p']\ncommand=['x']\n",
              "exec p\n  exec a  after p\n  exec b  after p\n  exec c  after p\n"
              "    job  after a, b, c\n"},
        Shape{"final",
              "[[step]]\nname='a'\ncommand=['x']\n[[step]]\nname='b'\nneeds=['a']\ncommand=['x']\n"
              "[[step]]\nname='f'\nfinal=true\ncommand=['x']\n",
              "exec a\n  exec b  after a\n    exec f  after a (done), b (done)\n"
              "      job  after f\n"},
        Shape{"two_finals",
              "[[step]]\nname='a'\ncommand=['x']\n[[step]]\nname='f'\nfinal=true\ncommand=['x']\n"
              "[[step]]\nname='g'\nfinal=true\nneeds=['f']\ncommand=['x']\n",
              "exec a\n  stage_start final  after a (done)\n    exec f  after final\n"
              "      exec g  after final, f\n        job  after g\n"},
        Shape{"standby",
              "[[step]]\nname='s'\ncommand=['x']\nstrategy='active-standby'\n"
              "targets=[{partition='a'},{partition='b'}]\n",
              "stage_start s\n  exec s@1  after s\n    exec s@2  after s, s@1 (fail)\n"
              "      stage_end s  after s@1, s@2\n        job  after s\n"},
        Shape{"mixed",
              "[[step]]\nname='m'\nstrategy='mixed'\ncommand=['sum']\n[[step.step]]\nname='a'\n"
              "command=['x']\n[[step.step]]\nname='b'\ncommand=['x']\n",
              "stage_start m\n  exec m.a  after m\n  exec m.b  after m\n"
              "    exec m~summary  after m, m.a, m.b\n"
              "      stage_end m  after m.a, m.b, m~summary\n        job  after m\n"},
        Shape{"workflow",
              "[[step]]\nname='a'\ncommand=['x']\n[[step]]\nname='o'\nneeds=['a']\n"
              "workflow='in.toml'\n[[step]]\nname='e'\nneeds=['o']\ncommand=['x']\n",
              "exec a\n  stage_start o  after a\n    exec o.x  after o\n"
              "      exec o.y  after o, o.x (done)\n"
              "        exec o.z  after o, o.x (done), o.y (done)\n"
              "          exec o  after o, o.x, o.y, o.z\n            exec e  after o\n"
              "              job  after e\n"}));

TEST(WorkflowPlan, PartsFollowTheStepsAndNameThemselves) {
  const Workflow flow = read(R"(
[[step]]
name = "m"
command = ["x"]
strategy = "multi-read"
targets = [{ partition = "a" }, { partition = "b" }]
[[step]]
name = "t"
strategy = "transaction"
[[step.step]]
name = "a"
command = ["x"]
undo = { command = ["y"] }
[[step]]
name = "x"
strategy = "mixed"
command = ["sum"]
[[step.step]]
name = "a"
command = ["x"]
)");
  const auto plan = plan_workflow(flow);
  ASSERT_TRUE(plan);
  std::string names;
  for (const Part& part : plan->parts) names += part_name(flow, part) + " ";
  EXPECT_EQ(names, "m@1 m@2 t.a t.a~undo x~summary x.a ");
  for (std::uint32_t p = 0; p < plan->parts.size(); ++p)
    EXPECT_EQ(plan->physical->step(plan->parts[p].node), p);
  ASSERT_EQ(plan->step_ends.size(), flow.steps.size());
  EXPECT_EQ(plan->physical->kind(plan->step_ends[0]), NodeKind::StageEnd);
  EXPECT_EQ(plan->step_ends[2], plan->parts[2].node);
}

TEST(WorkflowPlan, ChainsThatAllowItShareAJob) {
  const std::string text =
      "[[step]]\nname='a'\nfuse=true\ncommand=['x']\n"
      "[[step]]\nname='b'\nfuse=true\nneeds=['a']\ncommand=['y']\n"
      "[[step]]\nname='c'\nfuse=true\nneeds=['b']\ncommand=['z']\n"
      "[[step]]\nname='d'\nneeds=['c']\ncommand=['z']\n"
      "[[step]]\nname='e'\nfuse=true\nneeds=['c']\njob={mem='1G'}\ncommand=['z']\n";
  const Workflow flow = read(text);
  const auto plan = plan_workflow(flow);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->physical->to_text(),
            "exec a\n  exec d  after a\n  exec e  after a\n    job  after d, e\n");
  EXPECT_EQ(plan->applied, std::vector<std::string>{"fused a, b, c"});
  EXPECT_EQ(plan->parts[0].fused, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_TRUE(plan->parts[2].is_fused);
  EXPECT_EQ(plan->parts[2].node, plan->parts[0].node);
  EXPECT_EQ(plan->step_ends[2], plan->parts[0].node);
  const Workflow asked = read(text + "[[step]]\nname='f'\nneeds=['c:fail']\ncommand=['z']\n");
  EXPECT_EQ(plan_workflow(asked)->applied, std::vector<std::string>{"fused a, b"})
      << "f asks how c ends, which a job of all three would not tell";
  const auto plain = plan_workflow(flow, {.fuse = false});
  EXPECT_EQ(plain->physical->exec_nodes().size(), 5u);
}

TEST(WorkflowPlan, RulesCanBeSwitchedOff) {
  const Workflow flow = read(
      "[[step]]\nname='leaf'\ncommand=['x']\n[[step]]\nname='a'\ncommand=['x']\n"
      "[[step]]\nname='b'\nneeds=['a']\ncommand=['x']\n"
      "[[step]]\nname='c'\nneeds=['a','b']\ncommand=['x']\n");
  const auto with = plan_workflow(flow);
  const auto without = plan_workflow(flow, {.drop_implied = false, .critical_path = false});
  EXPECT_EQ(with->physical->edges() + 1, without->physical->edges());
  EXPECT_EQ(with->physical->label(with->physical->order()[0]), "a");
  EXPECT_EQ(without->physical->label(without->physical->order()[0]), "leaf");
  Workflow said = flow;
  said.rules.drop_implied = said.rules.critical_path = false;
  EXPECT_EQ(plan_workflow(said)->physical->to_text(), without->physical->to_text());
}

struct Alike {
  const char* name;
  const char* text;  // beside a and b, which are alike
  const char* line;
};
constexpr Alike kAlike[] = {
    {"what they run may differ",
     "[[step]]\nname='c'\ncommand='x y'\njob={env={A='b'}}\n"
     "[[step]]\nname='d'\nscript='#!/bin/sh\\n'\n",
     "grouped a, b, c, d"},
    {"not what they ask for", "[[step]]\nname='c'\njob={mem='1G'}\ncommand=['x']\n",
     "grouped a, b"},
    {"nor what they need", "[[step]]\nname='c'\nneeds=['a']\ncommand=['x']\n", "grouped a, b"},
    {"nor what is said of a whole job, or of files",
     "[[step]]\nname='c'\njob={out='%j'}\ncommand=['x']\n"
     "[[step]]\nname='d'\njob={out='%j'}\ncommand=['x']\n"
     "[[step]]\nname='e'\njob={hold=true}\ncommand=['x']\n"
     "[[step]]\nname='f'\njob={hold=true}\ncommand=['x']\n",
     "grouped a, b"},
    {"nor steps with a strategy, items, kept results or an engine",
     "[[step]]\nname='c'\nforeach=[1]\ncommand=['x']\n"
     "[[step]]\nname='d'\ncache=true\ncommand=['x']\n"
     "[[step]]\nname='e'\nrate={starts=1,per='1m'}\ncommand=['x']\n"
     "[[step]]\nname='f'\nlanguage='sql'\ncode='x'\n",
     "grouped a, b"},
    {"the end comes later", "[[step]]\nname='c'\nfinal=true\ncommand=['x']\n", "grouped a, b"},
};

TEST(WorkflowPlan, EqualStepsMayShareAnArray) {
  for (const Alike& row : kAlike) {
    SCOPED_TRACE(row.name);
    const std::string steps =
        "[[step]]\nname='a'\ncommand=['x']\n[[step]]\nname='b'\ncommand=['y']\n" +
        std::string(row.text);
    const auto plan = plan_workflow(read(steps), {.group = true});
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->applied, std::vector<std::string>{row.line});
    const auto plain = plan_workflow(read(steps));
    EXPECT_TRUE(plain->applied.empty()) << "it is not on by itself";
    EXPECT_EQ(plain->physical->to_text(), plan->physical->to_text());
    const Workflow said = read("[optimize]\ngroup=true\n" + steps);
    EXPECT_EQ(plan_workflow(said)->applied, plan->applied);
    EXPECT_TRUE(plan_workflow(said, {.group = false})->applied.empty());
  }
}

std::string left_out(const WorkflowPlan& plan, const Workflow& flow) {
  std::string names;
  for (const Part& part : plan.parts)
    if (part.is_left_out) names += (names.empty() ? "" : " ") + part_name(flow, part);
  return names;
}

struct Never {
  const char* name;
  const char* text;  // behind a, and b that needs its failure
  const char* left_out;
};
constexpr Never kNever[] = {
    {"who asks for both ends", "[[step]]\nname='c'\nneeds=['a','b']\ncommand=['x']\n", "c"},
    {"any of them is enough", "[[step]]\nname='c'\nneeds=['a','b']\nany=true\ncommand=['x']\n", ""},
    {"who needs it too, whether well or not",
     "[[step]]\nname='c'\nneeds=['a','b']\ncommand=['x']\n"
     "[[step]]\nname='d'\nneeds=['c']\ncommand=['x']\n"
     "[[step]]\nname='e'\nneeds=['c:fail']\ncommand=['x']\n"
     "[[step]]\nname='f'\nneeds=['d:done']\ncommand=['x']\n",
     "c d e"},
    {"all that is in it",
     "[[step]]\nname='c'\nneeds=['a','b']\nstrategy='transaction'\n[[step.step]]\nname='m'\n"
     "command=['x']\nundo={command=['y']}\n",
     "c.m c.m~undo"},
    {"not whose end one of several waits for",
     "[[step]]\nname='c'\nneeds=['a','b']\ncommand=['x']\n"
     "[[step]]\nname='d'\nneeds=['c:done','a:fail']\nany=true\ncommand=['x']\n",
     ""},
    {"not who alone asks for a failure, but who follows",
     "[[step]]\nname='c'\nneeds=['a']\ncommand=['x']\n"
     "[[step]]\nname='d'\nneeds=['b','c:fail']\ncommand=['x']\n"
     "[[step]]\nname='e'\nneeds=['d']\ncommand=['x']\n",
     "e"},
};

TEST(WorkflowPlan, StepsThatCanNeverRunAreLeftOut) {
  for (const Never& row : kNever) {
    SCOPED_TRACE(row.name);
    const Workflow flow = read(
        "[[step]]\nname='a'\ncommand=['x']\n"
        "[[step]]\nname='b'\nneeds=['a:fail']\ncommand=['x']\n" +
        std::string(row.text));
    const auto plan = plan_workflow(flow);
    ASSERT_TRUE(plan);
    EXPECT_EQ(left_out(*plan, flow), row.left_out);
    const auto all = plan_workflow(flow, {.prune = false});
    EXPECT_EQ(left_out(*all, flow), "");
    EXPECT_TRUE(all->applied.empty());
    EXPECT_EQ(plan->parts.size(), all->parts.size()) << "facts count on their positions";
  }
}

// x fails, which nobody inside asked for; the outer step answers for it.
TEST(WorkflowPlan, ASubWorkflowAnswersForItsSteps) {
  const Workflow flow = read(
      "[[step]]\nname='o'\nworkflow='in.toml'\n"
      "[[step]]\nname='h'\nneeds=['o:fail']\ncommand=['x']\n",
      {{"in.toml",
        "[[step]]\nname='x'\ncommand=['x']\n[[step]]\nname='y'\ncommand=['x']\n"
        "[[step]]\nname='w'\nneeds=['y:fail']\ncommand=['x']\n"}});
  const auto plan = plan_workflow(flow);
  ASSERT_TRUE(plan);
  for (const bool fails : {true, false}) {
    Execution execution(plan->physical);
    const auto end = [&](std::uint32_t part, Mark mark) {
      ASSERT_TRUE(execution.complete(plan->parts[part].node, mark)) << part;
    };
    end(1, fails ? Mark::Failed : Mark::Succeeded);
    end(2, Mark::Failed);     // handled by w
    end(3, Mark::Succeeded);  // w
    ASSERT_EQ(execution.mark(plan->parts[0].node), Mark::Ready);
    const Mark mark = gathered(flow, *plan, execution, 0);
    EXPECT_EQ(mark, fails ? Mark::Failed : Mark::Succeeded);
    end(0, mark);
    if (fails) end(4, Mark::Succeeded);
    EXPECT_TRUE(execution.is_done());
    EXPECT_TRUE(execution.is_ok()) << "h made provision";
  }
}

TEST(WorkflowPlan, ASubWorkflowThatIsNotStartedIsSkipped) {
  const Workflow flow = read(
      "[[step]]\nname='a'\ncommand=['x']\n"
      "[[step]]\nname='o'\nneeds=['a:fail']\nworkflow='in.toml'\n",
      {{"in.toml",
        "[[step]]\nname='x'\ncommand=['x']\n[[step]]\nname='y'\nneeds=['x:done']\n"
        "command=['x']\n[[step]]\nname='f'\nfinal=true\ncommand=['x']\n"}});
  const auto plan = plan_workflow(flow);
  ASSERT_TRUE(plan);
  Execution execution(plan->physical);
  ASSERT_TRUE(execution.complete(plan->parts[0].node, Mark::Succeeded));
  EXPECT_TRUE(execution.is_done());
  EXPECT_TRUE(execution.is_ok());
  EXPECT_EQ(execution.mark(plan->step_ends[1]), Mark::Skipped);
}

}  // namespace
}  // namespace drover::dag
