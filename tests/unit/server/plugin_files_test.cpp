// tests/unit/server/plugin_files_test.cpp - plugin.toml: what is read, and what is refused by line.
// SPDX-License-Identifier: Apache-2.0
#include "server/plugin_files.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace drover::server {
namespace {

const std::string kGood = R"([plugin]
type = "python"
languages = ["python", "py"]
[start]
command = ["python3", "{plugin}/engine.py"]
timeout = "30s"
[resources]
cpus = 2
memory = "2G"
[reuse]
idle = "10m"
max_uses = 7
[results]
keep = "30d"
quota = "2G"
printed = true
[hooks]
before = "import math"
[options]
preload = ["json"]
deep = {number = 1, yes = true}
)";

TEST(PluginFiles, ReadsWhatIsThere) {
  const auto plugin = parse_plugin(kGood, "p.toml");
  ASSERT_TRUE(plugin) << plugin.error().message;
  EXPECT_EQ(plugin->type, "python");
  EXPECT_EQ(plugin->languages.size(), 2u);
  EXPECT_EQ(plugin->start_timeout, seconds(30));
  EXPECT_EQ(plugin->cpus, 2);
  EXPECT_EQ(plugin->mem_mib, 2048);
  EXPECT_EQ(plugin->idle, seconds(600));
  EXPECT_EQ(plugin->session_idle, seconds(1800)) << "what is left out keeps its default";
  EXPECT_EQ(plugin->max_uses, 7u);
  EXPECT_TRUE(plugin->printed_is_result);
  EXPECT_EQ(plugin->options,
            R"({"deep":{"number":1,"yes":true},"hooks":{"after":"","before":"import math"},)"
            R"("preload":["json"],"results":{"keep_s":2592000,"quota_mib":2048}})");
}

struct Wrong {
  const char* text;
  const char* says;
};
TEST(PluginFiles, NamesFileAndLineOfWhatIsWrong) {
  const Wrong cases[] = {
      {"[plugin\n", "p.toml:1: "},
      {"[plugin]\ntyp = \"x\"\n", "p.toml:2: unknown key plugin.typ"},
      {"color = 1\n", "p.toml:1: unknown key color"},
      {"[plugin]\ntype = 3\n", "p.toml:2: plugin.type must be a text"},
      {"[plugin]\nlanguages = \"x\"\n", "p.toml:2: plugin.languages must be a list"},
      {"[start]\n\ntimeout = \"soon\"\n", "p.toml:3: start.timeout must be a time"},
      {"[start]\ntimeout = \"0s\"\n", "p.toml:2: start.timeout must be a time"},
      {"[resources]\ncpus = 0\n", "p.toml:2: resources.cpus must be a number from 1"},
      {"[resources]\nmemory = \"much\"\n", "p.toml:2: resources.memory must be an amount"},
      {"[reuse]\nshared = true\n", "p.toml:2: reuse.shared must be false"},
      {"[tenancy]\nshared = 1\naccount = \"a\"\n",
       "p.toml:2: tenancy.shared must be true or false"},
      {"[tenancy]\nshared = true\n", "p.toml: [tenancy] needs both"},
      {"[tenancy]\naccount = \"a\"\n", "p.toml: [tenancy] needs both"},
      {"[tenancy]\nshared = false\naccount = \"a\"\n", "p.toml: [tenancy] needs both"},
      {"[reuse]\nmax_per_user = -1\n", "p.toml:2: reuse.max_per_user must be a number"},
      {"[reuse]\nconcurrency = 0\n", "p.toml:2: reuse.concurrency must be a number from 1 to 1000"},
  };
  for (const Wrong& one : cases) {
    const auto plugin = parse_plugin(one.text, "p.toml");
    ASSERT_FALSE(plugin) << one.text;
    EXPECT_EQ(plugin.error().message.rfind(one.says, 0), 0u) << plugin.error().message;
  }
}

TEST(PluginFiles, ABadOneIsNamedAndTheOthersServe) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("drover-plugins-" + std::to_string(::getpid()));
  for (const auto& [name, text] : {std::pair<std::string, std::string>{"a", kGood},
                                   {"b", "[plugin]\ntype = \"sql\"\n"},
                                   {"c", kGood},
                                   {"d", "nonsense"}}) {
    std::filesystem::create_directories(folder / name);
    std::ofstream(folder / name / "plugin.toml") << text;
  }
  std::filesystem::create_directories(folder / "no-plugin");
  const LoadedCatalogue loaded = load_catalogue(folder.string());
  std::filesystem::remove_all(folder);
  ASSERT_EQ(loaded.catalogue->all().size(), 1u);
  EXPECT_EQ(loaded.catalogue->find("python")->folder, (folder / "a").string());
  ASSERT_EQ(loaded.problems.size(), 3u);
  EXPECT_NE(loaded.problems[0].message.find("b/plugin.toml: it needs languages"),
            std::string::npos);
  EXPECT_NE(loaded.problems[1].message.find("c/plugin.toml: engine python is there already"),
            std::string::npos);
  EXPECT_NE(loaded.problems[2].message.find("d/plugin.toml:1: "), std::string::npos);
  EXPECT_TRUE(load_catalogue("/nowhere/at/all").catalogue->all().empty());
}

// Without an account that the daemon agrees to, nothing is shared.
TEST(PluginFiles, EnginesAreSharedAsAnAccountThatIsFound) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("drover-shared-" + std::to_string(::getpid()));
  const auto write = [&](const std::string& more) {
    std::filesystem::create_directories(folder / "a");
    std::ofstream(folder / "a" / "plugin.toml") << kGood << more;
  };
  const FindAccount find = [](const std::string& name) -> Result<Owner> {
    if (name == "svc") return Owner{991, 99};
    if (name == "root") return Owner{0, 0};
    return fail(Errc::NotFound, "there is no user " + name);
  };
  const std::string shared = "[tenancy]\nshared = true\naccount = ";
  write(shared + "\"svc\"\n");
  const LoadedCatalogue good = load_catalogue(folder.string(), find);
  ASSERT_NE(good.catalogue->find("python"), nullptr);
  EXPECT_EQ(*good.catalogue->find("python")->shared_as, (sched::Account{{991, 99}, "svc"}));
  EXPECT_TRUE(load_catalogue(folder.string()).catalogue->all().empty()) << "nobody to ask";
  for (const char* account : {"\"root\"\n", "\"nobody-here\"\n"}) {
    write(shared + account);
    const LoadedCatalogue bad = load_catalogue(folder.string(), find);
    EXPECT_TRUE(bad.catalogue->all().empty()) << account;
    EXPECT_EQ(bad.problems.size(), 1u) << account;
  }
  std::filesystem::remove_all(folder);
}

TEST(PluginFiles, WhatIsShippedIsRight) {
  const LoadedCatalogue loaded = load_catalogue(DROVER_SOURCE_DIR "/engines");
  for (const Error& problem : loaded.problems) ADD_FAILURE() << problem.message;
  for (const char* type : {"python", "sql", "shell"})
    EXPECT_NE(loaded.catalogue->find(type), nullptr) << type;
}

}  // namespace
}  // namespace drover::server
