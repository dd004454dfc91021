// net/http_response_reader.hpp - turns bytes into one response without doing IO; the client's side
// of the parser.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "net/http_client.hpp"

namespace drover::net {

class ResponseReader {
 public:
  // `on_body` gets each piece of the body; false stops reading. `head_only` = the answer to HEAD.
  ResponseReader(bool head_only, std::function<bool(std::string_view)> on_body);
  ~ResponseReader();
  // Io when the bytes are no HTTP response. Bytes after its end forbid reuse of the connection.
  Result<void> feed(std::string_view bytes);
  Result<void> end_of_input();  // Io when the response is cut off
  bool is_started() const { return started_; }
  bool has_head() const { return has_head_; }
  bool is_done() const { return done_; }
  bool is_stopped() const { return stopped_; }
  bool can_reuse() const { return done_ && keep_alive_ && held_.empty(); }
  ClientResponse& response() { return response_; }

 private:
  struct Parser;
  Result<void> feed_parser(std::string_view& bytes);
  void restart();

  bool head_only_;
  std::function<bool(std::string_view)> on_body_;
  std::unique_ptr<Parser> parser_;
  ClientResponse response_;
  std::string held_;
  bool started_ = false, has_head_ = false, done_ = false, stopped_ = false, keep_alive_ = false;
};

}  // namespace drover::net
