// net/http_wire.hpp - the bytes of a response: status line, headers, chunks, and RFC 9457 error
// bodies.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_reader.hpp"
#include "net/http_server.hpp"

namespace drover::net {

std::string_view reason_phrase(int status);

struct HeadShape {
  int status = 200;
  std::string_view content_type;
  std::optional<std::uint64_t> content_length;
  bool chunked = false, keep_alive = true, http11 = true;
};
// CR, LF and NUL in values become spaces: no value can add a header.
void append_head(std::string& out, const HeadShape& shape,
                 const std::vector<std::pair<std::string, std::string>>& headers);

// The frame of one chunk is written around `size` bytes of data.
std::string chunk_prefix(std::size_t size);
inline constexpr std::string_view kChunkSuffix = "\r\n", kLastChunk = "0\r\n\r\n";

// 1xx, 204 and 304 answers have no body, whatever the program says.
bool may_have_body(int status);

HttpResponse fault_response(const HttpFault& fault);

}  // namespace drover::net
