// store/format.cpp - keys to bytes and back, and the names of records in messages.
// SPDX-License-Identifier: Apache-2.0
#include "store/format.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>

namespace drover::store {
namespace {

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text)
    out += (c >= ' ' && c < 127) ? std::string(1, c) : fmt::format("\\x{:02x}", std::uint8_t(c));
  return out;
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("{:02x}", std::uint8_t(c));
  return out;
}

}  // namespace

const char* to_string(Table table) {
  switch (table) {
    case Table::Meta: return "meta";
    case Table::Node: return "node";
    case Table::Spec: return "spec";
    case Table::Job: return "job";
    case Table::Open: return "open";
    case Table::Task: return "task";
    case Table::Event: return "event";
    case Table::Idem: return "idem";
    case Table::IdemOf: return "idem_of";
    case Table::Blob: return "blob";
    case Table::BlobRefs: return "blob_refs";
    case Table::WorkflowSource: return "flow_source";
    case Table::Workflow: return "flow";
    case Table::WorkflowOpen: return "flow_open";
    case Table::WorkflowFact: return "flow_fact";
    case Table::StepResult: return "step_result";
    case Table::ResultList: return "result";
    case Table::Statement: return "statement";
  }
  return "unknown";
}

Key& Key::u32(std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes_[size_++] = char(std::uint8_t(value >> shift));
  return *this;
}

Key& Key::u64(std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) bytes_[size_++] = char(std::uint8_t(value >> shift));
  return *this;
}

Key& Key::text(std::string_view value) {
  const std::size_t count = std::min(value.size(), bytes_.size() - size_);
  if (count > 0) std::memcpy(bytes_.data() + size_, value.data(), count);
  size_ += count;
  return *this;
}

Key job_key(JobId id) { return Key().u64(raw(id)); }
Key task_key(TaskId id) { return Key().u64(raw(id.job)).u32(raw(id.index)); }
Key node_key(NodeId id) { return Key().u32(raw(id)); }
Key event_key(EventSeq seq) { return Key().u64(raw(seq)); }
Key idem_key(std::uint32_t uid, std::string_view client_key) {
  return Key().u32(uid).text(client_key);
}
Key idem_of_key(JobId id, std::string_view idem_key) { return Key().u64(raw(id)).text(idem_key); }
Key text_key(std::string_view text) { return Key().text(text); }
Key fact_key(JobId workflow, std::uint64_t number) { return Key().u64(raw(workflow)).u64(number); }
Key result_key(std::uint32_t uid, std::string_view content) {
  const XXH128_hash_t hash = XXH3_128bits(content.data(), content.size());
  return Key().u32(uid).u64(hash.high64).u64(hash.low64);
}
Key statement_key(std::uint32_t uid, JobId id) { return Key().u32(uid).u64(raw(id)); }

std::uint64_t key_u64(std::string_view key, std::size_t at) {
  if (key.size() < at + 8) return 0;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = value << 8 | std::uint8_t(key[at + i]);
  return value;
}

std::uint32_t key_u32(std::string_view key, std::size_t at) {
  if (key.size() < at + 4) return 0;
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | std::uint8_t(key[at + i]);
  return value;
}

std::string record_name(Table table, std::string_view key) {
  const char* name = to_string(table);
  switch (table) {
    case Table::Spec:
    case Table::Job:
    case Table::Open:
    case Table::Event:
    case Table::WorkflowSource:
    case Table::Workflow:
    case Table::WorkflowOpen:
    case Table::ResultList:
      if (key.size() == 8) return fmt::format("{}/{}", name, key_u64(key));
      break;
    case Table::Task:
      if (key.size() == 12) return fmt::format("{}/{}.{}", name, key_u64(key), key_u32(key, 8));
      break;
    case Table::Node:
      if (key.size() == 4) return fmt::format("{}/{}", name, key_u32(key));
      break;
    case Table::Statement:
      if (key.size() == 12) return fmt::format("{}/{}:{}", name, key_u32(key), key_u64(key, 4));
      break;
    case Table::Idem:
      if (key.size() >= 4)
        return fmt::format("{}/{}:{}", name, key_u32(key), printable(key.substr(4)));
      break;
    case Table::IdemOf:
      if (key.size() >= 12)
        return fmt::format("{}/{}:{}:{}", name, key_u64(key), key_u32(key, 8),
                           printable(key.substr(12)));
      break;
    case Table::Meta: return fmt::format("{}/{}", name, printable(key));
    case Table::WorkflowFact:
      if (key.size() == 16) return fmt::format("{}/{}.{}", name, key_u64(key), key_u64(key, 8));
      break;
    case Table::Blob:
    case Table::BlobRefs:
    case Table::StepResult: break;
  }
  return fmt::format("{}/{}", name, hex(key));
}

}  // namespace drover::store
