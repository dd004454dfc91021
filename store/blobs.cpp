// store/blobs.cpp - packing, deduplication and reference counts of blobs.
// SPDX-License-Identifier: Apache-2.0
#include "store/blobs.hpp"

#include <xxhash.h>
#include <zstd.h>

#include <algorithm>

#include "store/record.hpp"

namespace drover::store {
namespace {

constexpr std::uint32_t kPlain = 0, kZstd = 1;
constexpr int kZstdLevel = 1;  // scripts and environments are a few KiB: higher levels gain little

}  // namespace

std::string blob_key(std::string_view content, std::uint64_t seed) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(content.data(), content.size(), seed);
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  return {reinterpret_cast<const char*>(canonical.digest), sizeof canonical.digest};
}

void pack_blob(std::string_view content, proto::Blob& blob) {
  blob.Clear();
  blob.set_size(content.size());
  std::string& data = *blob.mutable_data();
  data.resize(ZSTD_compressBound(content.size()));
  const std::size_t packed =
      ZSTD_compress(data.data(), data.size(), content.data(), content.size(), kZstdLevel);
  if (ZSTD_isError(packed) == 0 && packed < content.size() - content.size() / 8) {
    data.resize(packed);
    blob.set_encoding(kZstd);
  } else {
    data.assign(content);
    blob.set_encoding(kPlain);
  }
}

bool unpack_blob(const proto::Blob& blob, std::string& content) {
  if (blob.size() > kRecordMaxBytes) return false;
  if (blob.encoding() == kPlain) {
    content = blob.data();
    return content.size() == blob.size();
  }
  if (blob.encoding() != kZstd) return false;
  // The frame names its size as well: a damaged number must not make us allocate for nothing.
  if (ZSTD_getFrameContentSize(blob.data().data(), blob.data().size()) != blob.size()) return false;
  content.resize(blob.size());
  const std::size_t size =
      ZSTD_decompress(content.data(), content.size(), blob.data().data(), blob.data().size());
  return ZSTD_isError(size) == 0 && size == blob.size();
}

Result<std::string> read_blob(const ReadTxn& txn, std::string_view key) {
  const auto value = txn.find(Table::Blob, key);
  if (!value) return fail(value.error());
  if (!*value) return fail(bad_record(Table::Blob, key, "missing, though a job needs it"));
  proto::Blob blob;
  if (auto ok = open_record(Table::Blob, key, **value, blob); !ok) return fail(ok.error());
  std::string content;
  if (!unpack_blob(blob, content))
    return fail(bad_record(Table::Blob, key, "damaged (it cannot be unpacked)"));
  return content;
}

Result<void> BlobWriter::load(const std::string& key, Entry& entry) {
  const auto value = txn_.find(Table::Blob, key);
  if (!value) return fail(value.error());
  if (!*value) return {};
  proto::Blob blob;
  if (auto ok = open_record(Table::Blob, key, **value, blob); !ok) return ok;
  if (!unpack_blob(blob, entry.loaded))
    return fail(bad_record(Table::Blob, key, "damaged (it cannot be unpacked)"));
  entry.exists = true;
  entry.content = entry.loaded;
  return {};
}

Result<std::string> BlobWriter::add(std::string_view content) {
  for (std::uint64_t seed = 0; seed < kBlobSeeds; ++seed) {
    const std::string key = key_of_(content, seed);
    Entry& entry = entries_[key];  // references to elements of an unordered_map stay valid
    if (!entry.exists)
      if (auto ok = load(key, entry); !ok) return fail(ok.error());
    if (!entry.exists) {
      proto::Blob blob;
      pack_blob(content, blob);
      if (auto ok = txn_.put(Table::Blob, text_key(key), blob); !ok) return fail(ok.error());
      entry.exists = true;
      entry.content = content;
    }
    if (entry.content != content) continue;
    ++entry.delta;
    return key;
  }
  return std::string();
}

Result<std::string> BlobWriter::add_owned(std::string content) {
  owned_.push_back(std::move(content));
  return add(owned_.back());
}

Result<void> BlobWriter::finish() {
  for (const auto& [key, entry] : entries_) {
    if (entry.delta == 0) continue;  // only looked at
    proto::BlobRefs refs;
    const auto value = txn_.find(Table::BlobRefs, key);
    if (!value) return fail(value.error());
    if (*value)
      if (auto ok = open_record(Table::BlobRefs, key, **value, refs); !ok) return ok;
    const std::int64_t count = std::int64_t(refs.refs()) + entry.delta;
    if (count > 0) {
      refs.set_refs(std::uint64_t(count));
      if (auto ok = txn_.put(Table::BlobRefs, text_key(key), refs); !ok) return ok;
      continue;
    }
    if (auto gone = txn_.erase(Table::BlobRefs, text_key(key)); !gone) return fail(gone.error());
    if (auto gone = txn_.erase(Table::Blob, text_key(key)); !gone) return fail(gone.error());
  }
  entries_.clear();
  owned_.clear();
  return {};
}

}  // namespace drover::store
