// tests/unit/server/sheet_file_test.cpp - workbooks leave nothing behind, and have limits.
// SPDX-License-Identifier: Apache-2.0
#include "server/sheet_file.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>

namespace drover::server {
namespace {

using linkis::Cell;

class SheetFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "sheets-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  bool is_empty() const { return std::filesystem::is_empty(directory_); }
  std::string directory_;
};

TEST_F(SheetFileTest, a_finished_one_is_a_zip_without_a_name) {
  auto file = SheetFile::create(directory_);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_TRUE(is_empty());
  ASSERT_TRUE((*file)->begin_sheet("a", {{"n", "bigint"}, {"t", "string"}}));
  for (int i = 0; i < 1'000; ++i)
    ASSERT_TRUE((*file)->add(
        {{Cell::Kind::Number, std::to_string(i)}, {Cell::Kind::Text, std::string(40'000, 'x')}}));
  EXPECT_TRUE(is_empty()) << "rows go to a file without a name too";
  ASSERT_TRUE((*file)->begin_sheet("b", {}));
  ASSERT_TRUE((*file)->add({{Cell::Kind::Text, "=1+1"}}));
  ASSERT_TRUE((*file)->close());
  std::array<char, 2> head{};
  ASSERT_EQ(::pread((*file)->fd(), head.data(), 2, 0), 2);
  EXPECT_EQ(head[0], 'P');
  EXPECT_EQ(head[1], 'K');
  EXPECT_TRUE(is_empty());
}

std::size_t open_files() {
  std::size_t count = 0;
  for (const auto& fd : std::filesystem::directory_iterator("/proc/self/fd")) count += fd.exists();
  return count;
}

TEST_F(SheetFileTest, one_that_is_given_up_leaves_nothing) {
  const std::size_t before = open_files();
  auto file = SheetFile::create(directory_);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->begin_sheet("a", {{"n", "bigint"}}));
  ASSERT_TRUE((*file)->add({{Cell::Kind::Number, "1"}}));
  file->reset();
  EXPECT_TRUE(is_empty());
  EXPECT_EQ(open_files(), before);
}

TEST_F(SheetFileTest, says_what_does_not_fit) {
  auto file = SheetFile::create(directory_);
  ASSERT_TRUE(file);
  EXPECT_FALSE((*file)->begin_sheet("a/b", {})) << "a name that spreadsheets do not take";
  ASSERT_TRUE((*file)->begin_sheet("a", {}));
  EXPECT_FALSE((*file)->begin_sheet("A", {})) << "twice";
  const linkis::Row wide(SheetFile::kColumnsMax + 1);
  const auto added = (*file)->add(wide);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Errc::Limit);
  EXPECT_EQ(SheetFile::create(directory_ + "/no").error().code, Errc::Io);
}

TEST_F(SheetFileTest, counts_cells_and_not_only_their_texts) {
  auto file = SheetFile::create(directory_);
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->begin_sheet("a", {}));
  const linkis::Row row(SheetFile::kColumnsMax, {Cell::Kind::Text, ""});
  const std::uint64_t fit = SheetFile::kBytesMax / SheetFile::kCellBytes / row.size();
  for (std::uint64_t i = 0; i <= fit; ++i) ASSERT_TRUE((*file)->add(row)) << i;
  const auto added = (*file)->add(row);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Errc::Limit);
}

TEST_F(SheetFileTest, has_at_most_so_many_sheets) {
  auto file = SheetFile::create(directory_);
  ASSERT_TRUE(file);
  for (std::size_t i = 0; i < SheetFile::kSheetsMax; ++i)
    ASSERT_TRUE((*file)->begin_sheet("s" + std::to_string(i), {})) << i;
  const auto begun = (*file)->begin_sheet("more", {});
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, Errc::Limit);
}

}  // namespace
}  // namespace drover::server
