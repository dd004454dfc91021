// store/blobs.hpp - long scripts and environments, stored once per content and counted.
// SPDX-License-Identifier: Apache-2.0
//
// The key is the XXH3-128 of the content under a seed; equal keys are compared byte by byte, and a
// collision takes the next seed, so that nobody can make one job run another one's script.
#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "proto/store.pb.h"
#include "store/environment.hpp"

namespace drover::store {

inline constexpr std::uint64_t kBlobSeeds = 8;
using BlobKeyFn = std::string (*)(std::string_view content, std::uint64_t seed);
std::string blob_key(std::string_view content, std::uint64_t seed);  // 16 bytes

// Content of a stored Blob message, or false when it is damaged. Never allocates more than the
// stored size promises, which is bounded.
bool unpack_blob(const proto::Blob& blob, std::string& content);
void pack_blob(std::string_view content, proto::Blob& blob);

// Content by key. Corrupt when the blob is missing or damaged.
Result<std::string> read_blob(const ReadTxn& txn, std::string_view key);

// Adds and drops references within one write transaction. Counters are written once, by finish().
class BlobWriter {
 public:
  explicit BlobWriter(WriteTxn& txn, BlobKeyFn key_of = blob_key) : txn_(txn), key_of_(key_of) {}

  // The key under which `content` is stored from now on; empty when every seed collides (store it
  // inline then). `content` has to stay where it is until finish().
  Result<std::string> add(std::string_view content);
  // Keeps a copy: for content that was made for this call.
  Result<std::string> add_owned(std::string content);
  void drop(const std::string& key) { --entries_[key].delta; }
  Result<void> finish();

 private:
  struct Entry {
    std::string_view content;  // known content; empty until the blob was read or written here
    std::string loaded;        // backs `content` when it came from the store
    bool exists = false;
    std::int64_t delta = 0;
  };
  Result<void> load(const std::string& key, Entry& entry);
  WriteTxn& txn_;
  BlobKeyFn key_of_;
  std::unordered_map<std::string, Entry>
      entries_;  // order never matters: each key is written on its own
  std::deque<std::string> owned_;
};

}  // namespace drover::store
