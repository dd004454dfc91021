// tests/unit/cli/bundle_test.cpp - which files of the user's come with a workflow.
// SPDX-License-Identifier: Apache-2.0
#include "cli/bundle.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "dag/workflow_plan.hpp"

namespace drover::cli {
namespace {

class WorkflowBundle : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "bundle[1].XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  void write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = directory_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  std::filesystem::path directory_;
};

TEST_F(WorkflowBundle, BringsScriptsWorkflowsAndMatches) {
  write("flow.toml", R"(
params.kind = "csv"
[[step]]
name = "a"
script = "bin/a.sh"
[[step]]
name = "b"
foreach = { files = "data/*.${kind}" }
command = ["cat", "${item}"]
[[step]]
name = "c"
workflow = "sub/inner.toml"
)");
  write("bin/a.sh", "#!/bin/sh\n");
  write("data/2.csv", "");
  write("data/1.csv", "");
  write("data/3.txt", "");
  write("sub/inner.toml", "[[step]]\nname = 'x'\nscript = '../bin/x.sh'\n");
  write("bin/x.sh", "#!/bin/sh\nx\n");
  const auto files = read_bundle((directory_ / "flow.toml").string(), {});
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_EQ(files->directory, directory_.string());
  EXPECT_EQ(files->bundle.origin, "flow.toml");
  EXPECT_EQ(files->bundle.files.size(), 3u);
  EXPECT_EQ(files->bundle.files.at("bin/x.sh"), "#!/bin/sh\nx\n");
  EXPECT_EQ(files->bundle.globs.at("data/*.csv"),
            (std::vector<std::string>{"data/1.csv", "data/2.csv"}));
  EXPECT_TRUE(dag::read_workflow(files->bundle));
}

TEST_F(WorkflowBundle, AMissingFileIsNamedByTheReaderWithItsLine) {
  write("flow.toml", "[[step]]\nname = 'a'\nscript = 'no.sh'\n");
  const auto files = read_bundle((directory_ / "flow.toml").string(), {});
  ASSERT_TRUE(files);
  const auto flow = dag::read_workflow(files->bundle);
  ASSERT_FALSE(flow);
  EXPECT_EQ(flow.error().message, "flow.toml:3: there is no file 'no.sh'");
  EXPECT_EQ(read_bundle((directory_ / "none.toml").string(), {}).error().code, Errc::NotFound);
  EXPECT_EQ(read_bundle(directory_.string(), {}).error().code, Errc::Io);
}

// The program of the tests stands in the repository's root.
TEST(WorkflowExamples, CanBePlanned) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("examples/workflows")) {
    if (entry.path().extension() != ".toml") continue;
    const auto files = read_bundle(entry.path().string(), {});
    ASSERT_TRUE(files) << entry.path() << files.error().message;
    const auto flow = dag::read_workflow(files->bundle);
    ASSERT_TRUE(flow) << flow.error().message;
    EXPECT_TRUE(dag::plan_workflow(*flow)) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 4u);
}

TEST(Params, AreNamesAndValues) {
  EXPECT_EQ(read_params({"a=1", "b=x=y,z", "c="}),
            (std::map<std::string, std::string>{{"a", "1"}, {"b", "x=y,z"}, {"c", ""}}));
  for (const char* bad : {"a", "=1"}) EXPECT_FALSE(read_params({bad})) << bad;
  EXPECT_FALSE(read_params({"a=1", "a=2"}));
}

}  // namespace
}  // namespace drover::cli
