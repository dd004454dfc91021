// tests/unit/sim/file_bytes_test.cpp - files are written whole or not at all.
// SPDX-License-Identifier: Apache-2.0
#include "sim/file_bytes.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace drover::sim {
namespace {

namespace fs = std::filesystem;

class WriteFiles : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }
  std::string path(const char* name) const { return dir_ + "/" + name; }
  void put(const char* name, const char* text) const { std::ofstream(path(name)) << text; }
  std::string text_of(const char* name) const {
    const auto bytes = read_file(path(name));
    return bytes ? std::string(bytes->text()) : "none";
  }
  std::size_t entries() const {
    return std::size_t(std::distance(fs::directory_iterator(dir_), fs::directory_iterator()));
  }

 private:
  std::string dir_ = testing::TempDir() + "drover-write-files-" + std::to_string(::getpid());
};

TEST_F(WriteFiles, AllOrNone) {
  put("a", "old");
  for (const std::string& bad : {path("missing/b"), std::string("/dev/full"), path("")}) {
    EXPECT_FALSE(write_files({{path("a"), "new"}, {path("c"), "new"}, {bad, "new"}})) << bad;
    EXPECT_EQ(text_of("a"), "old");
    EXPECT_EQ(entries(), 1u);
  }
  EXPECT_TRUE(write_files({{path("a"), "new"}, {path("c"), "other"}}));
  EXPECT_EQ(text_of("a"), "new");
  EXPECT_EQ(text_of("c"), "other");
  EXPECT_EQ(entries(), 2u);
}

TEST_F(WriteFiles, KeepsLinksAndPermissions) {
  put("file", "old");
  ASSERT_EQ(::chmod(path("file").c_str(), 0640), 0);
  fs::create_symlink("file", path("link"));
  fs::create_symlink("later", path("dangling"));
  for (const char* name : {"link", "dangling"}) {
    ASSERT_TRUE(write_file(path(name), "new"));
    EXPECT_TRUE(fs::is_symlink(path(name))) << name;
    EXPECT_EQ(text_of(name), "new");
  }
  EXPECT_EQ(text_of("file"), "new");
  EXPECT_EQ(fs::status(path("file")).permissions(), fs::perms(0640));
  EXPECT_EQ(entries(), 4u);  // "later" is there now
}

TEST_F(WriteFiles, DevicesStayDevices) {
  EXPECT_TRUE(write_file("/dev/null", "text"));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  const auto full = write_file("/dev/full", "text");
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().message, "cannot write /dev/full: No space left on device");
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

}  // namespace
}  // namespace drover::sim
