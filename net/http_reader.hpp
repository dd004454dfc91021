// net/http_reader.hpp - turns bytes into requests without doing IO: framing, limits and refusals of
// HTTP/1.1.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "net/http_server.hpp"

namespace drover::net {

struct HttpFault {  // why the bytes are not a request; the connection cannot go on after it
  int status = 400;
  std::string detail, hint;
};

enum class ReadStep {
  NeedMore,  // all input is consumed
  Head,      // request() is filled, its body follows; call limit_body() now
  Body,      // body() is the next piece, valid until the next call
  End,       // the request is complete
  Fault,     // fault() says why; stays
};

// One step per call, so that the caller may stop at any point and go on later. Refused before any
// meaning is given to the bytes: two lengths or a length with chunks, a bare LF, folded lines, NUL.
class RequestReader {
 public:
  explicit RequestReader(const HttpLimits& limits);
  ~RequestReader();
  // Consumes from the front of `input`.
  ReadStep next(std::string_view& input);
  HttpRequest& request() { return request_; }
  std::string_view body() const;
  const HttpFault& fault() const { return fault_; }
  // A longer body becomes fault 413, at once when its length is announced.
  void limit_body(std::uint64_t bytes);
  bool has_fault() const { return phase_ == Phase::Broken; }
  bool in_body() const { return phase_ == Phase::Body; }
  bool in_head() const { return phase_ == Phase::Head && !held_.empty(); }
  // Of the request whose head was read last:
  bool keep_alive() const { return keep_alive_; }
  bool is_http11() const { return http11_; }
  bool has_body() const { return has_body_; }
  std::uint64_t announced_length() const;  // 0 when chunked
  bool expects_continue() const { return expects_continue_; }

 private:
  enum class Phase { Head, Body, Broken };
  struct Parser;
  ReadStep read_head(std::string_view& input);
  ReadStep read_body(std::string_view& input);
  ReadStep take_head(std::string_view block);
  enum class Put { Piece, Progress, Starved, Refused };
  Put put_body(std::string_view bytes, std::size_t& used);
  ReadStep refuse(int status, std::string detail, std::string hint = {});
  bool check_framing();

  enum class Scan { More, Complete, Refused };
  Scan scan_head(std::string_view head);

  HttpLimits limits_;
  Phase phase_ = Phase::Head;
  std::unique_ptr<Parser> parser_;
  HttpRequest request_;
  HttpFault fault_;
  std::string held_;      // an incomplete head, or an incomplete chunk header
  std::size_t drop_ = 0;  // bytes at the front of held_ that are consumed with the next step
  std::size_t scanned_ = 0, line_start_ = 0, lines_ = 0, first_line_end_ = 0, skipped_ = 0;
  bool keep_alive_ = true, http11_ = true, has_body_ = false, expects_continue_ = false;
};

}  // namespace drover::net
