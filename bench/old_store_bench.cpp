// bench/old_store_bench.cpp - the first start with a store from before the index of statements.
// SPDX-License-Identifier: Apache-2.0
//
// LINK: drover::store lmdb::lmdb
#include <benchmark/benchmark.h>
#include <lmdb.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/check.hpp"
#include "proto/store.pb.h"
#include "store/record.hpp"
#include "store/store.hpp"

namespace {

using namespace drover;
using namespace drover::store;

constexpr std::uint64_t kJobs = 1'000'000, kBatch = 10'000;

// On the disk of the working folder.
class Folder {
 public:
  Folder() {
    std::string name = "old-store-bench-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::shared_ptr<const sched::JobSpec> statement_of(std::uint32_t uid) {
  auto spec = std::make_shared<sched::JobSpec>();
  spec->owner = {uid, uid};
  spec->user = "u" + std::to_string(uid);
  spec->name = "python";
  spec->script = "import statistics\nprint(statistics.mean([1, 2, 3]))\n" + std::string(200, '#');
  spec->cwd = "/home/" + spec->user;
  spec->out = "/home/" + spec->user + "/.local/share/drover/results/%j/log";
  spec->labels = {{"creator", "IDE"}, {"engineType", "python"}, {"user", spec->user}};
  spec->statement = sched::Statement{"python", "py", "", "python." + std::to_string(uid), "none"};
  spec->array = IndexSet::single(0);
  return spec;
}

// Statements of a hundred users that have ended, each with its task and what it left.
CommitBatch ended(std::uint64_t first) {
  CommitBatch batch;
  for (std::uint64_t id = first; id < first + kBatch; ++id) {
    batch.changes.new_jobs.push_back({JobId(id), statement_of(1000 + std::uint32_t(id % 100))});
    sched::JobRecord job;
    job.id = JobId(id);
    job.state = sched::JobState::Succeeded;
    job.submitted = job.started = job.ended = {1'800'000'000'000'000};
    batch.changes.jobs.push_back(job);
    sched::TaskRecord task;
    task.id = {job.id, TaskIndex{0}};
    task.state = sched::TaskState::Succeeded;
    task.attempt = AttemptNo{1};
    task.node = "engine-7";
    batch.changes.tasks.push_back(task);
    batch.changes.results.emplace_back(job.id, R"({"results":[{"kind":"text","preview":"2"}]})");
  }
  batch.changes.next_job_id = first + kBatch;
  batch.changes.next_epoch = batch.changes.next_node_id = batch.changes.next_event_seq = 1;
  return batch;
}

// Makes of it one that has no such table. Every commit carries its number.
void drop_index(const std::string& path, std::uint64_t next_job_id) {
  MDB_env* env = nullptr;
  MDB_txn* txn = nullptr;
  MDB_dbi index = 0, meta = 0;
  DROVER_CHECK(mdb_env_create(&env) == 0, "create");
  mdb_env_set_maxdbs(env, 40);
  mdb_env_set_mapsize(env, std::size_t(16) << 30);
  DROVER_CHECK(mdb_env_open(env, path.c_str(), 0, 0600) == 0, "open");
  DROVER_CHECK(mdb_txn_begin(env, nullptr, 0, &txn) == 0, "begin");
  DROVER_CHECK(mdb_dbi_open(txn, "statement", 0, &index) == 0, "the index");
  DROVER_CHECK(mdb_drop(txn, index, 1) == 0, "drop");
  proto::Counters counters;
  counters.set_next_job_id(next_job_id);
  counters.set_next_epoch(1);
  counters.set_next_node_id(1);
  counters.set_next_event_seq(1);
  counters.set_txn(mdb_txn_id(txn));
  std::string record(kHeaderBytes, '\0');
  record += counters.SerializeAsString();
  seal(Table::Meta, "counters", record.data(), record.size());
  DROVER_CHECK(mdb_dbi_open(txn, "meta", 0, &meta) == 0, "meta");
  MDB_val key{8, const_cast<char*>("counters")}, value{record.size(), record.data()};
  DROVER_CHECK(mdb_put(txn, meta, &key, &value, 0) == 0, "put");
  DROVER_CHECK(mdb_txn_commit(txn) == 0, "commit");
  mdb_env_close(env);
}

// range 0: 1 = without its index, which is made; 0 = as it is. Every page and checksum is verified.
void open_ended_statements(benchmark::State& state) {
  const Folder folder;
  StoreOptions options;
  options.dir = folder.path() + "/store";
  {
    auto store = Store::open(options);
    DROVER_CHECK(store.has_value(), "open");
    for (std::uint64_t id = 1; id < kJobs; id += kBatch)
      DROVER_CHECK(store->commit(ended(id)).has_value(), "commit");
    state.counters["MiB"] = double(store->stats().used_bytes >> 20);
  }
  if (state.range(0) != 0) drop_index(options.dir, kJobs + 1);
  for (auto _ : state) {
    auto store = Store::open(options);
    DROVER_CHECK(store.has_value(), "open");
    std::size_t seen = 0;
    const auto ok = store->snapshot()->visit_statements(1007, JobId{}, [&](auto&, auto&) {
      ++seen;
      return true;
    });
    DROVER_CHECK(ok.has_value() && seen == kJobs / 100, "all of one user");
  }
}
BENCHMARK(open_ended_statements)
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1)
    ->UseRealTime();

}  // namespace
