// store/record.cpp - sealing and opening records; the only place that knows the header's layout.
// SPDX-License-Identifier: Apache-2.0
#include "store/record.hpp"

#include <fmt/format.h>
#include <xxhash.h>

namespace drover::store {
namespace {

constexpr const char* kDamageHint =
    "stop droverd, run `droverd --check DIR` for the extent, and restore a backup if it is needed";

std::uint8_t tag_of(Table table) { return std::uint8_t(0xD0u + std::uint8_t(table)); }

// The key goes in as the seed: no copy, and a value that moved to another key does not match.
std::uint32_t checksum(std::string_view key, std::uint8_t tag, std::uint16_t schema,
                       std::string_view payload) {
  const std::uint64_t seed =
      XXH3_64bits_withSeed(key.data(), key.size(), std::uint64_t(tag) << 16 | schema);
  return std::uint32_t(XXH3_64bits_withSeed(payload.data(), payload.size(), seed));
}

void put_u16(char* out, std::uint16_t value) {
  out[0] = char(std::uint8_t(value));
  out[1] = char(std::uint8_t(value >> 8));
}
void put_u32(char* out, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) out[i] = char(std::uint8_t(value >> (8 * i)));
}
std::uint32_t take(std::string_view in, std::size_t at, int bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < bytes; ++i)
    value |= std::uint32_t(std::uint8_t(in[at + std::size_t(i)])) << (8 * i);
  return value;
}

}  // namespace

Error bad_record(Table table, std::string_view key, std::string_view what) {
  return Error{
      Errc::Corrupt, fmt::format("record {}: {}", record_name(table, key), what), kDamageHint, {}};
}

void seal(Table table, std::string_view key, char* record, std::size_t size, std::uint16_t schema) {
  const std::string_view payload(record + kHeaderBytes, size - kHeaderBytes);
  record[0] = char(tag_of(table));
  record[1] = 0;
  put_u16(record + 2, schema);
  put_u32(record + 4, checksum(key, tag_of(table), schema, payload));
}

std::uint16_t newer_schema(Table table, std::string_view key, std::string_view value) {
  if (value.size() < kHeaderBytes || std::uint8_t(value[0]) != tag_of(table)) return 0;
  const auto schema = std::uint16_t(take(value, 2, 2));
  const std::uint32_t sum = checksum(key, tag_of(table), schema, value.substr(kHeaderBytes));
  return sum == take(value, 4, 4) && schema > kSchemaVersion ? schema : std::uint16_t(0);
}

Result<std::string_view> unseal(Table table, std::string_view key, std::string_view value) {
  if (value.size() < kHeaderBytes)
    return fail(bad_record(table, key, "damaged (shorter than its header)"));
  const auto tag = std::uint8_t(value[0]);
  const auto schema = std::uint16_t(take(value, 2, 2));
  const std::string_view payload = value.substr(kHeaderBytes);
  if (take(value, 4, 4) != checksum(key, tag, schema, payload) || value[1] != 0)
    return fail(bad_record(table, key, "damaged (its checksum does not match)"));
  if (tag != tag_of(table)) return fail(bad_record(table, key, "damaged (from another table)"));
  if (schema > kSchemaVersion || schema == 0)
    return fail(Errc::Corrupt,
                fmt::format("record {} has schema version {}, this program knows up to {}",
                            record_name(table, key), schema, kSchemaVersion),
                "start the newer droverd that wrote the store");
  return payload;
}

Result<void> open_record(Table table, std::string_view key, std::string_view value,
                         google::protobuf::MessageLite& message) {
  const auto payload = unseal(table, key, value);
  if (!payload) return fail(payload.error());
  if (!message.ParseFromArray(payload->data(), int(payload->size())))
    return fail(bad_record(table, key, "damaged (its fields cannot be read)"));
  return {};
}

}  // namespace drover::store
