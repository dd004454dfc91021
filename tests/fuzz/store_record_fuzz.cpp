// tests/fuzz/store_record_fuzz.cpp - any bytes as a record of any table do no more than fail.
// SPDX-License-Identifier: Apache-2.0
//
// LINK: drover::store
#include <cstdint>
#include <string>

#include "base/check.hpp"
#include "store/blobs.hpp"
#include "store/codec.hpp"
#include "store/record.hpp"
#include "store/workflow_codec.hpp"

namespace {

using namespace drover;
using namespace drover::store;

// A payload that decodes has to survive the way back: encode(decode(x)) decodes to the same value.
template <class Message, class Value>
void decode_payload(std::string_view payload) {
  Message message;
  Value value;
  if (!message.ParseFromArray(payload.data(), int(payload.size()))) return;
  if (!decode(message, value)) return;
  Message again;
  encode(value, again);
  Value same;
  DROVER_CHECK(decode(again, same), "what was encoded must decode");
  if constexpr (requires { value == same; })
    DROVER_CHECK(value == same, "a value must come back as it was");
}

void decode_as(Table table, std::string_view payload) {
  switch (table) {
    case Table::Spec: return decode_payload<proto::JobSpec, sched::JobSpec>(payload);
    case Table::Job: return decode_payload<proto::JobRecord, sched::JobRecord>(payload);
    case Table::Task: return decode_payload<proto::TaskRecord, sched::TaskRecord>(payload);
    case Table::Node: return decode_payload<proto::NodeRecord, sched::NodeRecord>(payload);
    case Table::Event: return decode_payload<proto::Event, sched::Event>(payload);
    case Table::Idem: return decode_payload<proto::IdempotencyRecord, IdempotencyEntry>(payload);
    case Table::Blob: {
      proto::Blob blob;
      std::string content;
      if (blob.ParseFromArray(payload.data(), int(payload.size())) && blob.size() < (1u << 20))
        (void)unpack_blob(blob, content);
      return;
    }
    case Table::WorkflowSource:
      return decode_payload<proto::WorkflowSource, flow::WorkflowSource>(payload);
    case Table::Workflow:
      return decode_payload<proto::WorkflowRecord, flow::WorkflowRecord>(payload);
    case Table::WorkflowFact: return decode_payload<proto::WorkflowFact, dag::Fact>(payload);
    case Table::StepResult: return decode_payload<proto::StepResult, flow::CacheEntry>(payload);
    case Table::Meta:
    case Table::Open:
    case Table::WorkflowOpen:
    case Table::IdemOf:
    case Table::ResultList:
    case Table::Statement:
    case Table::BlobRefs: return;
  }
}

}  // namespace

// Input: table, key size, key, value.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto table = Table(data[0] % kTables);
  std::string_view rest(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string_view key = rest.substr(0, std::min<std::size_t>(data[1] % 64, rest.size()));
  rest.remove_prefix(key.size());
  (void)record_name(table, key);
  (void)newer_schema(table, key, rest);
  if (const auto payload = unseal(table, key, rest)) decode_as(table, *payload);
  // The checksum stops nearly everything: look behind it as well.
  decode_as(table, rest);
  // And sealed as we would have done it.
  std::string sealed(kHeaderBytes, '\0');
  sealed.append(rest);
  seal(table, key, sealed.data(), sealed.size());
  const auto payload = unseal(table, key, sealed);
  DROVER_CHECK(payload && *payload == rest, "what was sealed must open");
  return 0;
}
