// tests/unit/cli/environment_test.cpp - which variables travel.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "cli/spec_builder.hpp"

namespace drover::cli {
namespace {

const std::vector<std::string> kOuter = {"PATH=/bin",
                                         "HOME=/h",
                                         "FOO=1",
                                         "BAR=a,b",
                                         "SLURM_JOB_ID=7",
                                         "DROVER_JOB_ID=7",
                                         "DROVER_TOKEN=geheim",
                                         "DROVER_RUN=/r",
                                         "EMPTY=",
                                         "BASH_FUNC_f%%=() { :; }"};

TEST(Export, FollowsSlurm) {
  struct {
    const char* choice;
    const char* expected;
  } const rows[] = {
      {"ALL",
       R"({"BAR":"a,b","BASH_FUNC_f%%":"() { :; }","DROVER_RUN":"/r","EMPTY":"","FOO":"1","HOME":"/h","PATH":"/bin"})"},
      {"NONE", "null"},
      {"NIL", R"({"SLURM_EXPORT_ENV":"NIL"})"},
      {"FOO", R"({"FOO":"1","HOME":"/h","PATH":"/bin","SLURM_EXPORT_ENV":"FOO"})"},
      {"FOO,GONE,K=V",
       R"({"FOO":"1","HOME":"/h","K":"V","PATH":"/bin","SLURM_EXPORT_ENV":"FOO,GONE,K=V"})"},
      {"NIL,K='a,b'", R"({"K":"a,b","SLURM_EXPORT_ENV":"NIL,K='a,b'"})"},
  };
  for (const auto& row : rows) {
    std::vector<std::string> warnings;
    const auto environment = build_environment(row.choice, kOuter, warnings);
    ASSERT_TRUE(environment) << row.choice;
    EXPECT_EQ(to_text(*environment), row.expected) << row.choice;
  }
}

TEST(Export, LeavesOutWhatIsNoUtf8AndSaysSo) {
  std::vector<std::string> warnings;
  const auto environment = build_environment("ALL", {"A=\xff", "B=1"}, warnings);
  ASSERT_TRUE(environment);
  EXPECT_EQ(to_text(*environment), R"({"B":"1"})");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_FALSE(build_environment("=1", {}, warnings));
}

}  // namespace
}  // namespace drover::cli
