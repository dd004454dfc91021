// tests/unit/dag/read_workflow_test.cpp - what a document says, step by step.
// SPDX-License-Identifier: Apache-2.0
#include "dag/read_workflow.hpp"

#include <gtest/gtest.h>

namespace drover::dag {
namespace {

Bundle bundle(std::string text) {
  Bundle made;
  made.origin = "flow.toml";
  made.text = std::move(text);
  return made;
}

Workflow read(const Bundle& from) {
  auto flow = read_workflow(from);
  EXPECT_TRUE(flow) << flow.error().message << " / " << flow.error().hint;
  return flow ? *flow : Workflow{};
}

TEST(ReadWorkflow, TheHeadAndTheSteps) {
  const Workflow flow = read(bundle(R"(
name = "demo"
description = "a try"
max_parallel = 4
on_failure = "stop"
params.n = 3
params.who = { type = "text", default = "ann", choices = ["ann", "bob"], help = "who" }
variables.out = "results/${run_date}"
defaults = { mem = "1G" }
[[step]]
name = "a"
command = ["echo", 1, true, "${out}"]
weight = 3
[[step]]
name = "b"
needs = ["a:fail"]
command = "echo ${HOME}"
job = { env = { X = "${who}" } }
timeout = "10m"
retry = 2
fuse = true
[[step]]
name = "c"
needs = ["a", "b:done"]
any = true
code = "print(1)\n"
language = "python"
)"));
  EXPECT_EQ(flow.name, "demo");
  EXPECT_EQ(flow.max_parallel, 4u);
  EXPECT_EQ(flow.on_failure, OnFailure::Stop);
  EXPECT_EQ(flow.params.at("n").value, "3");
  EXPECT_EQ(flow.params.at("n").type, ParamType::Integer);
  EXPECT_EQ(flow.variables.at("out"), "results/${run_date}");
  EXPECT_EQ(flow.defaults, R"({"mem":"1G"})");
  ASSERT_EQ(flow.steps.size(), 3u);
  EXPECT_EQ(flow.steps[0].job, R"({"argv":["echo","1","true","${out}"]})");
  EXPECT_EQ(flow.steps[0].line, 10u);
  EXPECT_EQ(flow.steps[0].weight, 3u);
  EXPECT_EQ(flow.steps[1].job, R"({"argv":["/bin/sh","-c","echo ${HOME}"],)"
                               R"("env":{"X":"${who}"},"retry":{"max":2},"time":"10m"})");
  EXPECT_EQ(flow.steps[1].needs, (std::vector<Need>{{0, When::Failed, false}}));
  EXPECT_TRUE(flow.steps[1].may_fuse);
  EXPECT_EQ(flow.steps[2].join, Join::Any);
  EXPECT_EQ(flow.steps[2].job, R"({"script":"#!/usr/bin/env python3\nprint(1)\n"})");
  EXPECT_EQ(flow.steps[2].engine, "") << "it is a script unless it names an engine";
  EXPECT_EQ(flow.find("c"), 2u);
  EXPECT_FALSE(flow.find("d"));
}

TEST(ReadWorkflow, JsonOfTheSameShapeIsTheSame) {
  const Workflow flow = read(bundle(R"({"steps": [{"name": "a", "command": ["x"]},
    {"name": "b", "needs": [{"step": "a", "when": "done"}], "command": ["y"], "final": true}]})"));
  ASSERT_EQ(flow.steps.size(), 2u);
  EXPECT_EQ(flow.steps[1].needs[0].when, When::Ended);
  EXPECT_TRUE(flow.steps[1].is_final);
}

TEST(ReadWorkflow, ScriptsComeFromFilesBesideTheDocument) {
  Bundle from = bundle("[[step]]\nname='a'\nscript='tools/run.sh'\nargs=['x', 2]\n");
  from.files["tools/run.sh"] = "#!/bin/sh\necho $1\n";
  EXPECT_EQ(files_wanted(from)->files, std::vector<std::string>{"tools/run.sh"});
  EXPECT_EQ(read(from).steps[0].job, R"({"argv":["x","2"],"script":"#!/bin/sh\necho $1\n"})");
}

struct Items {
  const char* foreach;
  std::vector<std::string> items;
};
class ForeachItems : public testing::TestWithParam<Items> {};
struct Code {
  const char* words;
  const char* engine;  // of the step
  const char* job;
};
constexpr Code kCode[] = {
    {"language='sql'\ncode='select 1'", "sql", R"({"language":"sql","script":"select 1"})"},
    {"engine='python'\nsession='s'\ncode='1'", "python",
     R"({"engine":"python","script":"1","session":"s"})"},
    {"language='python'\nreset='none'\ncode='1'", "python",
     R"({"language":"python","reset":"none","script":"1"})"},
    {"engine='mine'\nlanguage='klingon'\nscript='q.sql'", "mine",
     R"({"engine":"mine","language":"klingon","script":"select 2\n"})"},
    {"language='bash'\nscript='q.sql'", "", R"({"script":"#!/bin/bash\nselect 2\n"})"},
};

TEST(ReadWorkflow, CodeIsForAnEngineWhenItSaysSo) {
  for (const Code& row : kCode) {
    SCOPED_TRACE(row.words);
    Bundle from = bundle("[[step]]\nname='a'\n" + std::string(row.words) + "\n");
    from.files["q.sql"] = "select 2\n";
    const Workflow flow = read(from);
    ASSERT_EQ(flow.steps.size(), 1u);
    EXPECT_EQ(flow.steps[0].engine, row.engine);
    EXPECT_EQ(flow.steps[0].job, row.job);
  }
}

TEST_P(ForeachItems, AreKnown) {
  Bundle from = bundle(
      "params.names = ['u', 'v']\nparams.dir = 'in'\n[[step]]\nname='a'\n"
      "command=['x', '${item}']\nforeach = " +
      std::string(GetParam().foreach));
  const auto wanted = files_wanted(from);
  ASSERT_TRUE(wanted) << wanted.error().message;
  for (const std::string& pattern : wanted->patterns) from.globs[pattern] = {pattern + "1", "q"};
  const Workflow flow = read(from);
  ASSERT_EQ(flow.steps.size(), 1u);
  EXPECT_EQ(flow.steps[0].foreach.source, Foreach::Source::Items);
  EXPECT_EQ(flow.steps[0].foreach.items, GetParam().items);
}
INSTANTIATE_TEST_SUITE_P(ReadWorkflow, ForeachItems,
                         testing::Values(Items{"['a', 2, 1.5]", {"a", "2", "1.5"}},
                                         Items{"{ range = [1, 3] }", {"1", "2", "3"}},
                                         Items{"{ range = [10, 0, -5] }", {"10", "5", "0"}},
                                         Items{"{ range = [1, 4, 2], throttle = 1 }", {"1", "3"}},
                                         Items{"'${names}'", {"u", "v"}},
                                         Items{"{ list = '${names}', limit = 2 }", {"u", "v"}},
                                         Items{"{ files = 'data/*.csv' }", {"data/*.csv1", "q"}},
                                         Items{"{ files = '${dir}/*' }", {"in/*1", "q"}}));

TEST(ReadWorkflow, ItemsOfAnotherStepComeLaterAndElementsFollow) {
  const Workflow flow = read(bundle(R"(
[[step]]
name = "list"
command = ["ls"]
[[step]]
name = "each"
needs = ["list"]
foreach = { result = "${steps.list.values.files}", limit = 50, throttle = 5 }
command = ["x", "${item}"]
[[step]]
name = "then"
needs = [{ step = "each", each = true }]
command = ["y", "${item}", "${index}"]
)"));
  EXPECT_EQ(flow.steps[1].foreach.source, Foreach::Source::Result);
  EXPECT_EQ(flow.steps[1].foreach.result, "steps.list.values.files");
  EXPECT_EQ(flow.steps[1].foreach.limit, 50u);
  EXPECT_EQ(flow.steps[1].foreach.throttle, 5u);
  EXPECT_EQ(flow.steps[2].foreach.source, Foreach::Source::Needed);
  EXPECT_TRUE(flow.steps[2].needs[0].element_wise);
}

TEST(ReadWorkflow, StrategiesAndTheirWords) {
  const Workflow flow = read(bundle(R"(
[[step]]
name = "m"
command = ["x"]
strategy = "multi-read"
targets = [{ partition = "a" }, { partition = "b" }]
[[step]]
name = "s"
command = ["x"]
strategy = "active-standby"
targets = [{ partition = "a" }, { partition = "b" }]
late_after = "10m"
[[step]]
name = "d"
command = ["x"]
strategy = "multi-read"
targets = [{ partition = "a" }]
degrade = true
[[step]]
name = "r"
command = ["x"]
strategy = "rate-limit"
rate = { starts = 10, per = "1m", key = "api" }
[[step]]
name = "p"
strategy = "replay"
replay = { workflow = 12 }
[[step]]
name = "e"
command = ["x", "${item}"]
strategy = "multi-read"
foreach = [1, 2]
[[step]]
name = "c"
command = ["x"]
cache = { key = "v1-${run_date}", keep = "2d" }
)"));
  ASSERT_EQ(flow.steps.size(), 7u);
  EXPECT_EQ(flow.steps[0].strategy, Strategy::MultiRead);
  EXPECT_EQ(flow.steps[0].targets[1], R"({"partition":"b"})");
  EXPECT_EQ(flow.steps[1].late_after, seconds(600));
  EXPECT_EQ(flow.steps[2].strategy, Strategy::Single) << "degraded";
  EXPECT_EQ(flow.steps[2].job, R"({"argv":["x"],"partition":"a"})");
  EXPECT_EQ(flow.steps[3].rate.starts, 10u);
  EXPECT_EQ(flow.steps[3].rate.key, "api");
  EXPECT_EQ(flow.steps[4].replay.workflow, 12u);
  EXPECT_EQ(flow.steps[4].replay.step, "p");
  EXPECT_EQ(flow.steps[5].strategy, Strategy::MultiRead);
  EXPECT_TRUE(flow.steps[6].cache.is_on);
  EXPECT_EQ(flow.steps[6].cache.keep, seconds(2 * 86'400));
}

TEST(ReadWorkflow, NumbersMayBeParameters) {
  const Workflow flow = read(bundle(R"(
[params]
n = 3
of = 12
[[step]]
name = "a"
command = ["x", "${item}"]
foreach = { range = [1, "${n}"] }
[[step]]
name = "b"
strategy = "replay"
replay = { workflow = "${of}", step = "a" }
)"));
  EXPECT_EQ(flow.steps[0].foreach.items, (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(flow.steps[1].replay.workflow, 12u);
  EXPECT_EQ(flow.steps[1].replay.step, "a");
  EXPECT_EQ(flow.steps[1].replay.recorded, nullptr) << "nobody has looked it up";
}

TEST(ReadWorkflow, MembersOfATransactionRunInTheirOrder) {
  const Workflow flow = read(bundle(R"(
[[step]]
name = "t"
strategy = "transaction"
[[step.step]]
name = "a"
command = ["a"]
job = { mem = "1G" }
undo = { command = ["unmake"] }
[[step.step]]
name = "b"
command = ["b"]
[[step]]
name = "m"
strategy = "mixed"
command = ["sum"]
[[step.step]]
name = "a"
command = ["a"]
[[step.step]]
name = "b"
command = ["b", "${steps.m.a.values.n}"]
needs = ["a"]
)"));
  ASSERT_EQ(flow.steps.size(), 6u);
  EXPECT_EQ(flow.steps[1].name, "t.a");
  EXPECT_EQ(flow.steps[1].parent, 0u);
  EXPECT_EQ(flow.steps[1].undo, R"({"argv":["unmake"],"mem":"1G"})");
  EXPECT_EQ(flow.steps[2].needs, (std::vector<Need>{{.step = 1}}));
  EXPECT_EQ(flow.steps[3].job, R"({"argv":["sum"]})");
  EXPECT_TRUE(flow.steps[4].needs.empty());
  EXPECT_EQ(flow.steps[5].needs, (std::vector<Need>{{.step = 4}}));
}

TEST(ReadWorkflow, ASubWorkflowIsUnfoldedWithItsValues) {
  Bundle from = bundle(R"(
[[step]]
name = "first"
command = ["x"]
[[step]]
name = "outer"
needs = ["first"]
workflow = "sub/inner.toml"
with = { n = 7, file = "${steps.first.values.f}" }
)");
  EXPECT_EQ(files_wanted(from)->files, std::vector<std::string>{"sub/inner.toml"});
  from.files["sub/inner.toml"] = R"(
params.n = { type = "integer" }
params.file = "none"
variables.where = "out/${n}"
defaults = { mem = "2G" }
[[step]]
name = "a"
command = ["a", "${file}", "${n + 1}", "${where}"]
[[step]]
name = "b"
needs = ["a"]
script = "b.sh"
job = { cwd = "${steps.a.values.dir}" }
[[step]]
name = "c"
final = true
foreach = { files = "*.txt" }
command = ["c"]
)";
  const auto wanted = files_wanted(from);
  ASSERT_TRUE(wanted);
  EXPECT_EQ(wanted->files, (std::vector<std::string>{"sub/b.sh", "sub/inner.toml"}));
  EXPECT_EQ(wanted->patterns, std::vector<std::string>{"sub/*.txt"});
  from.files["sub/b.sh"] = "#!/bin/sh\necho ${n} ${steps.a.values.x}\n";
  from.globs["sub/*.txt"] = {"sub/1.txt"};
  const Workflow flow = read(from);
  ASSERT_EQ(flow.steps.size(), 5u);
  EXPECT_EQ(flow.steps[1].kind, StepKind::Group);
  EXPECT_EQ(flow.steps[2].name, "outer.a");
  EXPECT_EQ(flow.steps[2].job,
            R"({"argv":["a","${steps.first.values.f}","8","out/7"],"mem":"2G"})");
  EXPECT_EQ(flow.steps[3].job, R"({"cwd":"${steps.outer.a.values.dir}","mem":"2G",)"
                               R"("script":"#!/bin/sh\necho 7 ${steps.outer.a.values.x}\n"})");
  EXPECT_EQ(flow.steps[3].needs, (std::vector<Need>{{.step = 2}}));
  EXPECT_TRUE(flow.steps[4].is_final);
  EXPECT_EQ(flow.steps[4].parent, 1u);
}

TEST(ReadWorkflow, GivenParametersAreTyped) {
  Bundle from = bundle(
      "params.n = 3\nparams.f = false\nparams.l = ['a']\n[[step]]\nname='a'\n"
      "command=['x']\n");
  from.params = {{"n", "12"}, {"f", "yes"}, {"l", "u,v"}};
  const Workflow flow = read(from);
  EXPECT_EQ(flow.params.at("n").value, "12");
  EXPECT_EQ(flow.params.at("f").value, "true");
  EXPECT_EQ(flow.params.at("l").value, R"(["u","v"])");
}

TEST(AddSteps, AppendsStepsThatNeedEarlierOnes) {
  Workflow flow = read(bundle("params.n = 3\n[[step]]\nname='a'\ncommand=['x']\n"));
  ASSERT_TRUE(add_steps(
      flow,
      bundle("[[step]]\nname='b'\nneeds=['a']\ncommand=['y', '${n}', '${steps.a.values.k}']")));
  ASSERT_EQ(flow.steps.size(), 2u);
  EXPECT_EQ(flow.steps[1].needs, (std::vector<Need>{{.step = 0}}));
  for (const char* bad :
       {"[[step]]\nname='a'\ncommand=['y']\n", "[[step]]\nname='c'\nneeds=['zz']\ncommand=['y']\n",
        "name='x'\n[[step]]\nname='c'\ncommand=['y']\n",
        "[[step]]\nname='c'\nfinal=true\ncommand=['y']\n"})
    EXPECT_FALSE(add_steps(flow, bundle(bad))) << bad;
  EXPECT_EQ(flow.steps.size(), 2u) << "nothing changes when it is refused";
  EXPECT_FALSE(flow.find("c")) << "nor by name";
  Workflow elements =
      read(bundle("[[step]]\nname='e'\nforeach=[1,2]\ncommand=['x']\n"
                  "[[step]]\nname='f'\nneeds=[{step='e',each=true}]\ncommand=['x']\n"));
  const std::string each = "[[step]]\nname='g'\nneeds=[{step='f',each=true}]\ncommand=['x']\n";
  EXPECT_FALSE(add_steps(elements, bundle(each + "foreach=[1,2,3]\n"))) << "the counts differ";
  ASSERT_TRUE(add_steps(elements, bundle(each)));
  EXPECT_EQ(elements.steps[2].foreach.source, Foreach::Source::Needed);
  const auto circle =
      add_steps(elements, bundle("[[step]]\nname='h'\nneeds=['i','e']\ncommand=['x']\n"
                                 "[[step]]\nname='i'\nneeds=['h']\ncommand=['x']\n"));
  ASSERT_FALSE(circle);
  EXPECT_NE(circle.error().message.find("h -> i -> h"), std::string::npos)
      << circle.error().message;
}

}  // namespace
}  // namespace drover::dag
