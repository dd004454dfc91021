// nodeagent/log_messages.hpp - log requests and pieces, between protobuf and the log reader.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "nodeagent/accounts.hpp"
#include "nodeagent/log_reader.hpp"

namespace drover::proto {
class LogChunk;
class LogRequest;
}  // namespace drover::proto

namespace drover::nodeagent {

LogQuery to_query(const proto::LogRequest& request, Accounts& accounts, std::int64_t now_us);
void fill_chunk(proto::LogChunk& out, std::uint64_t request, LogPiece piece);

}  // namespace drover::nodeagent
