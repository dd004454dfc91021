// net/http_reader.cpp - RequestReader on Boost.Beast's parser; heads are framed and checked before
// Beast sees them.
// SPDX-License-Identifier: Apache-2.0
#include "net/http_reader.hpp"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <limits>
#include <utility>

#include "net/http_target.hpp"

namespace drover::net {

namespace http = boost::beast::http;
using BeastView = boost::beast::string_view;
using BeastError = boost::beast::error_code;

namespace {

constexpr std::size_t kChunkHeaderMax = 8 << 10;  // also bounds trailers
constexpr std::size_t kExtensionBytes = 256;      // of all chunks of a body together
constexpr std::size_t kHeldPiece = 4 << 10;       // copied at a time while a held element completes

std::string lower(BeastView text) {
  std::string out(text.data(), text.size());
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool is_length(std::string_view text) {
  return !text.empty() && text.size() <= 18 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::size_t count_of(const HttpRequest& request, std::string_view name) {
  const auto& all = request.headers;
  return static_cast<std::size_t>(
      std::count_if(all.begin(), all.end(), [&](const auto& h) { return h.first == name; }));
}

}  // namespace

struct RequestReader::Parser final : http::basic_parser<true> {
  explicit Parser(HttpRequest& into) : request(into) {
    this->header_limit(1u << 30);  // scan_head is stricter
    // Not none: Beast 1.74 takes any announced length for more than none.
    this->body_limit(std::numeric_limits<std::uint64_t>::max());
  }

  HttpRequest& request;
  std::string target;
  std::string_view piece;
  std::uint64_t body_left = 0, extension_bytes = 0;
  bool limited = false, too_long = false, flooded = false, in_trailer = false, http11 = true;

  void on_request_impl(http::verb, BeastView method, BeastView target_text, int version,
                       BeastError&) override {
    request.method.assign(method.data(), method.size());
    target.assign(target_text.data(), target_text.size());
    http11 = version == 11;
  }
  void on_response_impl(int, BeastView, int, BeastError&) override {}
  void on_field_impl(http::field, BeastView name, BeastView value, BeastError&) override {
    if (in_trailer) return;  // nothing in Drover is said in a trailer
    request.headers.emplace_back(lower(name), std::string(value.data(), value.size()));
  }
  void on_header_impl(BeastError&) override { in_trailer = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, BeastError&) override {}
  std::size_t on_body_impl(BeastView body, BeastError&) override {
    piece = {body.data(), body.size()};
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t size, BeastView extensions, BeastError& ec) override {
    extension_bytes += extensions.size();
    flooded = extension_bytes > kExtensionBytes;
    too_long = limited && size > body_left;
    if (flooded || too_long) ec = http::make_error_code(http::error::body_limit);
    if (limited && !too_long) body_left -= size;
  }
  std::size_t on_chunk_body_impl(std::uint64_t, BeastView body, BeastError&) override {
    piece = {body.data(), body.size()};
    return body.size();
  }
  void on_finish_impl(BeastError&) override {}
};

RequestReader::RequestReader(const HttpLimits& limits) : limits_(limits) {}
RequestReader::~RequestReader() = default;

std::string_view RequestReader::body() const { return parser_ ? parser_->piece : ""; }

std::uint64_t RequestReader::announced_length() const {
  return parser_ ? parser_->content_length().value_or(0) : 0;
}

ReadStep RequestReader::refuse(int status, std::string detail, std::string hint) {
  phase_ = Phase::Broken;
  fault_ = {status, std::move(detail), std::move(hint)};
  held_ = {};
  return ReadStep::Fault;
}

ReadStep RequestReader::next(std::string_view& input) {
  try {
    if (phase_ == Phase::Broken) return ReadStep::Fault;
    return phase_ == Phase::Head ? read_head(input) : read_body(input);
  } catch (const std::exception&) {  // Beast's, if any
    return refuse(400, "the request cannot be parsed");
  }
}

RequestReader::Scan RequestReader::scan_head(std::string_view head) {
  for (;;) {
    const std::size_t end = head.find('\n', scanned_);
    const bool first = lines_ == 0;
    const std::size_t seen = end == std::string_view::npos ? head.size() : end;
    if (first && seen - line_start_ > limits_.request_line) {
      refuse(414, "the request line is longer than allowed", "put long lists into the body");
      return Scan::Refused;
    }
    if (!first && seen - first_line_end_ > limits_.header_bytes) {
      refuse(431, "the request headers are larger than allowed", "send fewer or shorter headers");
      return Scan::Refused;
    }
    if (end == std::string_view::npos) {
      scanned_ = head.size();
      return Scan::More;
    }
    if (end == 0 || head[end - 1] != '\r') {
      refuse(400, "a header line ends with a bare LF", "lines end with CR LF");
      return Scan::Refused;
    }
    const std::string_view line = head.substr(line_start_, end - 1 - line_start_);
    scanned_ = line_start_ = end + 1;
    if (line.empty() && first && skipped_ == 0) {  // RFC 9112 2.2: one empty line before a request
      skipped_ = scanned_;
      continue;
    }
    if (line.empty() && !first) return Scan::Complete;
    if (line.empty() || line.front() == ' ' || line.front() == '\t') {
      refuse(400, "a header line is folded or empty", "write each header on one line");
      return Scan::Refused;
    }
    if (line.find('\0') != std::string_view::npos) {
      refuse(400, "a header line has a NUL");
      return Scan::Refused;
    }
    if (first) first_line_end_ = scanned_;
    if (++lines_ > limits_.header_lines + 1) {
      refuse(431, "the request has more header lines than allowed");
      return Scan::Refused;
    }
  }
}

ReadStep RequestReader::read_head(std::string_view& input) {
  if (held_.empty() && !input.empty()) {
    switch (scan_head(input)) {
      case Scan::Refused: return ReadStep::Fault;
      case Scan::Complete: {
        const std::string_view block = input.substr(skipped_, scanned_ - skipped_);
        input.remove_prefix(scanned_);
        return take_head(block);
      }
      case Scan::More:
        held_.assign(input);
        input = {};
        return ReadStep::NeedMore;
    }
  }
  while (!input.empty()) {
    const std::size_t before = held_.size();
    held_.append(input.substr(0, kHeldPiece));
    switch (scan_head(held_)) {
      case Scan::Refused: return ReadStep::Fault;
      case Scan::Complete: {
        input.remove_prefix(scanned_ - before);
        const std::string head = std::exchange(held_, {});
        return take_head(std::string_view(head).substr(skipped_, scanned_ - skipped_));
      }
      case Scan::More: input.remove_prefix(held_.size() - before); break;
    }
  }
  return ReadStep::NeedMore;
}

// What Beast lets pass but could be framed differently by somebody else.
bool RequestReader::check_framing() {
  const std::size_t lengths = count_of(request_, "content-length");
  const std::size_t encodings = count_of(request_, "transfer-encoding");
  if (lengths + encodings > 1) {
    refuse(400, "the request announces the length of its body twice");
    return false;
  }
  if (lengths == 1 && !is_length(request_.header("content-length"))) {
    refuse(400, "Content-Length is not a number");
    return false;
  }
  if (encodings == 1 &&
      (!http11_ || lower(BeastView(request_.header("transfer-encoding").data(),
                                   request_.header("transfer-encoding").size())) != "chunked")) {
    refuse(400, "this Transfer-Encoding is not known", "send the body plain or chunked");
    return false;
  }
  const std::size_t hosts = count_of(request_, "host");
  if (hosts > 1 || (hosts == 0 && http11_)) {
    refuse(400, "the request needs exactly one Host header");
    return false;
  }
  const std::string_view expect = request_.header("expect");
  expects_continue_ = http11_ && lower(BeastView(expect.data(), expect.size())) == "100-continue";
  if (!expect.empty() && !expects_continue_) {
    refuse(417, "this expectation is not known", "only 100-continue is");
    return false;
  }
  return true;
}

ReadStep RequestReader::take_head(std::string_view block) {
  request_ = {};
  parser_ = std::make_unique<Parser>(request_);
  scanned_ = line_start_ = lines_ = first_line_end_ = skipped_ = 0;
  BeastError ec;
  const std::size_t used = parser_->put(boost::asio::const_buffer(block.data(), block.size()), ec);
  if (ec == http::error::bad_version) {
    return refuse(505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
  }
  if (ec || used != block.size() || !parser_->is_header_done()) {
    return refuse(400, "the request head is malformed");
  }
  http11_ = parser_->http11;
  if (!check_framing()) return ReadStep::Fault;
  auto target = parse_target(parser_->target);
  if (!target) return refuse(400, target.error().message, target.error().hint);
  request_.path = std::move(target->path);
  request_.query = std::move(target->query);
  keep_alive_ = parser_->keep_alive();
  has_body_ = !parser_->is_done();
  phase_ = Phase::Body;
  return ReadStep::Head;
}

void RequestReader::limit_body(std::uint64_t bytes) {
  if (phase_ != Phase::Body) return;
  parser_->limited = true;
  parser_->body_left = bytes;
  if (announced_length() > bytes) refuse(413, "the request body is larger than allowed");
}

RequestReader::Put RequestReader::put_body(std::string_view bytes, std::size_t& used) {
  BeastError ec;
  parser_->piece = {};
  used = parser_->put(boost::asio::const_buffer(bytes.data(), bytes.size()), ec);
  if (parser_->too_long) {
    refuse(413, "the request body is larger than allowed");
    return Put::Refused;
  }
  if (parser_->flooded) {
    refuse(400, "the chunks carry too many extensions");
    return Put::Refused;
  }
  if (ec == http::error::need_more) return used > 0 ? Put::Progress : Put::Starved;
  if (ec || used == 0) {
    refuse(400, "the request body is not framed well");
    return Put::Refused;
  }
  return parser_->piece.empty() ? Put::Progress : Put::Piece;
}

ReadStep RequestReader::read_body(std::string_view& input) {
  held_.erase(0, std::exchange(drop_, 0));
  for (;;) {
    if (parser_->is_done()) {
      phase_ = Phase::Head;
      return ReadStep::End;
    }
    const bool from_held = !held_.empty();
    if (!from_held && input.empty()) return ReadStep::NeedMore;
    std::size_t used = 0;
    const Put put = put_body(from_held ? std::string_view(held_) : input, used);
    if (put == Put::Refused) return ReadStep::Fault;
    if (put == Put::Piece && from_held) {
      drop_ = used;  // the piece lies in held_ until the next call
      return ReadStep::Body;
    }
    if (from_held) {
      held_.erase(0, used);
    } else {
      input.remove_prefix(used);
    }
    if (put == Put::Piece) return ReadStep::Body;
    if (put == Put::Progress) continue;
    // An incomplete chunk header or trailer. All of the input belongs to it; what comes later is
    // added byte by byte, so that nothing of the next request is ever held here.
    if (input.empty()) return ReadStep::NeedMore;
    const std::size_t take = from_held ? 1 : input.size();
    if (held_.size() + take > kChunkHeaderMax) return refuse(400, "a chunk header is too long");
    held_.append(input.substr(0, take));
    input.remove_prefix(take);
    if (!from_held) return ReadStep::NeedMore;
  }
}

}  // namespace drover::net
