// store/format.hpp - the bytes of the store: tables, keys, record header, schema version.
// SPDX-License-Identifier: Apache-2.0
//
// One LMDB file with a table (named database) per kind of record. Numbers in keys are big-endian,
// so that byte order is numeric order and new records go to the end of a table.
//
//   table      key                     value (protobuf of proto/store.proto)
//   meta       "schema" | "counters"   Schema | Counters
//              "usage"                 UsageTable, once something was used
//              "reservations"          ReservationTable, once there was one
//              "groups"                GroupTable, once a group had limits of its own
//              "quotas"                QuotaTable, once there is something to keep
//   node       u32 node id             NodeRecord
//   spec       u64 job id              JobSpec, immutable
//   job        u64 job id              JobRecord
//   open       u64 job id              nothing: the index of jobs that have not ended
//   task       u64 job id, u32 index   TaskRecord
//   event      u64 sequence number     Event, gapless
//   idem       u32 uid, client's key   IdempotencyRecord
//   idem_of    u64 job id, idem's key  nothing: finds the keys of a purged job
//   blob       16 bytes, XXH3-128      Blob: scripts and environments over 256 bytes
//   blob_refs  16 bytes, blob's key    BlobRefs, apart: counting must not rewrite the content
//   flow_source u64 workflow id        WorkflowSource, immutable
//   flow       u64 workflow id         WorkflowRecord
//   flow_open  u64 workflow id         nothing: the index of workflows that have not ended
//   flow_fact  u64 workflow id, u64 no WorkflowFact, immutable
//   step_result u32 uid, 16 bytes      StepResult, by XXH3-128 of what the step asks for
//   result     u64 job id              ResultList: what a statement left
//   statement  u32 uid, u64 job id     nothing: the index of each user's statements
//
// The last seven came later: a store without them gets them when it is opened for writing.
//
// Every value starts with eight bytes, little-endian:
//
//   0        1        2                 4                                   8
//   | tag u8 | 0  u8  | schema u16      | checksum u32                      | payload ...
//
//   tag       0xD0 + table number: a record that landed in another table is noticed
//   schema    kSchemaVersion of the writer; a newer one is refused, never guessed at
//   checksum  low half of XXH3-64 over key, tag, schema and payload: so is one under a wrong key
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.hpp"

namespace drover::store {

inline constexpr std::uint16_t kSchemaVersion = 1;
inline constexpr std::size_t kHeaderBytes = 8;
inline constexpr std::size_t kRecordMaxBytes = std::size_t(256) << 20;
inline constexpr std::size_t kInlineMaxBytes = 256;  // longer scripts and environments become blobs
inline constexpr std::size_t kIdempotencyKeyMax = 200;

enum class Table : std::uint8_t {
  Meta,
  Node,
  Spec,
  Job,
  Open,
  Task,
  Event,
  Idem,
  IdemOf,
  Blob,
  BlobRefs,
  WorkflowSource,
  Workflow,
  WorkflowOpen,
  WorkflowFact,
  StepResult,
  ResultList,
  Statement,
};
inline constexpr std::size_t kFirstTables = 11;  // that every store has
inline constexpr std::size_t kTables = 18;

const char* to_string(Table table);  // the LMDB name: "meta", "node", ...

// A key under construction, without allocation. LMDB takes at most 511 bytes; ours end at 212.
class Key {
 public:
  Key& u32(std::uint32_t value);
  Key& u64(std::uint64_t value);
  Key& text(std::string_view value);  // cut at the capacity: callers bound it before
  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, 240> bytes_;
  std::size_t size_ = 0;
};

Key job_key(JobId id);
Key task_key(TaskId id);
Key node_key(NodeId id);
Key event_key(EventSeq seq);
Key idem_key(std::uint32_t uid, std::string_view client_key);
Key idem_of_key(JobId id, std::string_view idem_key);
Key text_key(std::string_view text);  // meta, blob
Key fact_key(JobId workflow, std::uint64_t number);
Key result_key(std::uint32_t uid, std::string_view content);
Key statement_key(std::uint32_t uid, JobId id);

// Numbers back out of a key; 0 when the key is too short (check.cpp tells the sizes apart).
std::uint64_t key_u64(std::string_view key, std::size_t at = 0);
std::uint32_t key_u32(std::string_view key, std::size_t at = 0);

// "job/12", "task/12.3", "blob/0f3a...": how messages name a record.
std::string record_name(Table table, std::string_view key);

}  // namespace drover::store
