// tests/unit/dag/compile_test.cpp - from a request to a plan, and every way it can be refused.
// SPDX-License-Identifier: Apache-2.0
#include "dag/compile.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <ostream>

namespace drover::dag {
namespace {

StepRequest script(std::string name, std::vector<std::string> after = {}) {
  StepRequest step;
  step.name = std::move(name);
  step.code = "#!/bin/sh\ntrue\n";
  step.after = std::move(after);
  return step;
}

JobRequest job(std::vector<StepRequest> steps) {
  JobRequest request;
  request.name = "j";
  request.steps = std::move(steps);
  return request;
}

TEST(Compile, OneScriptIsOneExecTaskAndTheJob) {
  const auto plan = compile(job({script("")}));
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ((*plan)->size(), 2u);
  ASSERT_EQ((*plan)->exec_nodes().size(), 1u);
  EXPECT_EQ((*plan)->label((*plan)->exec_nodes()[0]), "task");
  EXPECT_EQ((*plan)->to_text(), "exec task\n  job  after task\n");
}

TEST(Compile, AnArrayIsOneExecTaskWhateverItsSize) {
  StepRequest step = script("");
  step.is_array = true;
  step.elements = 1'000'000;
  const auto plan = compile(job({step}));
  ASSERT_TRUE(plan);
  EXPECT_EQ((*plan)->to_text(), "exec array\n  job  after array\n");
}

TEST(Compile, ACommandNeedsNoScript) {
  StepRequest step;
  step.argv = {"/bin/true", "x"};
  EXPECT_TRUE(compile(job({step})));
}

TEST(Compile, EqualShapesShareOnePlan) {
  PlanCache cache;
  JobRequest first = job({script("")});
  JobRequest second = job({script("")});
  second.name = "another";
  second.labels = {{"user", "ann"}};
  const auto a = compile(first, cache);
  const auto b = compile(second, cache);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(*a, *b);
  EXPECT_NE(*compile(job({script("other")}), cache), *a);
  EXPECT_EQ(cache.size(), 2u);
}

TEST(Compile, AFullCacheStartsAfreshAndPlansLiveOn) {
  PlanCache cache(2);
  const auto kept = compile(job({script("a")}), cache);
  for (const char* name : {"b", "c", "d", "e"}) ASSERT_TRUE(compile(job({script(name)}), cache));
  EXPECT_LE(cache.size(), 2u);
  EXPECT_EQ((*kept)->label((*kept)->exec_nodes()[0]), "a");
}

TEST(Compile, StepsWaitForTheirPredecessorsAndImpliedEdgesGo) {
  const auto plan =
      compile(job({script("last", {"mid", "first"}), script("mid", {"first"}), script("first")}));
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(
      (*plan)->to_text(),
      "exec first\n  exec mid  after first\n    exec last  after mid\n      job  after last\n");
  EXPECT_EQ((*plan)->step((*plan)->exec_nodes()[0]), 2u) << "the position in the request";
}

TEST(Compile, TheLongestChainGoesFirst) {
  const auto plan =
      compile(job({script("leaf"), script("a"), script("b", {"a"}), script("c", {"b"})}));
  ASSERT_TRUE(plan);
  EXPECT_EQ((*plan)->label((*plan)->exec_nodes()[0]), "a");
}

TEST(Compile, VariablesAreFilledInOnceAndOnlyInNames) {
  JobRequest request = job({script("${x}-1"), script("end", {"${x}-1"})});
  request.variables = {{"x", "run"}};
  const auto plan = compile(request);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ((*plan)->label((*plan)->exec_nodes()[0]), "run-1");

  request.variables = {{"x", "${x}"}};
  EXPECT_FALSE(compile(request))
      << "the value is not substituted again, and '$' is no letter of a name";
}

TEST(Convert, TheLanguageComesFromTheFirstLine) {
  const std::pair<const char*, const char*> cases[] = {
      {"#!/bin/sh\n", "shell"},
      {"#!/usr/bin/env python3\n", "python"},
      {"#! /usr/bin/env -S A=1 perl -w", "perl"},
      {"#!/bin/bash -l\n", "shell"},
      {"#!/bin/sh\r\n", "shell"},
      {"#!\n", ""},
  };
  for (const auto& [code, language] : cases) {
    StepRequest step;
    step.code = code;
    const auto converted = convert(job({step}));
    ASSERT_TRUE(converted);
    EXPECT_EQ(converted->steps[0].language, language) << code;
  }
}

TEST(Print, AstAndLogicalPlanReadWell) {
  JobRequest request = job({script("a"), script("b", {"a"})});
  request.labels = {{"user", "ann"}};
  request.steps[1].is_array = true;
  request.steps[1].elements = 7;
  const auto ast = parse(*convert(request));
  ASSERT_TRUE(ast);
  EXPECT_EQ(to_text(*ast),
            "job j\n  label user=ann\n  stage a  single script shell\n"
            "  stage b  single script shell  x7  after a\n");
  EXPECT_EQ(to_text(plan(*ast)),
            "job\n  stage a  single\n    exec a\n  stage b  single  after a\n    exec b  array\n");
}

TEST(Compile, TooManyStepsAreRefused) {
  JobRequest request;
  request.steps.resize(kStepsMax + 1);
  const auto plan = parse(std::move(request));
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, Errc::Limit);
  EXPECT_NE(plan.error().message.find("2000001 steps"), std::string::npos);
}

struct Refusal {
  const char* name;
  Errc code;
  const char* says;
  std::function<void(JobRequest&)> spoil;
  friend std::ostream& operator<<(std::ostream& out, const Refusal& r) { return out << r.name; }
};

class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, WithAMessageAndAHint) {
  JobRequest request = job({script("a"), script("b", {"a"})});
  GetParam().spoil(request);
  const auto plan = compile(request);
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().code, GetParam().code) << plan.error().message;
  EXPECT_NE(plan.error().message.find(GetParam().says), std::string::npos) << plan.error().message;
  EXPECT_FALSE(plan.error().hint.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Compile, Refused,
    testing::Values(
        Refusal{"no_steps", Errc::BadInput, "no steps", [](JobRequest& r) { r.steps.clear(); }},
        Refusal{"nothing_to_run", Errc::BadInput, "nothing to run",
                [](JobRequest& r) { r.steps[0].code.clear(); }},
        Refusal{"no_shebang", Errc::BadInput, "does not start with #!",
                [](JobRequest& r) { r.steps[0].code = "true\n"; }},
        Refusal{"empty_shebang", Errc::BadInput, "names no interpreter",
                [](JobRequest& r) { r.steps[0].code = "#!\ntrue\n"; }},
        Refusal{"nul", Errc::BadInput, "NUL",
                [](JobRequest& r) { r.steps[0].code += std::string(1, '\0'); }},
        Refusal{"twice", Errc::BadInput, "two steps", [](JobRequest& r) { r.steps[1].name = "a"; }},
        Refusal{"unknown_after", Errc::BadInput, "'prepares', which does not exist",
                [](JobRequest& r) {
                  r.steps[0].name = "prepare";
                  r.steps[1].after = {"prepares"};
                }},
        Refusal{"itself", Errc::BadInput, "b -> b",
                [](JobRequest& r) { r.steps[1].after = {"b"}; }},
        Refusal{"cycle", Errc::BadInput, "a -> b -> a",
                [](JobRequest& r) { r.steps[0].after = {"b"}; }},
        Refusal{"bad_name", Errc::BadInput, "not a valid name",
                [](JobRequest& r) {
                  r.steps[0].name = "a b";
                  r.steps[1].after = {"a b"};
                }},
        Refusal{"empty_array", Errc::BadInput, "without elements",
                [](JobRequest& r) { r.steps[0].elements = 0; }},
        Refusal{"bad_label", Errc::BadInput, "label 'a b'",
                [](JobRequest& r) { r.labels["a b"] = "x"; }},
        Refusal{"variable", Errc::BadInput, "'missing' is not set",
                [](JobRequest& r) { r.steps[0].name = "${missing}"; }},
        Refusal{"brace", Errc::BadInput, "without '}'",
                [](JobRequest& r) { r.steps[0].name = "${x"; }},
        Refusal{"one_target", Errc::BadInput, "needs two targets",
                [](JobRequest& r) { r.steps[0].strategy = "multi-read"; }},
        Refusal{"a_transaction_of_one", Errc::BadInput, "needs steps of its own",
                [](JobRequest& r) { r.steps[0].strategy = "transaction"; }},
        Refusal{"part_of_nothing", Errc::BadInput, "part of 'no'",
                [](JobRequest& r) { r.steps[0].group = "no"; }},
        Refusal{"unknown_strategy", Errc::BadInput, "unknown strategy",
                [](JobRequest& r) { r.steps[0].strategy = "singel"; }}),
    [](const auto& each) { return std::string(each.param.name); });

}  // namespace
}  // namespace drover::dag
