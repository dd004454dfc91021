// store/opening.cpp - making a store, and judging one before it is used.
// SPDX-License-Identifier: Apache-2.0
#include "store/opening.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <utility>
#include <vector>

#include "proto/store.pb.h"
#include "store/directory.hpp"
#include "store/lmdb_error.hpp"
#include "store/page_check.hpp"
#include "store/record.hpp"
#include "store/snapshot_state.hpp"

namespace drover::store {
namespace {

constexpr const char* kNewStore = "creating";
constexpr std::uint64_t kNewMapBytes = std::uint64_t(16) << 20;

// The first record of a new store: from here on every opener knows what it looks at.
Result<void> write_first_records(Environment& environment) {
  auto txn = environment.begin_write();
  if (!txn) return fail(txn.error());
  proto::Schema schema;
  schema.set_version(kSchemaVersion);
  using namespace std::chrono;
  schema.set_created_us(
      duration_cast<microseconds>(system_clock::now().time_since_epoch()).count());
  if (auto ok = txn->put(Table::Meta, text_key(kSchemaKey), schema); !ok) return ok;
  proto::Counters counters;
  counters.set_next_job_id(1);
  counters.set_next_epoch(1);
  counters.set_next_node_id(1);
  counters.set_next_event_seq(1);
  counters.set_txn(txn->id());
  if (auto ok = txn->put(Table::Meta, text_key(kCountersKey), counters); !ok) return ok;
  return txn->commit();
}

std::string check_record(std::string_view table, std::string_view key, std::string_view value) {
  for (std::size_t i = 0; i < kTables; ++i) {
    if (table != to_string(Table(i))) continue;
    // Newer records are the schema check's to name, with what to do.
    if (newer_schema(Table(i), key, value) != 0) return "";
    const auto payload = unseal(Table(i), key, value);
    return payload ? "" : payload.error().message;
  }
  return "";  // a table of a newer version: likewise
}

Result<void> check_schema(const ReadTxn& txn, const std::string& dir) {
  const auto value = txn.find(Table::Meta, kSchemaKey);
  if (!value) return fail(value.error());
  if (!*value) return fail(bad_record(Table::Meta, kSchemaKey, "missing"));
  proto::Schema schema;
  const auto opened = open_record(Table::Meta, kSchemaKey, **value, schema);
  const std::uint32_t version =
      opened ? schema.version() : newer_schema(Table::Meta, kSchemaKey, **value);
  if (version > kSchemaVersion)
    return fail(
        Errc::Corrupt,
        fmt::format("the store in {} has schema version {}, written by a newer Drover; this "
                    "program knows up to version {} and has changed nothing",
                    dir, version, kSchemaVersion),
        "start the newer droverd, or restore a backup from before the upgrade");
  if (!opened) return opened;
  if (version == 0) return fail(bad_record(Table::Meta, kSchemaKey, "damaged (version 0)"));
  return {};
}

Result<void> check_is_newest(const ReadTxn& txn) {
  const auto value = txn.find(Table::Meta, kCountersKey);
  if (!value) return fail(value.error());
  if (!*value) return fail(bad_record(Table::Meta, kCountersKey, "missing"));
  proto::Counters counters;
  if (auto ok = open_record(Table::Meta, kCountersKey, **value, counters); !ok) return ok;
  if (counters.txn() == txn.id()) return {};
  return fail(
      bad_record(Table::Meta, kCountersKey,
                 fmt::format("of commit {}, but the file says it is at commit {}: its header "
                             "pages are damaged",
                             counters.txn(), txn.id())));
}

using Listed = std::vector<std::pair<std::uint32_t, JobId>>;
constexpr std::size_t kListedMax = 4'000'000;  // 64 MiB

// In the order of the index: what is appended fills its pages, and is not searched for.
Result<void> put_listed(WriteTxn& txn, Listed& listed) {
  std::ranges::sort(listed);
  for (const auto& [uid, id] : listed)
    if (auto ok = txn.put_index(Table::Statement, statement_key(uid, id)); !ok) return ok;
  listed.clear();
  return {};
}

// Every statement there is: once, when a store gets this index.
Result<void> index_statements(WriteTxn& txn) {
  proto::JobSpec spec;
  Listed listed;
  for (JobId from{};;) {
    const auto key = txn.first_key_from(Table::Spec, job_key(from).view());
    if (!key) return fail(key.error());
    if (key->empty()) return put_listed(txn, listed);
    const auto value = txn.find(Table::Spec, *key);
    if (!value) return fail(value.error());
    if (auto ok = open_record(Table::Spec, *key, value->value(), spec); !ok) return ok;
    const auto id = JobId(key_u64(*key));
    if (spec.has_statement()) listed.emplace_back(spec.uid(), id);
    if (listed.size() == kListedMax)
      if (auto ok = put_listed(txn, listed); !ok) return ok;
    from = JobId(raw(id) + 1);
  }
}

// The tables that came later than the store, in a commit like any other: with its number.
Result<void> add_tables(Environment& environment) {
  auto txn = environment.begin_write();
  if (!txn) return fail(txn.error());
  const bool knows_statements = environment.has(Table::Statement);
  if (auto ok = environment.add_tables(*txn); !ok) return ok;
  if (!knows_statements)
    if (auto ok = index_statements(*txn); !ok) return ok;
  const auto value = txn->find(Table::Meta, kCountersKey);
  if (!value) return fail(value.error());
  if (!*value) return fail(bad_record(Table::Meta, kCountersKey, "missing"));
  proto::Counters counters;
  if (auto ok = open_record(Table::Meta, kCountersKey, **value, counters); !ok) return ok;
  counters.set_txn(txn->id());
  if (auto ok = txn->put(Table::Meta, text_key(kCountersKey), counters); !ok) return ok;
  return txn->commit();
}

}  // namespace

// A half-made store must never be met: it is complete and synced before its file gets the real
// name, and the names are synced before anybody is told that there is a store. LMDB alone does
// neither.
Result<void> create_store(const Directory& directory, std::uint64_t map_max) {
  if (directory.contains("holder"))
    return fail(Errc::Corrupt, directory.path() + " was a store, but its file data.mdb is missing",
                "restore a backup into it; to start anew, remove the file `holder` there");
  const std::string dir = directory.path() + "/" + kNewStore;
  const std::string made = dir + "/" + kDataFile;
  std::error_code ignored;
  std::filesystem::remove_all(dir, ignored);  // what a crash left behind
  if (::mkdir(dir.c_str(), 0700) != 0) return fail(system_error(errno, "create folder " + dir));
  {
    auto environment = Environment::open(dir, kNewMapBytes, map_max, Environment::Use::Create);
    if (!environment) return fail(environment.error());
    if (auto ok = write_first_records(**environment); !ok) return ok;
  }
  const FileHandle file(::open(made.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open() || ::fsync(file.fd()) != 0) return fail(system_error(errno, "sync " + made));
  const std::string final_name = directory.path() + "/" + kDataFile;
  if (std::rename(made.c_str(), final_name.c_str()) != 0)
    return fail(system_error(errno, "name " + final_name));
  std::filesystem::remove_all(dir, ignored);
  return directory.sync();
}

Result<std::shared_ptr<Environment>> open_existing(const std::string& dir, std::uint64_t map_bytes,
                                                   std::uint64_t map_max, Environment::Use use) {
  const std::string path = dir + "/" + kDataFile;
  // Every record's checksum, once per start: a damaged key is otherwise a record that is silently
  // missing.
  const PageReport pages = check_pages(path, 1, check_record);
  if (!pages.problems.empty())
    return fail(Errc::Corrupt, fmt::format("{} is damaged: {}", path, pages.problems.front()),
                "run `droverd --check DIR` for the extent, and restore a backup");
  // Twice what there is: the first commits after a restart should not have to move the map.
  const std::uint64_t bytes =
      std::max(map_bytes, std::min(map_max, std::uint64_t(8192) * pages.pages));
  auto environment = Environment::open(dir, bytes, map_max, use);
  if (!environment) return environment;
  {
    auto txn = (*environment)->begin_read();
    if (!txn) return fail(txn.error());
    if (auto ok = check_schema(*txn, dir); !ok) return fail(ok.error());
    if (auto ok = check_is_newest(*txn); !ok) return fail(ok.error());
  }
  if (use == Environment::Use::Write && (*environment)->lacks_tables())
    if (auto ok = add_tables(**environment); !ok) return fail(ok.error(), "open " + dir);
  return environment;
}

}  // namespace drover::store
