// tests/unit/store/workflow_store_test.cpp - workflows, facts and kept results come back.
// SPDX-License-Identifier: Apache-2.0
#include <lmdb.h>

#include "dag/recording.hpp"
#include "proto/store.pb.h"
#include "store/record.hpp"
#include "store/store.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace drover::store {
namespace {

flow::WorkflowRecord record_of(std::uint64_t id, flow::WorkflowState state, std::uint64_t facts) {
  flow::WorkflowRecord record;
  record.id = JobId(id);
  record.owner = {1000, 100};
  record.user = "ann";
  record.name = "w" + std::to_string(id);
  record.state = state;
  record.submitted = {5};
  record.counts.total = 3;
  record.counts.succeeded = 1;
  record.counts.weight = 9;
  record.facts = facts;
  return record;
}

dag::Fact fact_of(std::uint64_t number) {
  dag::Fact fact;
  fact.number = number;
  fact.at = {std::int64_t(1000 + number)};
  fact.kind = dag::FactKind::Ended;
  fact.part = std::uint32_t(number);
  fact.job = JobId(number + 10);
  fact.mark = dag::Mark::Failed;
  fact.exit_code = -3;
  fact.name = "exit_code";
  fact.text = std::string("a\0b", 3);
  return fact;
}

void add(CommitBatch& batch, std::uint64_t id, flow::WorkflowState state, std::uint64_t facts) {
  auto source = std::make_shared<flow::WorkflowSource>();
  source->bundle.origin = "flow.toml";
  source->bundle.text = "text";
  source->bundle.files["a.sh"] = "#!/bin/sh\n";
  source->bundle.params["n"] = "3";
  source->bundle.globs["*.csv"] = {"a.csv", "b.csv"};
  source->bundle.defaults = "{}";
  source->rules.fuse = false;
  source->user = "ann";
  source->submitted = {5};
  batch.workflows.sources.push_back({JobId(id), source});
  batch.workflows.records.push_back(record_of(id, state, facts));
  for (std::uint64_t n = 1; n <= facts; ++n)
    batch.workflows.facts.emplace_back(JobId(id), fact_of(n));
  batch.changes.next_job_id = id + 1;
}

std::vector<std::uint64_t> ids_in(const Store& store, bool only_open) {
  std::vector<std::uint64_t> ids;
  const auto ok = store.snapshot()->visit_workflows({}, only_open, [&](const auto& record) {
    ids.push_back(raw(record.id));
    return true;
  });
  EXPECT_TRUE(ok);
  return ids;
}

TEST(WorkflowStore, ComesBackAsItWentIn) {
  PrivateFolder folder;
  {
    auto store = Store::open(small_options(folder.path()));
    ASSERT_TRUE(store) << store.error().message;
    CommitBatch batch;
    add(batch, 7, flow::WorkflowState::Running, 4);
    batch.workflows.cache.push_back({1000, "content", {1}, {2}, JobId{9}, {{"n", "3"}}});
    ASSERT_TRUE(store->commit(batch));
  }
  auto store = Store::open(small_options(folder.path()));
  ASSERT_TRUE(store);
  const auto view = store->snapshot();
  const auto record = view->workflow(JobId{7});
  ASSERT_TRUE(record);
  EXPECT_EQ(record->name, "w7");
  EXPECT_EQ(record->counts.waiting, 2u);
  EXPECT_EQ(record->facts, 4u);
  const auto source = view->workflow_source(JobId{7});
  ASSERT_TRUE(source);
  EXPECT_EQ(source->bundle.files.at("a.sh"), "#!/bin/sh\n");
  EXPECT_EQ(source->bundle.globs.at("*.csv").size(), 2u);
  EXPECT_FALSE(source->rules.fuse);
  EXPECT_TRUE(source->rules.critical_path);
  EXPECT_FALSE(source->rules.group) << "nobody has said";
  const auto facts = view->workflow_facts(JobId{7}, 1, 2);
  ASSERT_TRUE(facts);
  EXPECT_EQ(*facts, (std::vector{fact_of(2), fact_of(3)}));
  const auto result = view->step_result(1000, "content");
  ASSERT_TRUE(result && *result);
  EXPECT_EQ((*result)->values, (flow::Values{{"n", "3"}}));
  EXPECT_FALSE(*view->step_result(1001, "content"));
  EXPECT_EQ(view->workflow(JobId{8}).error().code, Errc::NotFound);
  EXPECT_TRUE(store->check()->problems.empty());
  EXPECT_EQ(store->check()->workflows, 1u);
}

TEST(WorkflowStore, OpenOnesAreListedUntilTheyEnd) {
  PrivateFolder folder;
  auto store = Store::open(small_options(folder.path()));
  ASSERT_TRUE(store);
  CommitBatch batch;
  add(batch, 1, flow::WorkflowState::Running, 1);
  add(batch, 2, flow::WorkflowState::Paused, 1);
  ASSERT_TRUE(store->commit(batch));
  CommitBatch end;
  end.workflows.records.push_back(record_of(1, flow::WorkflowState::Failed, 1));
  ASSERT_TRUE(store->commit(end));
  EXPECT_EQ(ids_in(*store, true), (std::vector<std::uint64_t>{2}));
  EXPECT_EQ(ids_in(*store, false), (std::vector<std::uint64_t>{2, 1}));
  CommitBatch again;
  again.workflows.records.push_back(record_of(1, flow::WorkflowState::Running, 1));
  ASSERT_TRUE(store->commit(again));
  EXPECT_EQ(ids_in(*store, true), (std::vector<std::uint64_t>{2, 1}));
}

TEST(WorkflowStore, RecordingsComeBack) {
  PrivateFolder folder;
  auto store = Store::open(small_options(folder.path()));
  ASSERT_TRUE(store);
  dag::Recording plain{.job = "{}", .items = {}, .values = {{"n", "3"}}, .succeeded = true};
  dag::Recording array{.job = "{\"argv\":[]}",
                       .items = std::vector<std::string>{},
                       .values = {},
                       .succeeded = false,
                       .exit_code = -2,
                       .ran = JobId{4}};
  auto source = std::make_shared<flow::WorkflowSource>();
  source->rules.prune = false;
  source->rules.group = true;
  source->bundle.recordings["1/a"] = std::make_shared<const dag::Recording>(plain);
  source->bundle.recordings["1/b"] = std::make_shared<const dag::Recording>(array);
  CommitBatch batch;
  batch.workflows.sources.push_back({JobId{9}, source});
  batch.workflows.records.push_back(record_of(9, flow::WorkflowState::Running, 0));
  batch.changes.next_job_id = 10;
  ASSERT_TRUE(store->commit(batch));
  const auto back = store->snapshot()->workflow_source(JobId{9});
  ASSERT_TRUE(back);
  EXPECT_FALSE(back->rules.prune);
  EXPECT_EQ(back->rules.group, true);
  ASSERT_EQ(back->bundle.recordings.size(), 2u);
  EXPECT_EQ(*back->bundle.recordings.at("1/a"), plain);
  EXPECT_EQ(*back->bundle.recordings.at("1/b"), array);
}

// Somebody reads a workflow that has ended in order to run it again; before that is decided, the
// oldest ones are forgotten, this one in part or wholly.
TEST(WorkflowStore, ARetryThatMeetsThePurgeBringsBackAllOfIt) {
  for (const std::uint64_t facts : {2u, 300u}) {
    SCOPED_TRACE(facts);
    PrivateFolder folder;
    StoreOptions options = small_options(folder.path());
    options.closed_workflows_max = 1;
    auto store = Store::open(options);
    ASSERT_TRUE(store);
    CommitBatch old;
    add(old, 1, flow::WorkflowState::Failed, facts);
    ASSERT_TRUE(store->commit(old));
    const auto view = store->snapshot();
    auto source = std::make_shared<const flow::WorkflowSource>(*view->workflow_source(JobId{1}));
    auto read =
        std::make_shared<const std::vector<dag::Fact>>(*view->workflow_facts(JobId{1}, 0, 10'000));
    ASSERT_EQ(read->size(), facts);
    CommitBatch newer;  // one too many: the oldest goes
    add(newer, 2, flow::WorkflowState::Failed, 1);
    ASSERT_TRUE(store->commit(newer));
    EXPECT_LT(store->snapshot()->workflow_facts(JobId{1}, 0, 10'000)->size(), facts);
    CommitBatch again;
    again.workflows.reopened.push_back({JobId{1}, source, read});
    again.workflows.records.push_back(record_of(1, flow::WorkflowState::Running, facts + 1));
    again.workflows.facts.emplace_back(JobId{1}, fact_of(facts + 1));
    ASSERT_TRUE(store->commit(again));
    const auto after = store->snapshot();
    const auto kept = after->workflow_facts(JobId{1}, 0, 10'000);
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->size(), facts + 1);
    EXPECT_TRUE(after->workflow_source(JobId{1}));
    EXPECT_EQ(ids_in(*store, true), (std::vector<std::uint64_t>{1}));
    EXPECT_TRUE(store->check()->problems.empty());
  }
}

TEST(WorkflowStore, AFactNeverChanges) {
  PrivateFolder folder;
  auto store = Store::open(small_options(folder.path()));
  ASSERT_TRUE(store);
  CommitBatch batch;
  add(batch, 1, flow::WorkflowState::Running, 2);
  ASSERT_TRUE(store->commit(batch));
  CommitBatch twice;
  twice.workflows.facts.emplace_back(JobId{1}, fact_of(2));
  EXPECT_EQ(store->commit(twice).error().code, Errc::Conflict);
}

TEST(WorkflowStore, MissingFactsAreReported) {
  PrivateFolder folder;
  auto store = Store::open(small_options(folder.path()));
  ASSERT_TRUE(store);
  CommitBatch batch;
  add(batch, 1, flow::WorkflowState::Running, 1);
  batch.workflows.records.back().facts = 3;
  ASSERT_TRUE(store->commit(batch));
  EXPECT_FALSE(store->check()->problems.empty());
}

// Makes of a store one from before there were these tables.
void drop_tables(const std::string& path, std::initializer_list<const char*> names) {
  proto::Counters counters;
  {
    auto store = Store::open(small_options(path));
    ASSERT_TRUE(store);
    const auto now = store->snapshot()->counters();
    counters.set_next_job_id(now->next_job_id);
    counters.set_next_epoch(now->next_epoch);
    counters.set_next_node_id(now->next_node_id);
    counters.set_next_event_seq(now->next_event_seq);
  }
  MDB_env* env = nullptr;
  ASSERT_EQ(mdb_env_create(&env), 0);
  mdb_env_set_maxdbs(env, 20);
  ASSERT_EQ(mdb_env_open(env, path.c_str(), 0, 0600), 0);
  MDB_txn* txn = nullptr;
  ASSERT_EQ(mdb_txn_begin(env, nullptr, 0, &txn), 0);
  for (const char* name : names) {
    MDB_dbi dbi = 0;
    ASSERT_EQ(mdb_dbi_open(txn, name, 0, &dbi), 0) << name;
    ASSERT_EQ(mdb_drop(txn, dbi, 1), 0) << name;
  }
  counters.set_txn(mdb_txn_id(txn));  // every commit carries its number
  std::string record(kHeaderBytes, '\0');
  record += counters.SerializeAsString();
  seal(Table::Meta, "counters", record.data(), record.size());
  MDB_dbi meta = 0;
  ASSERT_EQ(mdb_dbi_open(txn, "meta", 0, &meta), 0);
  MDB_val key{8, const_cast<char*>("counters")}, value{record.size(), record.data()};
  ASSERT_EQ(mdb_put(txn, meta, &key, &value, 0), 0);
  ASSERT_EQ(mdb_txn_commit(txn), 0);
  mdb_env_close(env);
}

// The tables of workflows came later than the others.
TEST(WorkflowStore, AStoreFromBeforeThereWereWorkflowsGetsTheirTables) {
  PrivateFolder folder;
  { ASSERT_TRUE(Store::open(small_options(folder.path()))); }
  drop_tables(folder.path(), {"flow_source", "flow", "flow_open", "flow_fact", "step_result"});
  EXPECT_TRUE(check_store(folder.path())->problems.empty()) << "reading needs no new table";
  auto store = Store::open(small_options(folder.path()));
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_TRUE(ids_in(*store, false).empty());
  CommitBatch batch;
  add(batch, 1, flow::WorkflowState::Running, 1);
  EXPECT_TRUE(store->commit(batch));
}

// So did the index of statements, which then gets those that are there.
TEST(WorkflowStore, AStoreFromBeforeItsIndexOfStatementsIsIndexed) {
  PrivateFolder folder;
  CommitBatch batch;
  for (std::uint32_t i = 0; i < 3; ++i) {
    auto spec = std::make_shared<sched::JobSpec>();
    spec->owner = {7 + i % 2, 7};
    if (i != 1) spec->statement.emplace();
    sched::JobRecord record;
    record.id = JobId(i + 1);
    batch.changes.new_jobs.push_back({record.id, spec});
    batch.changes.jobs.push_back(record);
  }
  batch.changes.next_job_id = 4;
  batch.changes.next_epoch = batch.changes.next_node_id = batch.changes.next_event_seq = 1;
  {
    auto store = Store::open(small_options(folder.path()));
    ASSERT_TRUE(store);
    ASSERT_TRUE(store->commit(batch));
  }
  drop_tables(folder.path(), {"statement"});
  EXPECT_TRUE(check_store(folder.path())->problems.empty()) << "reading needs no new table";
  auto store = Store::open(small_options(folder.path()));
  ASSERT_TRUE(store) << store.error().message;
  const auto of = [&](std::uint32_t uid) {
    std::vector<std::uint64_t> ids;
    EXPECT_TRUE(store->snapshot()->visit_statements(uid, JobId{}, [&](const auto& job, auto&) {
      ids.push_back(raw(job.id));
      return true;
    }));
    return ids;
  };
  EXPECT_EQ(of(7), (std::vector<std::uint64_t>{3, 1}));
  EXPECT_EQ(of(8), std::vector<std::uint64_t>());
  EXPECT_EQ(of(9), std::vector<std::uint64_t>());
  EXPECT_TRUE(store->check()->problems.empty());
}

}  // namespace
}  // namespace drover::store
