// tests/unit/store/store_test.cpp - what goes in comes out: records, order, counters, refusals.
// SPDX-License-Identifier: Apache-2.0
#include "store/store.hpp"

#include <sys/stat.h>

#include "store/blobs.hpp"
#include "store/directory.hpp"
#include "tests/unit/store/model.hpp"

namespace drover::store {
namespace {

// A job with a few fields, enough for tests of order and bookkeeping.
void add_job(CommitBatch& batch, std::uint64_t id, sched::JobState state) {
  sched::JobSpec spec;
  spec.name = "job" + std::to_string(id);
  batch.changes.new_jobs.push_back({JobId(id), std::make_shared<sched::JobSpec>(spec)});
  sched::JobRecord job;
  job.id = JobId(id);
  job.state = state;
  batch.changes.jobs.push_back(job);
  batch.changes.next_job_id = id + 1;
}

std::vector<std::uint64_t> visited(const Snapshot& view, std::uint64_t before, bool only_open,
                                   std::size_t limit = 100) {
  std::vector<std::uint64_t> ids;
  const auto ok = view.visit_jobs(JobId(before), only_open, [&](const auto& job, const auto& spec) {
    EXPECT_EQ(spec.name, "job" + std::to_string(raw(job.id)));
    ids.push_back(raw(job.id));
    return ids.size() < limit;
  });
  EXPECT_TRUE(ok);
  return ids;
}

TEST(Store, EveryRecordComesBackAsItWentIn) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("replay: SEED=" + std::to_string(seed));
  PrivateFolder folder;
  RandomValues values{Prng(seed)};
  Model model;
  {
    auto store = Store::open(small_options(folder.path()));
    ASSERT_TRUE(store) << store.error().message;
    for (int turn = 0; turn < 60; ++turn) {
      const CommitBatch batch = model.draw(values, values.prng.below(8));
      const auto done = store->commit(batch);
      ASSERT_TRUE(done) << done.error().message;
      model.apply(batch);
    }
    EXPECT_EQ(model.difference(*store->snapshot()), "");
  }
  auto store = Store::open(small_options(folder.path()));
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(model.difference(*store->snapshot()), "");
}

TEST(Store, WhatAStatementLeftIsKeptEvenInACommitOfItsOwn) {
  PrivateFolder folder;
  auto store = Store::open(small_options(folder.path()));
  ASSERT_TRUE(store) << store.error().message;
  CommitBatch first;
  add_job(first, 1, sched::JobState::Running);
  ASSERT_TRUE(store->commit(first));
  EXPECT_EQ(*store->snapshot()->results(JobId(1)), "");
  CommitBatch alone;
  alone.changes.results.emplace_back(JobId(1), "{\"outcome\":\"ok\"}");
  ASSERT_TRUE(store->commit(alone));
  EXPECT_EQ(*store->snapshot()->results(JobId(1)), "{\"outcome\":\"ok\"}");
}

TEST(Store, UsageAndReservationsAreReplacedAsAWhole) {
  PrivateFolder folder;
  sched::Reservation reservation;
  reservation.name = "class";
  reservation.start = {5};
  reservation.length = seconds(60);
  reservation.repeat = sched::Repeat::Daily;
  reservation.users = {"ann"};
  reservation.accounts = {"physics"};
  reservation.nodes = {{"n1", true, {}}, {"n2", false, {}}};
  reservation.nodes[1].amounts[rm::Kind::CpuMilli] = 4000;
  reservation.comment = "c";
  reservation.licences = {{"ansys", 1}, {"matlab", 4}};
  reservation.magnetic = reservation.flexible = true;
  const std::vector<sched::UsageRecord> usage = {
      {"physics", "ann", 1, ~std::uint64_t(0), {1}, {2}, seconds(3)},
      {"", "eve", 0, 7, {1}, {2}, {3}}};
  {
    auto store = Store::open(small_options(folder.path()));
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_TRUE(store->snapshot()->usage()->empty());
    EXPECT_TRUE(store->snapshot()->reservations()->empty());
    CommitBatch batch;
    batch.changes.usage = usage;
    batch.changes.reservations = {reservation, reservation};
    ASSERT_TRUE(store->commit(batch));
    batch.changes.usage.reset();
    batch.changes.reservations = {reservation};
    ASSERT_TRUE(store->commit(batch));
  }
  EXPECT_TRUE(check_store(folder.path())->problems.empty());
  auto store = Store::open(small_options(folder.path()));
  EXPECT_EQ(store->snapshot()->usage().value(), usage);
  EXPECT_EQ(store->snapshot()->reservations().value(), std::vector{reservation});
}

TEST(Store, EditedQuotasComeBackAndImpossibleOnesAreRefused) {
  PrivateFolder folder;
  rm::QuotaTable table{7, true, {}, {"gpu:h100", "", "licence:x"}};
  rm::QuotaRule& rule = table.rules.emplace_back();
  rule.match = {{"account", "a.b"}, {"user", "*"}};
  rule.max[rm::Kind::CpuMilli] = rm::kMaxAmount;
  rule.guaranteed[rm::named_kind(2)] = 3;
  rule.reclaim = rm::Reclaim::Preempt;
  rule.lend = false;
  const auto commit = [&](Store& store) {
    CommitBatch batch;
    batch.changes.quotas = table;
    const auto done = store.commit(batch);
    ASSERT_TRUE(done) << done.error().message;
  };
  {
    auto store = Store::open(small_options(folder.path()));
    ASSERT_TRUE(store);
    EXPECT_FALSE(*store->snapshot()->quotas()) << "never stored";
    commit(*store);
  }
  auto store = Store::open(small_options(folder.path()));
  ASSERT_TRUE(store);
  EXPECT_EQ(**store->snapshot()->quotas(), table);
  EXPECT_TRUE(store->check()->problems.empty());
  rule.max[rm::Kind::CpuMilli] = rm::kMaxAmount + 1;
  commit(*store);
  EXPECT_FALSE(store->snapshot()->quotas());
  EXPECT_EQ(store->check()->problems.size(), 1u);
}

TEST(Store, ASnapshotDoesNotSeeLaterCommits) {
  PrivateFolder folder;
  auto store = Store::open(small_options(folder.path()));
  ASSERT_TRUE(store);
  CommitBatch first, second;
  add_job(first, 1, sched::JobState::Inited);
  add_job(second, 2, sched::JobState::Inited);
  ASSERT_TRUE(store->commit(first));
  auto before = store->snapshot();
  ASSERT_TRUE(before);
  ASSERT_TRUE(store->commit(second));
  EXPECT_EQ(visited(*before, 0, false), (std::vector<std::uint64_t>{1}));
  EXPECT_EQ(visited(*store->snapshot(), 0, false), (std::vector<std::uint64_t>{2, 1}));
  EXPECT_EQ(before->job(JobId(2)).error().code, Errc::NotFound);
}

TEST(Store, ListsNewestFirstAndOpenJobsBothWays) {
  PrivateFolder folder;
  auto store = Store::open(small_options(folder.path()));
  ASSERT_TRUE(store);
  CommitBatch batch;
  for (const std::uint64_t id : {1, 2, 3, 5, 8, 9})
    add_job(batch, id, id % 3 == 0 ? sched::JobState::Failed : sched::JobState::Running);
  ASSERT_TRUE(store->commit(batch));
  CommitBatch end;
  end.changes.jobs = {batch.changes.jobs[4]};
  end.changes.jobs[0].state = sched::JobState::Succeeded;  // job 8
  ASSERT_TRUE(store->commit(end));
  const auto view = store->snapshot();
  using Ids = std::vector<std::uint64_t>;
  EXPECT_EQ(visited(*view, 0, false), (Ids{9, 8, 5, 3, 2, 1}));
  EXPECT_EQ(visited(*view, 8, false), (Ids{5, 3, 2, 1}));
  EXPECT_EQ(visited(*view, 7, false, 2), (Ids{5, 3}));
  EXPECT_EQ(visited(*view, 1, false), (Ids{}));
  EXPECT_EQ(visited(*view, 0, true), (Ids{5, 2, 1}));
  EXPECT_EQ(visited(*view, 5, true), (Ids{2, 1}));
  Ids open;
  ASSERT_TRUE(view->visit_open_ascending([&](const auto& job, const auto&) {
    open.push_back(raw(job.id));
    return true;
  }));
  EXPECT_EQ(open, (Ids{1, 2, 5}));
}

TEST(Store, RefusesWhatIsThereAlready) {
  PrivateFolder folder;
  auto store = Store::open(small_options(folder.path()));
  ASSERT_TRUE(store);
  CommitBatch batch;
  add_job(batch, 1, sched::JobState::Inited);
  ASSERT_TRUE(store->commit(batch));
  const auto again = store->commit(batch);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::Conflict);
  // The caller's memory is ahead of the disk now: nothing more is taken.
  CommitBatch other;
  add_job(other, 2, sched::JobState::Inited);
  EXPECT_EQ(store->commit(other).error().code, Errc::Io);
  EXPECT_EQ(visited(*store->snapshot(), 0, false), (std::vector<std::uint64_t>{1}));
}

TEST(Store, ASecondOpenerIsToldWhoHoldsIt) {
  PrivateFolder folder;
  auto store = Store::open(small_options(folder.path()));
  ASSERT_TRUE(store);
  const auto second = Store::open(small_options(folder.path()));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::Conflict);
  EXPECT_NE(second.error().message.find("process " + std::to_string(::getpid())),
            std::string::npos);
  EXPECT_EQ(check_store(folder.path()).error().code, Errc::Conflict);
}

TEST(Store, RefusesFoldersThatOthersCouldUse) {
  PrivateFolder folder;
  ASSERT_EQ(::chmod(folder.path().c_str(), 0750), 0);
  const auto store = Store::open(small_options(folder.path()));
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Errc::Denied);
  EXPECT_EQ(store.error().hint, "chmod 0700 " + folder.path());
  ASSERT_EQ(::chmod(folder.path().c_str(), 0700), 0);
  { ASSERT_TRUE(Store::open(small_options(folder.path()))); }
  ASSERT_EQ(::chmod(folder.file("data.mdb").c_str(), 0644), 0);
  EXPECT_EQ(Store::open(small_options(folder.path())).error().code, Errc::Denied);
}

TEST(Store, CreatesMissingFoldersForItsOwnerOnly) {
  PrivateFolder folder;
  const std::string dir = folder.file("a/b/store");
  ASSERT_TRUE(Store::open(small_options(dir)));
  struct stat info {};
  ASSERT_EQ(::stat(dir.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777u, 0700u);
  ASSERT_EQ(::stat((dir + "/data.mdb").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777u, 0600u);
  EXPECT_FALSE(std::filesystem::exists(dir + "/creating"));
}

TEST(Store, AStoreWhoseFileVanishedIsNotStartedAnew) {
  PrivateFolder folder;
  { ASSERT_TRUE(Store::open(small_options(folder.path()))); }
  std::filesystem::remove(folder.file("data.mdb"));
  const auto store = Store::open(small_options(folder.path()));
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Errc::Corrupt);
}

TEST(Directory, KnowsNetworkFileSystems) {
  EXPECT_TRUE(is_network_filesystem(0x6969));
  EXPECT_TRUE(is_network_filesystem(long(0xFF534D42)));
  EXPECT_FALSE(is_network_filesystem(0xEF53));      // ext4
  EXPECT_FALSE(is_network_filesystem(0x01021994));  // tmpfs
}

}  // namespace
}  // namespace drover::store
