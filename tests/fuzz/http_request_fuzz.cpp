// tests/fuzz/http_request_fuzz.cpp - any bytes, cut anywhere, are requests or one refusal, and
// always the same ones.
// SPDX-License-Identifier: Apache-2.0
// LINK: drover::net
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.hpp"
#include "net/http_reader.hpp"
#include "net/http_target.hpp"

namespace {

using drover::net::HttpLimits;
using drover::net::ReadStep;
using drover::net::RequestReader;

// What was understood, in a form that can be compared.
std::string read_in_pieces(std::string_view bytes, std::size_t piece, const HttpLimits& limits) {
  RequestReader reader(limits);
  std::string out;
  std::uint64_t body = 0;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    std::string_view input = bytes.substr(at, piece);
    for (bool starved = false; !starved;) {
      switch (reader.next(input)) {
        case ReadStep::NeedMore: starved = true; break;
        case ReadStep::Fault: return out + "!" + std::to_string(reader.fault().status);
        case ReadStep::Head:
          out += reader.request().method + ' ' + reader.request().path + '\n';
          DROVER_CHECK(reader.request().path.front() == '/', "a path starts with a slash");
          DROVER_CHECK(reader.request().headers.size() <= limits.header_lines, "lines are counted");
          reader.limit_body(limits.body);
          body = 0;
          break;
        case ReadStep::Body:
          DROVER_CHECK(!reader.body().empty(), "a piece has bytes");
          body += reader.body().size();
          DROVER_CHECK(body <= limits.body, "bodies are limited");
          out += reader.body();
          break;
        case ReadStep::End: out += "\n."; break;
      }
    }
    DROVER_CHECK(input.empty(), "a starved reader has taken everything");
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const HttpLimits limits{
      .request_line = 200, .header_bytes = 400, .header_lines = 10, .body = 300};
  const std::string whole = read_in_pieces(bytes, size, limits);
  DROVER_CHECK(read_in_pieces(bytes, 1, limits) == whole, "cuts change nothing");
  DROVER_CHECK(read_in_pieces(bytes, 1 + data[0] % 13u, limits) == whole, "cuts change nothing");
  const auto target = drover::net::parse_target(bytes);
  if (target) {
    DROVER_CHECK(target->path.find('%') == std::string::npos, "nothing is left to decode");
    DROVER_CHECK(target->path.find('\0') == std::string::npos, "no path has a NUL");
  }
  return 0;
}
