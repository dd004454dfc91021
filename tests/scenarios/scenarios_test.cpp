// tests/scenarios/scenarios_test.cpp - every file beside this one that ends in .scenario.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/scenarios/stage.hpp"

namespace drover::sched {
namespace {

const std::filesystem::path kFolder = "tests/scenarios";  // ctest starts in the root

std::vector<std::string> names() {
  std::vector<std::string> found;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder, none))
    if (entry.path().extension() == ".scenario") found.push_back(entry.path().stem().string());
  std::ranges::sort(found);
  return found;
}

class Scenarios : public testing::TestWithParam<std::string> {};

TEST_P(Scenarios, StartAsPromised) {
  const std::filesystem::path path = kFolder / (GetParam() + ".scenario");
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  const auto scenario = read_scenario(text.str());
  ASSERT_TRUE(scenario) << path << ": " << scenario.error().message;
  ASSERT_FALSE(scenario->starts.empty()) << path << " expects nothing";
  Stage(path.string(), *scenario).play();
}
INSTANTIATE_TEST_SUITE_P(Files, Scenarios, testing::ValuesIn(names()),
                         [](const auto& row) { return row.param; });

TEST(ScenarioFiles, AreFound) {
  EXPECT_GE(names().size(), 15u) << "start it in the root of the sources";
}

struct BadLine {
  std::string text, message;
};
class BadScenarios : public testing::TestWithParam<BadLine> {};

TEST_P(BadScenarios, NameTheirLine) {
  const auto scenario = read_scenario("# a comment\n" + GetParam().text + "\n");
  ASSERT_FALSE(scenario);
  EXPECT_EQ(scenario.error().message.find("line 2: "), 0u) << scenario.error().message;
  EXPECT_NE(scenario.error().message.find(GetParam().message), std::string::npos)
      << scenario.error().message;
}
INSTANTIATE_TEST_SUITE_P(
    Table, BadScenarios,
    testing::Values(BadLine{"nodes n1", "begins no line"}, BadLine{"node n1", "for example"},
                    BadLine{"policy eesy", "eesy"}, BadLine{"at 10 dance a", "dance"},
                    BadLine{"at soon cancel a", ""}, BadLine{"starts a", "for example"},
                    BadLine{"quota user=ann cpus=-1", "cpus"}));

}  // namespace
}  // namespace drover::sched
