// cli/api_client.hpp - calls to /api/v1: JSON both ways, errors as Error, one safe retry.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "cli/exit_code.hpp"
#include "cli/json.hpp"
#include "net/http_client.hpp"

namespace drover::cli {

using Query = std::vector<std::pair<std::string, std::string>>;
std::string percent_encode(std::string_view text);
std::string with_query(std::string path, const Query& query);  // empty values are left out

// 128 random bits as 32 hex digits, for Idempotency-Key.
std::string random_key();

// The transport below the API: real sockets in production, canned answers in tests.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual Result<net::ClientResponse> call(const net::HttpClient::Call& call) = 0;
};
std::unique_ptr<Transport> make_http_transport(net::ClientTarget target);

class ApiClient {
 public:
  // `shown` is the server's address for messages. `trace` prints each call on stderr (-vv).
  ApiClient(std::unique_ptr<Transport> transport, std::string shown, bool trace);

  // No call waits past this moment (monotonic_us()); one that would begin later is Unavailable.
  void set_deadline(std::int64_t deadline_us) { deadline_us_ = deadline_us; }

  Result<Json> read(const std::string& target);
  Result<Json> post(const std::string& target, const Json& body);
  // Sends an Idempotency-Key and repeats the call when the exchange broke: it stays one submission.
  Result<Json> submit(const std::string& target, const Json& spec);
  // The raw exchange; an answer of 4xx or 5xx is an Error.
  Result<net::ClientResponse> call(const net::HttpClient::Call& call);

  const ErrorDetails& last_details() const { return details_; }

 private:
  Error explain(const net::ClientResponse& response);
  Result<Json> json_of(const Result<net::ClientResponse>& response);

  std::unique_ptr<Transport> transport_;
  std::string shown_;
  bool trace_ = false;
  std::int64_t deadline_us_ = INT64_MAX;
  ErrorDetails details_;
};

// Turns {"code","message","hint","field"} (or what a status alone says) into an Error.
Error error_from_json(const Json& error, int status);

}  // namespace drover::cli
