// tests/unit/store/life_test.cpp - a store that grows, forgets, is copied, runs out of disk.
// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "store/blobs.hpp"
#include "tests/unit/store/model.hpp"

namespace drover::store {
namespace {

CommitBatch one_job(std::uint64_t id, sched::JobState state, std::string script = {},
                    std::uint32_t tasks = 0) {
  CommitBatch batch;
  auto spec = std::make_shared<sched::JobSpec>();
  spec->script = std::move(script);
  batch.changes.new_jobs.push_back({JobId(id), spec});
  sched::JobRecord job;
  job.id = JobId(id);
  job.state = state;
  batch.changes.jobs.push_back(job);
  for (std::uint32_t i = 0; i < tasks; ++i) {
    sched::TaskRecord task;
    task.id = {JobId(id), TaskIndex(i)};
    batch.changes.tasks.push_back(task);
  }
  sched::Event event;
  event.seq = EventSeq(id);
  event.job = JobId(id);
  batch.changes.events.push_back(event);
  batch.idempotency.push_back(
      {{1, "key" + std::to_string(id)}, std::string(16, 'x'), JobId(id), {}});
  batch.changes.next_job_id = batch.changes.next_event_seq = id + 1;
  batch.changes.next_epoch = 2;
  return batch;
}

std::vector<std::uint64_t> ids_in(const Snapshot& view) {
  std::vector<std::uint64_t> ids;
  EXPECT_TRUE(view.visit_jobs(JobId{}, false, [&](const auto& job, const auto&) {
    ids.push_back(raw(job.id));
    return true;
  }));
  return ids;
}

std::string noise(std::size_t size, std::uint64_t seed) {
  RandomValues values{Prng(seed)};
  std::string text(size, '\0');
  for (char& c : text) c = char(values.prng.next());
  return text;
}

TEST(Growth, GoesOnWhileOtherThreadsRead) {
  PrivateFolder folder;
  auto store = Store::open(small_options(folder.path()));
  ASSERT_TRUE(store);
  const std::uint64_t before = store->stats().map_bytes;
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> reads{0}, wrong{0};
  std::vector<std::thread> readers;
  readers.reserve(3);
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!stop) {
        const auto outer = store->snapshot();
        const auto inner = store->snapshot();  // a second one while the first is held
        if (!outer || !inner || !inner->counters() || ids_in(*outer).size() > 60) ++wrong;
        ++reads;
      }
    });
  for (std::uint64_t id = 1; id <= 60; ++id) {
    const auto done = store->commit(one_job(id, sched::JobState::Inited, noise(200'000, id)));
    ASSERT_TRUE(done) << done.error().message;
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(reads, 0u);
  EXPECT_GT(store->stats().map_bytes, 8 * before);
  EXPECT_EQ(ids_in(*store->snapshot()).size(), 60u);
}

TEST(Growth, ACommitLargerThanTheMapIsDoneWhole) {
  PrivateFolder folder;
  auto store = Store::open(small_options(folder.path()));
  ASSERT_TRUE(store);
  ASSERT_TRUE(store->commit(one_job(1, sched::JobState::Inited, noise(9'000'000, 1))));
  EXPECT_EQ(store->snapshot()->spec(JobId(1), true)->script, noise(9'000'000, 1));
}

TEST(Growth, StopsAtTheLimitWithAnError) {
  PrivateFolder folder;
  StoreOptions options = small_options(folder.path());
  options.map_max_mib = 2;
  auto store = Store::open(options);
  ASSERT_TRUE(store);
  ASSERT_TRUE(store->commit(one_job(1, sched::JobState::Inited)));
  const auto done = store->commit(one_job(2, sched::JobState::Inited, noise(5'000'000, 1)));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::Limit) << done.error().message;
  EXPECT_EQ(ids_in(*store->snapshot()), (std::vector<std::uint64_t>{1}));
}

TEST(Retention, KeepsTheNewestClosedJobsAndAllOpenOnes) {
  PrivateFolder folder;
  StoreOptions options = small_options(folder.path());
  options.closed_jobs_max = 10;
  options.events_max = 20;
  auto store = Store::open(options);
  ASSERT_TRUE(store);
  const std::string shared = "#!/bin/sh\n" + std::string(3000, 'a');
  for (std::uint64_t id = 1; id <= 200; ++id) {
    const bool open = id % 50 == 1;
    ASSERT_TRUE(store->commit(one_job(id, open ? sched::JobState::Running : sched::JobState::Failed,
                                      id % 2 == 0 ? shared : noise(300, id), 3)));
  }
  const auto view = store->snapshot();
  const auto ids = ids_in(*view);
  EXPECT_EQ(ids.size(), 14u);  // ten closed, four open
  EXPECT_EQ(ids.front(), 200u);
  EXPECT_EQ(ids.back(), 1u);
  EXPECT_EQ(raw(*view->first_event()), 181u);
  EXPECT_EQ(raw(*view->last_event()), 200u);
  EXPECT_EQ(view->events(EventSeq(190), 5)->front().seq, EventSeq(191));
  // Its keys, tasks and blobs are gone with a job.
  EXPECT_FALSE(view->find_idempotent({1, "key2"})->has_value());
  EXPECT_TRUE(view->find_idempotent({1, "key1"})->has_value());
  EXPECT_TRUE(view->tasks(JobId(2), 0, 10)->empty());
  EXPECT_EQ(view->tasks(JobId(1), 1, 10)->size(), 2u);
  EXPECT_EQ(view->spec(JobId(200), true)->script, shared);
  EXPECT_EQ(store->check()->problems, std::vector<std::string>{});
  { const auto gone = std::move(*store); }
  const auto report = check_store(folder.path());
  ASSERT_TRUE(report);
  EXPECT_EQ(report->problems, std::vector<std::string>{});
  EXPECT_EQ(report->jobs, 14u);
  EXPECT_LT(report->blobs, 12u);
}

TEST(Retention, ALargeArrayIsPurgedInPieces) {
  PrivateFolder folder;
  StoreOptions options = small_options(folder.path());
  options.closed_jobs_max = 1;
  auto store = Store::open(options);
  ASSERT_TRUE(store);
  ASSERT_TRUE(store->commit(one_job(1, sched::JobState::Succeeded, {}, 5000)));
  std::uint64_t id = 2;
  for (int commits = 0; commits < 200 && store->snapshot()->job(JobId(1)); ++commits, ++id) {
    const auto before = store->stats().records_written;
    ASSERT_TRUE(store->commit(one_job(id, sched::JobState::Succeeded)));
    EXPECT_LT(store->stats().records_written - before, 300u) << "a turn paid for the past";
  }
  EXPECT_EQ(store->snapshot()->job(JobId(1)).error().code, Errc::NotFound);
  EXPECT_LT(id, 150u);
}

// Two contents with one key, as an attacker might construct them.
std::string one_key_for_all(std::string_view, std::uint64_t seed) {
  return std::string(15, 'k') + char('0' + seed);
}

TEST(Blobs, ACollisionNeverSwapsContents) {
  PrivateFolder folder;
  auto environment = Environment::open(folder.path(), 1 << 20, 1 << 30, Environment::Use::Create);
  ASSERT_TRUE(environment) << environment.error().message;
  std::map<std::string, std::string> stored;
  for (int round = 0; round < 2; ++round) {
    auto txn = (*environment)->begin_write();
    BlobWriter blobs(*txn, one_key_for_all);
    for (int i = 0; i < 5; ++i) {
      const std::string content(300, char('a' + i));
      const auto key = blobs.add_owned(content);
      ASSERT_TRUE(key);
      stored[*key] = content;
    }
    ASSERT_TRUE(blobs.finish());
    ASSERT_TRUE(txn->commit());
  }
  EXPECT_EQ(stored.size(), 5u);
  const auto txn = (*environment)->begin_read();
  for (const auto& [key, content] : stored) EXPECT_EQ(*read_blob(*txn, key), content);
}

TEST(Backup, OfARunningStoreIsConsistent) {
  PrivateFolder folder, target;
  auto store = Store::open(small_options(folder.path()));
  ASSERT_TRUE(store);
  ASSERT_TRUE(store->commit(one_job(1, sched::JobState::Inited)));
  EXPECT_EQ(store->backup(target.file("missing")).error().code, Errc::NotFound);
  EXPECT_EQ(store->backup(folder.path()).error().code, Errc::Conflict);
  std::atomic<bool> copied{false};
  std::thread copier([&] {
    EXPECT_TRUE(store->backup(target.path()));
    copied = true;
  });
  std::uint64_t id = 2;
  for (; !copied || id < 50; ++id)
    ASSERT_TRUE(store->commit(one_job(id, sched::JobState::Inited, noise(2000, id))));
  copier.join();
  const auto report = check_store(target.path());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->problems, std::vector<std::string>{});
  EXPECT_GE(report->jobs, 1u);
  auto copy = Store::open(small_options(target.path()));
  ASSERT_TRUE(copy) << copy.error().message;
  ASSERT_TRUE(copy->commit(one_job(report->jobs + 1, sched::JobState::Inited)));
  // The running one is as it was.
  EXPECT_TRUE(store->commit(one_job(id, sched::JobState::Inited)));
}

// A child with a small limit on file size stands for a full disk: fallocate and pwrite fail as with
// ENOSPC.
int fill_up(const std::string& dir) {
  std::signal(SIGXFSZ, SIG_IGN);
  StoreOptions options = small_options(dir);
  options.reserve_mib = 4;
  auto store = Store::open(options);
  if (!store || !store->has_room()) return 1;
  const rlimit limit{6 << 20, 6 << 20};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  std::uint64_t id = 1;
  for (; store->stats().map_bytes > 0 && store->has_room(); ++id) {
    if (id > 100) return 2;  // never refused
    if (!store->commit(one_job(id, sched::JobState::Running, noise(100'000, id)))) return 3;
  }
  // Submissions are refused now; what runs can still be recorded.
  for (std::uint64_t i = 1; i < 10; ++i) {
    CommitBatch end;
    sched::JobRecord job;
    job.id = JobId(i);
    job.state = sched::JobState::Succeeded;
    end.changes.jobs.push_back(job);
    if (!store->commit(end)) return 4;
  }
  // Going on regardless ends in an error, not in damage.
  for (int i = 0; i < 200; ++i, ++id)
    if (!store->commit(one_job(id, sched::JobState::Running, noise(100'000, id)))) {
      return store->commit(one_job(id, sched::JobState::Running)) ? 5 : 0;
    }
  return 6;
}

TEST(FullDisk, IsRefusedBeforeItHurts) {
  PrivateFolder folder;
  const ::pid_t child = ::fork();
  if (child == 0) ::_exit(fill_up(folder.path()));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  const auto report = check_store(folder.path());
  ASSERT_TRUE(report);
  EXPECT_EQ(report->problems, std::vector<std::string>{});
  auto store = Store::open(small_options(folder.path()));
  ASSERT_TRUE(store);
  EXPECT_TRUE(store->has_room());
  EXPECT_EQ(store->snapshot()->job(JobId(1))->state, sched::JobState::Succeeded);
}

}  // namespace
}  // namespace drover::store
