// net/http_client.hpp - a blocking HTTP/1.1 client for the command line: unix socket or loopback
// TCP with a token.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace drover::net {

struct ClientTarget {
  std::string unix_path{};  // used when not empty
  std::string host{};       // else host and port
  std::uint16_t port = 0;
  std::string token{};             // sent as Authorization: Bearer
  Duration timeout = seconds(30);  // for connect and for each wait for data
};

struct ClientResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers{};  // names in lower case
  std::string body{};                                          // empty when on_data took it
};

class HttpClient {
 public:
  explicit HttpClient(ClientTarget target);
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;

  struct Call {
    std::string method = "GET";
    std::string target{};  // path and query, already encoded
    std::string content_type = "application/json";
    std::string body{};
    std::vector<std::pair<std::string, std::string>> headers{};
    Duration timeout{};  // instead of the target's, when set
    // Chunks as they come, for streams of 2xx answers; answering false ends the call. No overall
    // time limit then. A signal during such a wait calls it with an empty piece, so that it may
    // end the call.
    std::function<bool(std::string_view)> on_data{};
    // Produces the request body piece by piece (chunked); an empty piece ends it. Used when set.
    std::function<std::string()> body_source{};
  };
  // Keeps the connection for the next call. Unavailable when nobody listens, Io on a broken
  // exchange.
  Result<ClientResponse> call(const Call& call);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace drover::net
