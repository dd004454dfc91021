// bench/store_bench.cpp - what a turn costs in the store, beside what LMDB itself takes.
// SPDX-License-Identifier: Apache-2.0
//
// LINK: drover::store lmdb::lmdb
#include <benchmark/benchmark.h>
#include <lmdb.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "base/check.hpp"
#include "store/store.hpp"

namespace {

using namespace drover;
using namespace drover::store;

// On the disk of the working folder: what is measured is durable commits.
class Folder {
 public:
  Folder() {
    std::string name = "store-bench-XXXXXX";
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

std::shared_ptr<const sched::JobSpec> small_spec() {
  auto spec = std::make_shared<sched::JobSpec>();
  spec->owner = {1000, 1000};
  spec->user = "ann";
  spec->name = "step";
  spec->argv = {"/bin/true"};
  spec->env = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/home/ann", "USER=ann"};
  spec->cwd = "/home/ann/work";
  spec->out = "drover-%j.out";
  spec->labels = {{"creator", "cli"}, {"user", "ann"}};
  spec->array = IndexSet::single(0);
  return spec;
}

// A turn of `jobs` submissions: spec, job, index, event, and a key each when asked for.
CommitBatch turn(std::uint64_t first, std::uint64_t jobs, bool keys) {
  static const std::shared_ptr<const sched::JobSpec> spec = small_spec();
  CommitBatch batch;
  for (std::uint64_t id = first; id < first + jobs; ++id) {
    batch.changes.new_jobs.push_back({JobId(id), spec});
    sched::JobRecord job;
    job.id = JobId(id);
    job.state = sched::JobState::Inited;
    job.submitted = {1'800'000'000'000'000};
    batch.changes.jobs.push_back(job);
    sched::Event event;
    event.seq = EventSeq(id);
    event.at = job.submitted;
    event.job = job.id;
    event.uid = 1000;
    event.state = "inited";
    batch.changes.events.push_back(event);
    if (keys)
      batch.idempotency.push_back({{1000, "f3b1c5e0-bulk:" + std::to_string(id)},
                                   std::string(16, 'h'),
                                   job.id,
                                   job.submitted});
  }
  batch.changes.next_job_id = batch.changes.next_event_seq = first + jobs;
  return batch;
}

void commit_jobs(benchmark::State& state, bool keys) {
  const Folder folder;
  StoreOptions options;
  options.dir = folder.path() + "/store";
  auto store = Store::open(options);
  DROVER_CHECK(store.has_value(), "open");
  const auto jobs = std::uint64_t(state.range(0));
  std::uint64_t next = 1;
  for (auto _ : state) {
    state.PauseTiming();
    const CommitBatch batch = turn(next, jobs, keys);
    state.ResumeTiming();
    DROVER_CHECK(store->commit(batch).has_value(), "commit");
    next += jobs;
  }
  DROVER_CHECK(store->snapshot()->job(JobId(next - 1)).has_value(), "the last job is there");
  const StoreStats stats = store->stats();
  state.counters["jobs/s"] = benchmark::Counter(double(next - 1), benchmark::Counter::kIsRate);
  state.counters["bytes/job"] = double(stats.used_bytes) / double(next);
}
BENCHMARK_CAPTURE(commit_jobs, plain, false)->Arg(1)->Arg(10)->Arg(100)->Arg(1000)->UseRealTime();
BENCHMARK_CAPTURE(commit_jobs, with_keys, true)->Arg(1000)->UseRealTime();

// The limit: LMDB appending as many records of the same size to one table, durable, and nothing
// else.
void lmdb_append(benchmark::State& state) {
  const Folder folder;
  MDB_env* env = nullptr;
  MDB_dbi dbi = 0;
  MDB_txn* txn = nullptr;
  mdb_env_create(&env);
  mdb_env_set_mapsize(env, std::size_t(16) << 30);
  DROVER_CHECK(mdb_env_open(env, folder.path().c_str(), 0, 0600) == 0, "open");
  const auto jobs = std::uint64_t(state.range(0));
  constexpr std::size_t kSizes[] = {160, 40, 8, 50};  // spec, job, index, event
  std::string value(160, 'v');
  std::uint64_t next = 0, count = 0;
  for (auto _ : state) {
    DROVER_CHECK(mdb_txn_begin(env, nullptr, 0, &txn) == 0, "begin");
    mdb_dbi_open(txn, nullptr, 0, &dbi);
    for (std::uint64_t i = 0; i < 4 * jobs; ++i) {
      std::uint64_t key = __builtin_bswap64(++next);
      MDB_val k{8, &key};
      MDB_val v{kSizes[i % 4], value.data()};
      DROVER_CHECK(mdb_put(txn, dbi, &k, &v, MDB_APPEND) == 0, "put");
    }
    DROVER_CHECK(mdb_txn_commit(txn) == 0, "commit");
    count += jobs;
  }
  mdb_env_close(env);
  state.counters["jobs/s"] = benchmark::Counter(double(count), benchmark::Counter::kIsRate);
}
BENCHMARK(lmdb_append)->Arg(1)->Arg(10)->Arg(100)->Arg(1000)->UseRealTime();

// A store with a million open jobs, made once for the reads below.
struct Million {
  Million() {
    options.dir = folder.path() + "/store";
    store.emplace(std::move(*Store::open(options)));
    for (std::uint64_t id = 1; id < 1'000'000; id += 10'000)
      DROVER_CHECK(store->commit(turn(id, 10'000, false)).has_value(), "commit");
  }
  Folder folder;
  StoreOptions options;
  std::optional<Store> store;
};
Million& million() {
  static Million made;
  return made;
}

void list_page(benchmark::State& state) {
  const Store& store = *million().store;
  std::uint64_t before = 500'000, seen = 0;
  for (auto _ : state) {
    const auto view = store.snapshot();
    std::size_t left = 100;
    const auto ok = view->visit_jobs(JobId(before), state.range(0) != 0,
                                     [&](const sched::JobRecord&, const sched::JobSpec&) {
                                       ++seen;
                                       return --left > 0;
                                     });
    DROVER_CHECK(ok.has_value() && left == 0, "a full page");
    before = before < 1000 ? 500'000 : before - 100;
  }
  state.counters["jobs/s"] = benchmark::Counter(double(seen), benchmark::Counter::kIsRate);
}
BENCHMARK(list_page)->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

void read_a_million_open(benchmark::State& state) {
  const Store& store = *million().store;
  for (auto _ : state) {
    std::uint64_t seen = 0;
    const auto view = store.snapshot();
    const auto ok = view->visit_open_ascending([&](const auto&, const auto&) {
      ++seen;
      return true;
    });
    DROVER_CHECK(ok.has_value() && seen == 1'000'000, "all of them");
  }
}
BENCHMARK(read_a_million_open)->Unit(benchmark::kMillisecond)->Iterations(1);

// With every page and checksum verified. Last: it closes the store that the others read.
void open_a_million(benchmark::State& state) {
  Million& made = million();
  for (auto _ : state) {
    state.PauseTiming();
    made.store.reset();
    state.ResumeTiming();
    auto store = Store::open(made.options);
    DROVER_CHECK(store.has_value(), "open");
    made.store.emplace(std::move(*store));
  }
}
BENCHMARK(open_a_million)->Unit(benchmark::kMillisecond)->Iterations(1)->UseRealTime();

}  // namespace
