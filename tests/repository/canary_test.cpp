// tests/repository/canary_test.cpp - fails on purpose; ctest is told that it must.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

TEST(Canary, MustFail) {
  EXPECT_EQ(1, 2) << "a test run that does not notice this notices nothing";
}
