// tests/unit/server/committer_test.cpp - who writes a batch, and that nobody waits for readers.
// SPDX-License-Identifier: Apache-2.0
#include "server/committer.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <optional>
#include <string>

#include "base/prng.hpp"

namespace drover::server {
namespace {

constexpr BatchSize kSmall{1, 100};

struct Bench {
  explicit Bench(CommitPace pace) : committer(loop, *store, told(), pace) {}
  ~Bench() { std::filesystem::remove_all(dir); }

  static std::string make_dir() {
    std::string name = (std::filesystem::temp_directory_path() / "committer-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    return name;
  }
  static store::Store open(const std::string& dir) {
    store::StoreOptions options;
    options.dir = dir + "/store";
    options.map_initial_mib = 1;
    return store::Store::open(options).value();
  }
  Committer::OnDurable told() {
    return [this](const Result<void>& result, store::CommitBatch, Duration) {
      EXPECT_TRUE(result) << result.error().message;
      ++durable;
      loop.stop();
    };
  }
  // A job of so many bytes that do not pack.
  store::CommitBatch batch(std::size_t bytes) {
    auto spec = std::make_shared<sched::JobSpec>();
    Prng prng(++job);
    for (std::size_t i = 0; i < bytes; ++i) spec->script += char('a' + prng.below(26));
    store::CommitBatch made;
    made.changes.new_jobs.push_back({JobId{job}, std::move(spec)});
    made.changes.next_job_id = job + 1;
    return made;
  }
  void until_durable() { loop.run(); }

  std::string dir = make_dir();
  net::Loop loop;
  std::optional<store::Store> store = open(dir);
  int durable = 0;
  std::uint64_t job = 0;
  Committer committer;
};

CommitPace quick() {
  CommitPace pace;
  for (int i = 0; i < 100; ++i) pace.learn(Duration{1});
  return pace;
}

TEST(Committer, few_records_are_stored_at_once_and_told_later) {
  Bench bench(quick());
  const std::uint64_t before = bench.store->stats().commits;
  bench.committer.commit(bench.batch(100), kSmall, Committer::When::AtOnce);
  EXPECT_EQ(bench.store->stats().commits, before + 1);
  EXPECT_EQ(bench.durable, 0) << "what follows runs in the loop, not in whoever commits";
  EXPECT_FALSE(bench.committer.idle());
  bench.until_durable();
  EXPECT_EQ(bench.durable, 1);
  EXPECT_TRUE(bench.committer.idle());
}

// Who writes them is CommitPace's rule; here the thread is, and what follows is told all the same.
TEST(Committer, what_the_thread_writes_is_told) {
  for (const BatchSize size : {BatchSize{1'000, 100}, BatchSize{1, 1 << 20}}) {
    Bench bench(quick());
    bench.committer.commit(bench.batch(100), size, Committer::When::AtOnce);
    bench.until_durable();
    EXPECT_EQ(bench.durable, 1);
  }
  Bench unknown({});
  unknown.committer.commit(unknown.batch(100), kSmall, Committer::When::AtOnce);
  unknown.until_durable();
  EXPECT_EQ(unknown.durable, 1);
}

// A reader that the loop itself is to free would otherwise stop it for a minute, and then for good.
TEST(Committer, a_full_map_is_left_to_the_thread) {
  Bench bench(quick());
  std::optional<store::Snapshot> reader = bench.store->snapshot().value();
  bench.committer.commit(bench.batch(3 << 20), kSmall, Committer::When::AtOnce);
  EXPECT_FALSE(bench.committer.idle());
  EXPECT_EQ(bench.durable, 0);
  reader.reset();
  bench.until_durable();
  EXPECT_EQ(bench.durable, 1);
}

}  // namespace
}  // namespace drover::server
