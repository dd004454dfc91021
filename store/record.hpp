// store/record.hpp - header and checksum around a record's payload (drawn in store/format.hpp).
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <google/protobuf/message_lite.h>

#include <string_view>

#include "base/result.hpp"
#include "store/format.hpp"

namespace drover::store {

// Writes the header in front of a payload that is already in place: `record` is the whole value of
// `size` bytes, of which the first kHeaderBytes are still free.
void seal(Table table, std::string_view key, char* record, std::size_t size,
          std::uint16_t schema = kSchemaVersion);

// The schema version of an undamaged value that a newer program wrote; 0 otherwise.
std::uint16_t newer_schema(Table table, std::string_view key, std::string_view value);

// The payload of a stored value, or Corrupt naming the record: short, of another table, newer, or
// damaged.
Result<std::string_view> unseal(Table table, std::string_view key, std::string_view value);

// unseal + parse into `message`.
Result<void> open_record(Table table, std::string_view key, std::string_view value,
                         google::protobuf::MessageLite& message);

// The error for a record whose payload cannot mean anything.
Error bad_record(Table table, std::string_view key, std::string_view what);

}  // namespace drover::store
