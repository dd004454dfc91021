// tests/unit/nodeagent/supd_journal_test.cpp - replay of whole, torn, damaged and foreign journals.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/supd_journal.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace drover::nodeagent {
namespace {

AttemptId id_of(std::uint64_t job) {
  return {{JobId{job}, TaskIndex{0}}, AttemptNo{1}, Epoch{job + 100}};
}
AcceptRecord accept_of(std::uint64_t job) { return {id_of(job), 1000, 5, 10, 2, 30}; }
StartRecord start_of(std::uint64_t job) { return {id_of(job), int(job) + 1000, 42, 7, 8, 3}; }
EndReport end_of(std::uint64_t job) {
  EndReport end;
  end.id = id_of(job);
  end.cause = EndCause::Exited;
  end.exit_code = int(job);
  return end;
}

std::string sample() {
  std::string bytes;
  append_boot_record(bytes, "boot-1");
  for (std::uint64_t job = 1; job <= 4; ++job) append_record(bytes, accept_of(job));
  for (std::uint64_t job = 1; job <= 3; ++job) append_record(bytes, start_of(job));
  append_record(bytes, end_of(1));
  append_record(bytes, end_of(2));
  append_ack_record(bytes, id_of(1));
  return bytes;
}

TEST(SupdJournal, ReplayKeepsWhatIsOpenAndWhatIsNotAcked) {
  const JournalState state = replay_journal(sample(), "boot-1");
  EXPECT_FALSE(state.other_boot);
  EXPECT_EQ(state.damaged_bytes, 0u);
  ASSERT_EQ(state.open.size(), 2u);
  EXPECT_EQ(state.open[0].accept, accept_of(3));
  EXPECT_EQ(state.open[0].start, start_of(3));
  EXPECT_EQ(state.open[1].accept, accept_of(4));
  EXPECT_EQ(state.open[1].start.pid, 0);
  ASSERT_EQ(state.ended.size(), 1u);
  EXPECT_EQ(state.ended[0], end_of(2));
}

TEST(SupdJournal, AnotherBootDropsEverything) {
  const JournalState state = replay_journal(sample(), "boot-2");
  EXPECT_TRUE(state.other_boot);
  EXPECT_TRUE(state.open.empty());
  EXPECT_TRUE(state.ended.empty());
}

TEST(SupdJournal, EveryTornTailLeavesAPrefix) {
  const std::string bytes = sample();
  std::size_t last = 0;
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const JournalState state = replay_journal(bytes.substr(0, size), "boot-1");
    const std::size_t good = size - state.damaged_bytes;
    EXPECT_GE(good, last);
    last = good;
  }
  EXPECT_EQ(last, bytes.size());
}

TEST(SupdJournal, AFlippedBitEndsTheReplayThere) {
  const std::string bytes = sample();
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = char(damaged[at] ^ 0x10);
    const JournalState state = replay_journal(damaged, "boot-1");
    EXPECT_TRUE(state.damaged_bytes > 0 || state.other_boot) << at;
  }
}

class SupdJournalFile : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/drover-journal-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    dir_ = name;
    path_ = dir_ + "/supd.journal";
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::string dir_, path_;
};

TEST_F(SupdJournalFile, IsCompactedWhenOpened) {
  std::ofstream(path_, std::ios::binary) << sample();
  JournalState state;
  {
    auto journal = Journal::open(path_, "boot-1", state);
    ASSERT_TRUE(journal.has_value());
    EXPECT_EQ(state.open.size(), 2u);
    EXPECT_LT(std::filesystem::file_size(path_), sample().size());
    append_record(journal->pending(), end_of(3));
    ASSERT_TRUE(journal->flush().has_value());
  }
  JournalState again;
  ASSERT_TRUE(Journal::open(path_, "boot-1", again).has_value());
  EXPECT_EQ(again.open.size(), 1u);
  EXPECT_EQ(again.ended.size(), 2u);
}

TEST_F(SupdJournalFile, ADamagedFileIsKeptAside) {
  std::ofstream(path_, std::ios::binary) << sample() << "garbage";
  JournalState state;
  ASSERT_TRUE(Journal::open(path_, "boot-1", state).has_value());
  EXPECT_EQ(state.damaged_bytes, 7u);
  EXPECT_TRUE(std::filesystem::exists(path_ + ".damaged"));
  EXPECT_EQ(state.open.size(), 2u);
}

TEST_F(SupdJournalFile, AMissingDirectoryIsAnError) {
  JournalState state;
  auto journal = Journal::open(path_, "boot-1", state);
  ASSERT_TRUE(journal.has_value());
  append_record(journal->pending(), accept_of(1));
  ASSERT_TRUE(journal->flush().has_value());
  EXPECT_TRUE(journal->pending().empty());
  ASSERT_FALSE(Journal::open("/no/such/dir/journal", "boot-1", state).has_value());
}

}  // namespace
}  // namespace drover::nodeagent
