// tests/unit/sched/output_path_test.cpp - patterns of output files, by table.
// SPDX-License-Identifier: Apache-2.0
#include "sched/output_path.hpp"

#include <gtest/gtest.h>

namespace drover::sched {
namespace {

PathValues element() {
  return {.task = {.job = JobId{42}, .index = TaskIndex{17}},
          .is_array = true,
          .name = "train",
          .node = "n1",
          .user = "ann",
          .cwd = "/home/ann"};
}

struct Row {
  const char* pattern;
  const char* single;
  const char* array;
};

TEST(OutputPath, Patterns) {
  const Row rows[] = {
      {"drover-%j.out", "/home/ann/drover-42.out", "/home/ann/drover-42_17.out"},
      {"/o/%A_%a", "/o/42_0", "/o/42_17"},
      {"/o/%J", "/o/42", "/o/42_17"},
      {"/o/%4a", "/o/0000", "/o/0017"},
      {"/o/%04a", "/o/0000", "/o/0017"},
      {"/o/%b", "/o/0", "/o/7"},
      {"/o/%6A.%1a", "/o/000042.0", "/o/000042.17"},
      {"/o/%99a", "/o/0000000000", "/o/0000000017"},
      {"/o/%99999999999999999999a", "/o/0000000000", "/o/0000000017"},
      {"/o/%x-%N-%u-%n%t-%s", "/o/train-n1-ann-00-batch", "/o/train-n1-ann-00-batch"},
      {"/o/%9x", "/o/train", "/o/train"},
      {"/o/100%%", "/o/100%", "/o/100%"},
      {"/o/%%j", "/o/%j", "/o/%j"},
      {"/o/%q-%5z-%", "/o/%q-%5z-%", "/o/%q-%5z-%"},
      {"/o/%5", "/o/%5", "/o/%5"},
      {"/o/\\%j", "/o/%j", "/o/%j"},
      {"%x.log", "/home/ann/train.log", "/home/ann/train.log"},
  };
  for (const Row& row : rows) {
    PathValues values = element();
    EXPECT_EQ(*expand_path(row.pattern, values), row.array) << row.pattern;
    values.is_array = false;
    EXPECT_EQ(*expand_path(row.pattern, values), row.single) << row.pattern;
  }
}

TEST(OutputPath, AJobNameIsNeverAWayToAnotherFolder) {
  PathValues values = element();
  values.name = "../../etc/passwd";
  EXPECT_EQ(*expand_path("/o/%x", values), "/o/.._.._etc_passwd");
  values.name = "..";
  EXPECT_EQ(*expand_path("/o/%x/f", values), "/o/_/f");
  values.cwd = "/";
  EXPECT_EQ(*expand_path("f", values), "/f");
}

TEST(OutputPath, Refusals) {
  const PathValues values = element();
  EXPECT_EQ(expand_path("", values).error().code, Errc::BadInput);
  EXPECT_EQ(expand_path("\\", values).error().code, Errc::BadInput);
  EXPECT_EQ(expand_path("a\nb", values).error().code, Errc::BadInput);
  EXPECT_EQ(expand_path(std::string_view("a\0b", 3), values).error().code, Errc::BadInput);
  EXPECT_EQ(expand_path(std::string(5000, 'a'), values).error().code, Errc::Limit);
  EXPECT_EQ(expand_path("/" + std::string(kPathMax - 1, 'a'), values)->size(), kPathMax);
  EXPECT_EQ(expand_path("a" + std::string(kPathMax - 2, 'b'), values).error().code, Errc::Limit)
      << "with the working directory it is too long";
  PathValues bad = values;
  bad.name = "a\nb";
  EXPECT_EQ(expand_path("%x", bad).error().code, Errc::BadInput);
  EXPECT_EQ(check_path_pattern("a\nb", "out").error().field, "out");
}

}  // namespace
}  // namespace drover::sched
