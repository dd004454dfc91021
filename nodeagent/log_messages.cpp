// nodeagent/log_messages.cpp - fields from here to there.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/log_messages.hpp"

#include <utility>

#include "proto/agent.pb.h"

namespace drover::nodeagent {

LogQuery to_query(const proto::LogRequest& request, Accounts& accounts, std::int64_t now_us) {
  LogQuery query;
  query.uid = request.uid();
  query.gid = request.gid();
  query.groups = accounts.find(request.uid(), request.gid(), now_us)->groups;
  query.path = request.path();
  query.offset = request.offset();
  query.limit = request.limit();
  query.wait_ms = request.wait_ms();
  query.append = request.append().substr(0, kLogAppendMax);
  return query;
}

void fill_chunk(proto::LogChunk& out, std::uint64_t request, LogPiece piece) {
  out.set_request(request);
  out.set_data(std::move(piece.data));
  out.set_offset(piece.offset);
  out.set_size(piece.size);
  out.set_error(std::move(piece.error));
  out.set_not_found(piece.not_found);
}

}  // namespace drover::nodeagent
