// tests/unit/net/http_reader_test.cpp - what is a request, what is refused, and that cutting the
// bytes changes neither.
// SPDX-License-Identifier: Apache-2.0
#include "net/http_reader.hpp"

#include <gtest/gtest.h>

#include <string>

#include "net/http_target.hpp"

namespace drover::net {
namespace {

// Requests as "METHOD path [body]", a fault as its status.
std::string read(std::string_view bytes, std::size_t piece, HttpLimits limits = {}) {
  RequestReader reader(limits);
  std::string out, body;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    std::string_view input = bytes.substr(at, piece);
    for (;;) {
      const ReadStep step = reader.next(input);
      if (step == ReadStep::NeedMore) break;
      if (step == ReadStep::Fault) return out + std::to_string(reader.fault().status);
      if (step == ReadStep::Head) {
        out += reader.request().method + " " + reader.request().path + " ";
        reader.limit_body(limits.body);
        body.clear();
      }
      if (step == ReadStep::Body) body += reader.body();
      if (step == ReadStep::End) out += "[" + body + "] ";
    }
    EXPECT_TRUE(input.empty());
  }
  return out + (reader.in_head() || reader.in_body() ? "..." : "");
}

struct Row {
  const char* name;
  std::string bytes;
  std::string expected;
};

class Requests : public testing::TestWithParam<Row> {};

TEST_P(Requests, ReadTheSameHoweverTheyAreCut) {
  const Row& row = GetParam();
  for (const std::size_t piece : {row.bytes.size(), std::size_t{1}, std::size_t{2}, std::size_t{3},
                                  std::size_t{7}, std::size_t{64}}) {
    EXPECT_EQ(read(row.bytes, piece), row.expected) << "in pieces of " << piece;
  }
}

const std::string kHost = "Host: x\r\n";
std::string post(const std::string& headers, const std::string& body) {
  return "POST /p HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n" + body;
}

INSTANTIATE_TEST_SUITE_P(
    Good, Requests,
    testing::Values(
        Row{"Plain", "GET /a?b=c HTTP/1.1\r\n" + kHost + "\r\n", "GET /a [] "},
        Row{"LeadingEmptyLine", "\r\nGET /a HTTP/1.1\r\n" + kHost + "\r\n", "GET /a [] "},
        Row{"OldVersionWithoutHost", "GET /a HTTP/1.0\r\n\r\n", "GET /a [] "},
        Row{"Length", post("Content-Length: 5\r\n", "hello"), "POST /p [hello] "},
        Row{"ZeroLength", post("Content-Length: 0\r\n", ""), "POST /p [] "},
        Row{"Chunks",
            post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"),
            "POST /p [abcde] "},
        Row{"NoChunks", post("Transfer-Encoding: Chunked\r\n", "0\r\n\r\n"), "POST /p [] "},
        Row{"Trailer", post("Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n"),
            "POST /p [a] "},
        Row{"Pipeline",
            post("Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\n") +
                post("Content-Length: 2\r\n", "bc") + "GET /q HTTP/1.1\r\nHost: x\r\n\r\n",
            "POST /p [a] POST /p [bc] GET /q [] "},
        Row{"Unfinished", post("Content-Length: 5\r\n", "hel"), "POST /p ..."}),
    [](const auto& row) { return row.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Hostile, Requests,
    testing::Values(
        Row{"LengthAndChunks",
            post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), "400"},
        Row{"ChunksAndLength",
            post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), "400"},
        Row{"TwoLengths", post("Content-Length: 1\r\nContent-Length: 2\r\n", "ab"), "400"},
        Row{"TwoEqualLengths", post("Content-Length: 1\r\nContent-Length: 1\r\n", "a"), "400"},
        Row{"ListedLengths", post("Content-Length: 1, 1\r\n", "a"), "400"},
        Row{"SignedLength", post("Content-Length: +1\r\n", "a"), "400"},
        Row{"NegativeLength", post("Content-Length: -1\r\n", "a"), "400"},
        Row{"HexLength", post("Content-Length: 0x1\r\n", "a"), "400"},
        Row{"HugeLength", post("Content-Length: 99999999999999999999\r\n", "a"), "400"},
        Row{"EmptyLength", post("Content-Length: \r\n", "a"), "400"},
        Row{"OtherCoding", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), "400"},
        Row{"HiddenCoding", post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"), "400"},
        Row{"TwoCodings",
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            "400"},
        Row{"ChunksInOldVersion", "POST /p HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "400"},
        Row{"SpaceBeforeColon", post("Content-Length : 1\r\n", "a"), "400"},
        Row{"BareLf", "GET /a HTTP/1.1\nHost: x\n\n", "400"},
        Row{"BareLfInHeaders", "GET /a HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", "400"},
        Row{"BareCr", "GET /a HTTP/1.1\r\nHost: x\rX: y\r\n\r\n", "400"},
        Row{"Folded", "GET /a HTTP/1.1\r\nHost: x\r\n y\r\n\r\n", "400"},
        Row{"FoldedFirst", "GET /a HTTP/1.1\r\n Host: x\r\n\r\n", "400"},
        Row{"NulInHeader", "GET /a HTTP/1.1\r\nHost: x" + std::string(1, '\0') + "y\r\n\r\n",
            "400"},
        Row{"NoHost", "GET /a HTTP/1.1\r\n\r\n", "400"},
        Row{"TwoHosts", "GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400"},
        Row{"NotHttp", "\x16\x03\x01 hello\r\n\r\n", "400"},
        Row{"Version2", "GET /a HTTP/2.0\r\nHost: x\r\n\r\n", "505"},
        Row{"NoVersion", "GET /a\r\nHost: x\r\n\r\n", "400"},
        Row{"AbsoluteTarget", "GET http://x/a HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
        Row{"OtherExpectation", post("Expect: miracles\r\nContent-Length: 1\r\n", "a"), "417"},
        Row{"BadChunkSize", post("Transfer-Encoding: chunked\r\n", "xyz\r\nabc"), "POST /p 400"},
        Row{"ChunkSizeOverflow", post("Transfer-Encoding: chunked\r\n", "10000000000000000\r\n"),
            "POST /p 400"},
        Row{"ChunkWithoutEnd", post("Transfer-Encoding: chunked\r\n", "3\r\nabcdefg\r\n"),
            "POST /p 400"},
        Row{"BareLfInChunk", post("Transfer-Encoding: chunked\r\n", "3\nabc\r\n0\r\n\r\n"),
            "POST /p 400"},
        Row{"ExtensionFlood",
            post("Transfer-Encoding: chunked\r\n", "1;" + std::string(300, 'x') + "\r\na\r\n"),
            "POST /p 400"},
        Row{"EndlessChunkHeader",
            post("Transfer-Encoding: chunked\r\n", "1;" + std::string(20'000, 'x')), "POST /p 400"},
        Row{"LengthInTrailer",
            post("Transfer-Encoding: chunked\r\n", "0\r\nContent-Length: 5\r\n\r\n"),
            "POST /p 400"}),
    [](const auto& row) { return row.param.name; });

TEST(RequestReader, LimitsHoldBeforeTheBytesAreKept) {
  const HttpLimits small{.request_line = 50, .header_bytes = 100, .header_lines = 3, .body = 4};
  const auto status = [&](const std::string& bytes) {
    const std::string whole = read(bytes, bytes.size(), small);
    EXPECT_EQ(read(bytes, 1, small), whole);
    return whole;
  };
  const std::string start = "GET /a HTTP/1.1\r\nHost: x\r\n";
  EXPECT_EQ(status(start + "A: b\r\nC: d\r\n\r\n"), "GET /a [] ");
  EXPECT_EQ(status(start + "A: b\r\nC: d\r\nE: f\r\n\r\n"), "431");
  EXPECT_EQ(status(start + "A: " + std::string(200, 'b')), "431");
  EXPECT_EQ(status("GET /" + std::string(60, 'a')), "414");
  EXPECT_EQ(status(post("Content-Length: 4\r\n", "abcd")), "POST /p [abcd] ");
  EXPECT_EQ(status(post("Content-Length: 5\r\n", "abcde")), "POST /p 413");
  EXPECT_EQ(status(post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")),
            "POST /p 413");
}

TEST(HttpTarget, IsDecodedOnce) {
  const auto target = parse_target("/nodes/a%20b/%C3%BC?x=1%2B1+2&empty&=&p=50%25&x=2");
  ASSERT_TRUE(target) << target.error().message;
  EXPECT_EQ(target->path, "/nodes/a b/\u00fc");
  using Field = std::pair<std::string, std::string>;
  EXPECT_EQ(target->query, (std::vector<Field>{
                               {"x", "1+1 2"}, {"empty", ""}, {"", ""}, {"p", "50%"}, {"x", "2"}}));
  EXPECT_EQ(parse_target("/?sep=%09")->query, (std::vector<Field>{{"sep", "\t"}}));
  EXPECT_EQ(percent_encode("a b/\u00fc%~"), "a%20b%2F%C3%BC%25~");
}

TEST(HttpTarget, RefusesWhatCouldMeanTwoThings) {
  for (const char* target :
       {"",       "a",       "*",       "/%2541",    "/%",   "/%4",   "/%zz",    "/a%00b",
        "/a%0db", "/..",     "/a/../b", "/%2e%2e/b", "/.",   "/%ff",  "/%C0%AF", "/%ED%A0%80",
        "/?a=%",  "/?a=%00", "/?%0a",   "/?%09=a",   "/%09", "/?a=\t"}) {
    EXPECT_FALSE(parse_target(target)) << target;
  }
  std::string many = "/?";
  for (int k = 0; k < 101; ++k) many += "a&";
  EXPECT_FALSE(parse_target(many));
  EXPECT_TRUE(parse_target("/...")) << "dots alone are no step up";
}

}  // namespace
}  // namespace drover::net
