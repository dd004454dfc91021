// tests/unit/dag/refused_workflow_test.cpp - every way in which a document can be wrong.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <ostream>

#include "dag/read_workflow.hpp"

namespace drover::dag {
namespace {

struct Wrong {
  const char* name;
  const char* text;
  const char* says;        // in the message
  const char* hints = "";  // in the hint
  Errc code = Errc::BadInput;
  friend std::ostream& operator<<(std::ostream& out, const Wrong& row) { return out << row.name; }
};
class RefusedWorkflow : public testing::TestWithParam<Wrong> {};

TEST_P(RefusedWorkflow, WithItsLineAndAHint) {
  Bundle bundle;
  bundle.origin = "f.toml";
  bundle.text = GetParam().text;
  bundle.files = {{"self.toml", "[[step]]\nname='i'\nworkflow='self.toml'\n"},
                  {"ping.toml", "[[step]]\nname='i'\nworkflow='pong.toml'\n"},
                  {"pong.toml", "[[step]]\nname='i'\nworkflow='ping.toml'\n"},
                  {"want.toml", "[params.n]\ntype='integer'\n[[step]]\nname='i'\ncommand=['x']\n"},
                  {"plain.txt", "echo\n"}};
  const auto flow = read_workflow(bundle);
  ASSERT_FALSE(flow);
  EXPECT_EQ(flow.error().code, GetParam().code) << flow.error().message;
  EXPECT_NE(flow.error().message.find(GetParam().says), std::string::npos) << flow.error().message;
  EXPECT_NE(flow.error().hint.find(GetParam().hints), std::string::npos) << flow.error().hint;
  EXPECT_NE(flow.error().message.substr(0, 10).find(".toml:"), std::string::npos);
}

#define STEP "[[step]]\nname='a'\ncommand=['x']\n"
INSTANTIATE_TEST_SUITE_P(
    Workflow, RefusedWorkflow,
    testing::Values(
        Wrong{"no_steps", "name='x'\n", "has no steps", "[[step]]"},
        Wrong{"broken", "name=\n", "f.toml:1"},
        Wrong{"unknown_key", "nmae='x'\n" STEP, "f.toml:1: unknown key of a workflow 'nmae'",
              "name"},
        Wrong{"unknown_step_key", STEP "comand=['x']\n", "f.toml:4: unknown key of a step 'comand'",
              "'command'"},
        Wrong{"no_name", "[[step]]\ncommand=['x']\n", "f.toml:1: a step has no name"},
        Wrong{"bad_name", "[[step]]\nname='a b'\ncommand=['x']\n",
              "f.toml:2: 'a b' is not a valid"},
        Wrong{"doubled", STEP STEP, "f.toml:4: two steps are named 'a'; the other is in line 1"},
        Wrong{"nothing", "[[step]]\nname='a'\n", "has nothing to run"},
        Wrong{"two_programs", STEP "script='#!/bin/sh'\n", "more than one of script"},
        Wrong{"unknown_step", STEP "[[step]]\nname='b'\nneeds=['aa']\ncommand=['x']\n",
              "f.toml:6: unknown step 'aa'", "'a'"},
        Wrong{"needed_twice", STEP "[[step]]\nname='b'\nneeds=['a','a:fail']\ncommand=['x']\n",
              "needs 'a' twice"},
        Wrong{"circle",
              "[[step]]\nname='a'\nneeds=['b']\ncommand=['x']\n"
              "[[step]]\nname='b'\nneeds=['c']\ncommand=['x']\n"
              "[[step]]\nname='c'\nneeds=['a']\ncommand=['x']\n",
              "steps need each other: a -> b -> c -> a"},
        Wrong{"itself", STEP "needs=['a']\n", "a -> a"},
        Wrong{"condition", STEP "needs=['b:failed']\n", "f.toml:4: unknown condition 'failed'",
              "'fail'"},
        Wrong{"exit_without_code", STEP "retry={max=1,on=['exit:']}\n",
              "f.toml:4: 'exit:' names no exit code", "exit:75"},
        Wrong{"each_without_foreach",
              STEP "[[step]]\nname='b'\nneeds=[{step='a',each=true}]\ncommand=['x']\n",
              "element by element, which has no foreach"},
        Wrong{"counts",
              STEP "foreach=[1,2]\n[[step]]\nname='b'\nforeach=[1,2,3]\n"
                   "needs=[{step='a',each=true}]\ncommand=['x']\n",
              "the counts differ: 3 and 2"},
        Wrong{"each_when",
              STEP "foreach=[1]\n[[step]]\nname='b'\n"
                   "needs=[{step='a',each=true,when='fail'}]\ncommand=['x']\n",
              "asks for success"},
        Wrong{"too_many", STEP "foreach={range=[1,20001]}\n",
              "would run 20001 times; its limit is 10000", "foreach.limit", Errc::Limit},
        Wrong{"far_too_many", STEP "foreach={range=[1,1000000000000]}\n", "its limit is 10000", "",
              Errc::Limit},
        Wrong{"empty_list", STEP "foreach=[]\n", "would run for nothing"},
        Wrong{"range_of_no_number", "[params]\nn='x'\n" STEP "foreach={range=[1,'${n}']}\n",
              "f.toml:6: range"},
        Wrong{"replay_of_no_number",
              "[[step]]\nname='a'\nstrategy='replay'\nreplay={workflow='x'}\n",
              "f.toml:4: workflow"},
        Wrong{"replay_for_items",
              "[[step]]\nname='a'\nstrategy='replay'\nreplay={workflow=1}\nforeach=[1]\n",
              "f.toml:5: a replay runs for the items"},
        Wrong{"replay_kept",
              "[[step]]\nname='a'\nstrategy='replay'\nreplay={workflow=1}\ncache=true\n",
              "f.toml:5: a replay runs to compare"},
        Wrong{"empty_range", STEP "foreach={range=[5,1]}\n", "range is empty"},
        Wrong{"no_match", STEP "foreach={files='*.csv'}\n", "no file matches '*.csv'", "",
              Errc::NotFound},
        Wrong{"no_foreach_list", STEP "foreach='abc'\n", "neither a list nor a value"},
        Wrong{"item", "[[step]]\nname='a'\ncommand=['x','${item}']\n", "uses ${item}"},
        Wrong{"unknown_variable", "variables.out='x'\n[[step]]\nname='a'\ncommand=['${oout}']\n",
              "f.toml:4: unknown variable 'oout'", "'out'"},
        Wrong{"unknown_param", "params.n=1\n[[step]]\nname='a'\ncommand='x ${params.m}'\n",
              "unknown parameter 'params.m'", "params.n"},
        Wrong{"not_a_variable", "[[step]]\nname='a'\ncommand=['${x:-y}']\n", "is no variable"},
        Wrong{"not_needed", STEP "[[step]]\nname='b'\ncommand=['${steps.a.values.x}']\n",
              "uses a value of 'a', but does not wait for its end", "needs = [\"a\"]"},
        Wrong{"value_of_nobody", STEP "needs=[]\ncwd='x'\n", "unknown key"},
        Wrong{"unknown_value", "[[step]]\nname='b'\ncommand=['${steps.aa.values.x}']\n",
              "unknown step 'aa'"},
        Wrong{"no_value", STEP "[[step]]\nname='b'\nneeds=['a']\ncommand=['${steps.a.x}']\n",
              "names no value of a step"},
        Wrong{"value_of_elements",
              STEP "foreach=[1,2]\n[[step]]\nname='b'\nneeds=[{step='a',each=true}]\n"
                   "command=['${steps.a.values.x}']\n",
              "does not wait for its end", "drop each"},
        Wrong{"missing_param", "[params.n]\ntype='integer'\n" STEP,
              "f.toml:1: parameter 'n' has no value", "--param n="},
        Wrong{"wrong_default", "[params.n]\ntype='integer'\ndefault='x'\n" STEP,
              "f.toml:3: parameter 'n' is a whole number; 'x' is not"},
        Wrong{"wrong_type", "[params.n]\ntype='int'\n" STEP, "unknown type of a parameter 'int'"},
        Wrong{"no_choice", "[params.n]\ndefault='x'\nchoices=['y','z']\n" STEP, "choice"},
        Wrong{"on_failure", "on_failure='halt'\n" STEP, "unknown on_failure 'halt'",
              "continue, stop"},
        Wrong{"max_parallel", "max_parallel=0\n" STEP, "max_parallel is 0; it must lie between"},
        Wrong{"kind", "max_parallel='4'\n" STEP, "is a whole number, not a text"},
        Wrong{"strategy", STEP "strategy='multiread'\n", "unknown strategy 'multiread'",
              "multi-read"},
        Wrong{"one_target", STEP "strategy='multi-read'\ntargets=[{partition='a'}]\n",
              "has 1 target; it needs two", "degrade = true"},
        Wrong{"equal_targets",
              STEP "strategy='multi-read'\ntargets=[{partition='a'},{partition='a'}]\n",
              "are the same"},
        Wrong{"targets_alone", STEP "targets=[{partition='a'}]\n", "goes with another strategy"},
        Wrong{"late", STEP "late_after='1m'\n", "late_after goes with another strategy",
              "active-standby"},
        Wrong{"empty_transaction", "[[step]]\nname='a'\nstrategy='transaction'\n", "of nothing"},
        Wrong{"undo_alone", STEP "undo={command=['y']}\n", "only a step of a transaction"},
        Wrong{"mixed_alone",
              "[[step]]\nname='a'\nstrategy='mixed'\n[[step.step]]\nname='b'\ncommand=['x']\n",
              "joins its steps by nothing"},
        Wrong{"nested_group",
              "[[step]]\nname='a'\nstrategy='transaction'\n[[step.step]]\nname='b'\n"
              "strategy='transaction'\n[[step.step.step]]\nname='c'\ncommand=['x']\n",
              "is in a group and cannot be one itself"},
        Wrong{"need_in_group",
              STEP "[[step]]\nname='t'\nstrategy='transaction'\n[[step.step]]\nname='b'\n"
                   "needs=['a']\ncommand=['x']\n",
              "unknown step (here, only those beside it) 'a'"},
        Wrong{"needs_final", STEP "final=true\n[[step]]\nname='b'\nneeds=['a']\ncommand=['x']\n",
              "which is final"},
        Wrong{"rule", "[optimize]\nfuze=true\n" STEP,
              "f.toml:2: unknown key of a rule table 'fuze'", "fuse"},
        Wrong{"rule_flag", "[optimize]\nfuse=1\n" STEP, "f.toml:2: fuse"},
        Wrong{"engine_of_items",
              "[[step]]\nname='a'\ncode='select 1'\nlanguage='sql'\nforeach=[1]\n",
              "f.toml:1: step 'a' runs code on an engine, which takes no items", "dag add"},
        Wrong{"engine_of_elements",
              STEP
              "foreach=[1]\n[[step]]\nname='b'\nneeds=[{step='a',each=true}]\nengine='python'\n"
              "code='1'\n",
              "f.toml:5: step 'b' runs code on an engine"},
        Wrong{"engine_without_code", STEP "engine='python'\n", "f.toml:4: language, engine",
              "code"},
        Wrong{"engine_with_args",
              "[[step]]\nname='a'\nscript='plain.txt'\nengine='x'\nargs=['y']\n",
              "f.toml:5: code for an engine has no arguments"},
        Wrong{"engine_in_job", "[[step]]\nname='a'\ncode='x'\nlanguage='sql'\njob={engine='sql'}\n",
              "f.toml:5: job.engine is set by the workflow", "step itself"},
        Wrong{"session_of_nothing", "[[step]]\nname='a'\ncode='x'\nsession='s'\n",
              "names neither engine nor language"},
        Wrong{"language", "[[step]]\nname='a'\ncode='x'\nlanguage='pyton'\n", "unknown language",
              "'python'"},
        Wrong{"no_language", "[[step]]\nname='a'\ncode='x'\n", "code without a language"},
        Wrong{"no_file", "[[step]]\nname='a'\nscript='no.sh'\n",
              "f.toml:3: there is no file 'no.sh'", "", Errc::NotFound},
        Wrong{"no_shebang", "[[step]]\nname='a'\nscript='plain.txt'\n", "does not start with #!"},
        Wrong{"no_interpreter", "[[step]]\nname='a'\nscript='#!/bin/ '\n",
              "f.toml:3: the line #! names no interpreter"},
        Wrong{"reserved", STEP "job={array='1-3'}\n", "job.array is set by the workflow",
              "foreach"},
        Wrong{"two_times", STEP "job={time='1m'}\ntimeout='2m'\n", "are the same"},
        Wrong{"timeout", STEP "timeout='soon'\n", "f.toml:4: timeout"},
        Wrong{"self", "[[step]]\nname='a'\nworkflow='self.toml'\n",
              "workflows contain each other: f.toml -> self.toml -> self.toml"},
        Wrong{"circle_of_files", "[[step]]\nname='a'\nworkflow='ping.toml'\n",
              "f.toml -> ping.toml -> pong.toml -> ping.toml"},
        Wrong{"no_workflow", "[[step]]\nname='a'\nworkflow='none.toml'\n", "there is no file", "",
              Errc::NotFound},
        Wrong{"inner_missing", "[[step]]\nname='a'\nworkflow='want.toml'\n",
              "f.toml:3: want.toml:1: parameter 'n' has no value"},
        Wrong{"inner_unknown", "[[step]]\nname='a'\nworkflow='want.toml'\nwith={m=1,n=1}\n",
              "there is no parameter 'm'", "'n'"},
        Wrong{"inner_type", "[[step]]\nname='a'\nworkflow='want.toml'\nwith={n='x'}\n",
              "is a whole number; 'x' is not"},
        Wrong{"variable_circle", "variables.a='${b}'\nvariables.b='${a}'\n" STEP,
              "variables name each other"},
        Wrong{"variable_of_step", "variables.a='${steps.a.values.x}'\n" STEP,
              "no step has set yet"},
        Wrong{"twice", "params.a=1\nvariables.a='x'\n" STEP, "is a parameter and a variable"}));

TEST(RefusedWorkflow, AGivenParameterThatIsUnknown) {
  Bundle bundle{.origin = "f.toml",
                .text = "params.samples='x'\n" STEP,
                .files = {},
                .params = {{"sample", "1"}},
                .globs = {}};
  const auto flow = read_workflow(bundle);
  ASSERT_FALSE(flow);
  EXPECT_EQ(flow.error().message, "f.toml: there is no parameter 'sample'");
  EXPECT_EQ(flow.error().hint, "did you mean 'samples'?");
}

TEST(RefusedWorkflow, LargeAndDeepDocuments) {
  Bundle bundle{.origin = "f.toml",
                .text = std::string(10 << 20, ' '),
                .files = {},
                .params = {},
                .globs = {}};
  EXPECT_EQ(read_workflow(bundle).error().code, Errc::Limit);
  bundle.text = "{\"steps\":" + std::string(100, '[') + std::string(100, ']') + "}";
  EXPECT_EQ(read_workflow(bundle).error().code, Errc::Limit);
  bundle.text = "name='x'\nv=" + std::string(100, '[') + std::string(100, ']') + "\n" STEP;
  EXPECT_FALSE(read_workflow(bundle));
}

TEST(RefusedWorkflow, SmallDocumentsThatBecomeLarge) {
  Bundle bundle{.origin = "f.toml", .text = "", .files = {}, .params = {}, .globs = {}};
  bundle.files["big.sh"] = "#!/bin/sh\n" + std::string(3 << 20, '#');
  for (int i = 0; i < 100; ++i)
    bundle.text += "[[step]]\nname='s" + std::to_string(i) + "'\nscript='big.sh'\n";
  const auto bytes = read_workflow(bundle);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code, Errc::Limit) << bytes.error().message;
  bundle.text.clear();
  for (int i = 0; i < 10; ++i)
    bundle.text += "[[step]]\nname='s" + std::to_string(i) +
                   "'\ncommand=['x']\nforeach={range=[1,900000],limit=1000000}\n";
  const auto items = read_workflow(bundle);
  ASSERT_FALSE(items);
  EXPECT_EQ(items.error().code, Errc::Limit) << items.error().message;
}

TEST(RefusedWorkflow, WorkflowsInWorkflowsInWorkflows) {
  Bundle bundle{.origin = "f.toml",
                .text = "[[step]]\nname='a'\nworkflow='0.toml'\n",
                .files = {},
                .params = {},
                .globs = {}};
  for (int i = 0; i < 20; ++i)
    bundle.files[std::to_string(i) + ".toml"] =
        "[[step]]\nname='a'\nworkflow='" + std::to_string(i + 1) + ".toml'\n";
  const auto flow = read_workflow(bundle);
  ASSERT_FALSE(flow);
  EXPECT_EQ(flow.error().code, Errc::Limit);
  EXPECT_NE(flow.error().message.find("more than 8 deep"), std::string::npos);
}

}  // namespace
}  // namespace drover::dag
