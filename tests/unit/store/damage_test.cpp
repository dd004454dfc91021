// tests/unit/store/damage_test.cpp - damage is an error that names its place, never a lie.
// SPDX-License-Identifier: Apache-2.0
#include <lmdb.h>

#include <cstring>
#include <fstream>

#include "store/record.hpp"
#include "store/snapshot_state.hpp"
#include "tests/unit/store/model.hpp"

namespace drover::store {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// A store of some hundred pages with deletions, long values and a free list, and what it holds.
Model build(const std::string& dir, std::uint64_t seed) {
  RandomValues values{Prng(seed)};
  Model model;
  auto store = Store::open(small_options(dir));
  EXPECT_TRUE(store);
  for (int turn = 0; turn < 40; ++turn) {
    const CommitBatch batch = model.draw(values, 8);
    EXPECT_TRUE(store->commit(batch));
    model.apply(batch);
  }
  return model;
}

// Changes one thing the way disks do: a bit, some bytes, a page of zeros, an older page.
std::string damage(std::string bytes, Prng& prng) {
  const std::size_t at = prng.below(bytes.size());
  const std::size_t page = at / 4096 * 4096;
  switch (prng.below(5)) {
    case 0: bytes[at] = char(bytes[at] ^ (1 << prng.below(8))); break;
    case 1:  // page headers and node offsets are where the structure is
      bytes[page + prng.below(64)] = char(prng.next());
      break;
    case 2: bytes.replace(page, 4096, 4096, '\0'); break;
    case 3:
      bytes.replace(page, 4096, bytes.substr(prng.below(bytes.size() / 4096) * 4096, 4096));
      break;
    default:
      for (int i = 0; i < 8; ++i) bytes[page + prng.below(4096)] = char(prng.next());
  }
  return bytes;
}

TEST(Damage, IsReportedOrHarmlessNeverServedNeverACrash) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("replay: SEED=" + std::to_string(seed));
  PrivateFolder folder;
  const Model model = build(folder.path(), seed);
  const std::string good = read_file(folder.file("data.mdb"));
  Prng prng(seed);
  int reported = 0, harmless = 0;
  for (int round = 0; round < 400; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    write_file(folder.file("data.mdb"), damage(good, prng));
    const auto report = check_store(folder.path());
    ASSERT_TRUE(report) << report.error().message;
    auto store = Store::open(small_options(folder.path()));
    if (!store) {
      EXPECT_EQ(store.error().code, Errc::Corrupt) << store.error().message;
      EXPECT_FALSE(report->problems.empty());
      ++reported;
      continue;
    }
    // Every record was verified: whatever opens has to be right. (check_store may know more: blob
    // counts.)
    EXPECT_EQ(model.difference(*store->snapshot()), "");
    ++(report->problems.empty() ? harmless : reported);
  }
  std::printf("%d reported, %d in unused bytes\n", reported, harmless);
  EXPECT_GT(reported, 100);
  write_file(folder.file("data.mdb"), good);
  EXPECT_TRUE(check_store(folder.path())->problems.empty());
}

// A seed whose last page is in use: losing a free one is harmless, and not reported.
std::uint64_t seed_of_full_file() {
  for (std::uint64_t seed = 5; seed < 100; ++seed) {
    PrivateFolder folder;
    build(folder.path(), seed);
    const std::string all = read_file(folder.file("data.mdb"));
    write_file(folder.file("data.mdb"), all.substr(0, all.size() - 4096));
    if (!check_store(folder.path())->problems.empty()) return seed;
  }
  return 0;
}

TEST(Damage, ATruncatedFileIsReported) {
  PrivateFolder folder;
  const std::uint64_t seed = seed_of_full_file();
  ASSERT_NE(seed, 0u) << "the loss of a last page is never reported";
  build(folder.path(), seed);
  const std::string good = read_file(folder.file("data.mdb"));
  for (const std::size_t size : {std::size_t(0), std::size_t(1), std::size_t(4096),
                                 std::size_t(8192), good.size() / 2, good.size() - 4096}) {
    write_file(folder.file("data.mdb"), good.substr(0, size));
    EXPECT_FALSE(check_store(folder.path())->problems.empty()) << size;
    const auto store = Store::open(small_options(folder.path()));
    ASSERT_FALSE(store) << size;
    EXPECT_EQ(store.error().code, Errc::Corrupt);
  }
}

// Both headers are sound, but the newer one is lost: the commit before it must not come back as the
// truth.
TEST(Damage, AnOlderCommitInTheHeaderIsNoticed) {
  PrivateFolder folder;
  build(folder.path(), 4);
  std::string bytes = read_file(folder.file("data.mdb"));
  std::uint64_t txns[2];
  std::memcpy(&txns[0], bytes.data() + 144, 8);
  std::memcpy(&txns[1], bytes.data() + 4096 + 144, 8);
  ASSERT_NE(txns[0], txns[1]);
  const std::size_t old = txns[0] < txns[1] ? 0 : 1;
  const std::uint64_t future = std::max(txns[0], txns[1]) + 1;
  std::memcpy(bytes.data() + 4096 * old + 144, &future, 8);
  write_file(folder.file("data.mdb"), bytes);
  const auto store = Store::open(small_options(folder.path()));
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Errc::Corrupt);
}

// Puts bytes under a key as another program would, past the store.
void put_raw(const std::string& dir, Table table, std::string_view key, std::string value) {
  MDB_env* env = nullptr;
  MDB_txn* txn = nullptr;
  MDB_dbi dbi = 0;
  ASSERT_EQ(mdb_env_create(&env), 0);
  ASSERT_EQ(mdb_env_set_maxdbs(env, kTables), 0);
  ASSERT_EQ(mdb_env_open(env, dir.c_str(), 0, 0600), 0);
  ASSERT_EQ(mdb_txn_begin(env, nullptr, 0, &txn), 0);
  ASSERT_EQ(mdb_dbi_open(txn, to_string(table), 0, &dbi), 0);
  MDB_val k{key.size(), const_cast<char*>(key.data())};
  MDB_val v{value.size(), value.data()};
  ASSERT_EQ(mdb_put(txn, dbi, &k, &v, 0), 0);
  ASSERT_EQ(mdb_txn_commit(txn), 0);
  mdb_env_close(env);
}

TEST(Damage, ANewerStoreIsRefusedAndUnchanged) {
  PrivateFolder folder;
  build(folder.path(), 5);
  std::string record(kHeaderBytes, '\0');
  record += "whatever version 4 means by its fields";
  seal(Table::Meta, kSchemaKey, record.data(), record.size(), 4);
  put_raw(folder.path(), Table::Meta, kSchemaKey, record);
  const std::string before = read_file(folder.file("data.mdb"));
  const auto store = Store::open(small_options(folder.path()));
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Errc::Corrupt);
  EXPECT_NE(store.error().message.find("schema version 4"), std::string::npos)
      << store.error().message;
  EXPECT_NE(store.error().hint.find("newer droverd"), std::string::npos);
  const auto report = check_store(folder.path());
  ASSERT_TRUE(report);
  ASSERT_EQ(report->problems.size(), 1u);
  EXPECT_NE(report->problems[0].find("schema version 4"), std::string::npos);
  EXPECT_EQ(read_file(folder.file("data.mdb")), before);
}

TEST(Damage, ARecordOfAnotherJobUnderThisKeyIsNamed) {
  PrivateFolder folder;
  {
    auto store = Store::open(small_options(folder.path()));
    ASSERT_TRUE(store);
    CommitBatch batch;
    for (const std::uint64_t id : {1, 2}) {
      sched::JobRecord job;
      job.id = JobId(id);
      job.detail = "detail of job " + std::to_string(id);
      batch.changes.new_jobs.push_back({job.id, std::make_shared<sched::JobSpec>()});
      batch.changes.jobs.push_back(job);
    }
    batch.changes.next_job_id = 3;
    ASSERT_TRUE(store->commit(batch));
  }
  // A misdirected write: the record of job 2, whole and sound, where job 1's should be.
  std::string bytes = read_file(folder.file("data.mdb"));
  const std::size_t one = bytes.find("detail of job 1"), two = bytes.find("detail of job 2");
  ASSERT_NE(one, std::string::npos);
  const std::size_t lead = 32;  // header and the fields before the text
  const std::string record = bytes.substr(two - lead, lead + 15);
  const std::size_t start = record.find(char(0xD3));
  ASSERT_NE(start, std::string::npos);
  bytes.replace(one - lead + start, record.size() - start, record.substr(start));
  write_file(folder.file("data.mdb"), bytes);
  const auto store = Store::open(small_options(folder.path()));
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, Errc::Corrupt);
  EXPECT_NE(store.error().message.find("job/1:"), std::string::npos) << store.error().message;
}

}  // namespace
}  // namespace drover::store
