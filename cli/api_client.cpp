// cli/api_client.cpp - what a broken, refused or strange answer means to the caller.
// SPDX-License-Identifier: Apache-2.0
#include "cli/api_client.hpp"

#include <sys/random.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "cli/terminal.hpp"
#include "cli/waiting.hpp"

namespace drover::cli {
namespace {

constexpr int kSubmitTries = 6;

class HttpTransport : public Transport {
 public:
  explicit HttpTransport(net::ClientTarget target) : client_(std::move(target)) {}
  Result<net::ClientResponse> call(const net::HttpClient::Call& call) override {
    return client_.call(call);
  }

 private:
  net::HttpClient client_;
};

Errc code_of_status(int status) {
  switch (status) {
    case 400: return Errc::BadInput;
    case 401:
    case 403: return Errc::Denied;
    case 404: return Errc::NotFound;
    case 409: return Errc::Conflict;
    case 413:
    case 422:
    case 429:
    case 431: return Errc::Limit;
    case 503: return Errc::Unavailable;
    default: return status >= 500 ? Errc::Io : Errc::BadInput;
  }
}

Errc code_of_word(const std::string& word, int status) {
  constexpr auto kCodes = std::to_array<Errc>({Errc::BadInput, Errc::NotFound, Errc::Denied,
                                               Errc::Conflict, Errc::Limit, Errc::Unsupported,
                                               Errc::Unavailable, Errc::Corrupt, Errc::Io});
  for (const Errc code : kCodes)
    if (to_string(code) == word) return code;
  return code_of_status(status);
}

void pause_ms(long ms) {
  timespec rest{ms / 1000, (ms % 1000) * 1'000'000};
  ::nanosleep(&rest, nullptr);
}

}  // namespace

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kPlain = "-._~,:*@!$'()";
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    const bool plain = (u >= '0' && u <= '9') || (u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z') ||
                       kPlain.find(c) != std::string_view::npos;
    if (plain) {
      out += c;
    } else {
      out += '%';
      out += kHex[u >> 4];
      out += kHex[u & 15];
    }
  }
  return out;
}

std::string with_query(std::string path, const Query& query) {
  char separator = path.find('?') == std::string::npos ? '?' : '&';
  for (const auto& [name, value] : query) {
    if (value.empty()) continue;
    path += separator + name + '=' + percent_encode(value);
    separator = '&';
  }
  return path;
}

std::string random_key() {
  std::array<unsigned char, 16> bytes{};
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t n = ::getrandom(bytes.data() + have, bytes.size() - have, 0);
    if (n > 0) have += std::size_t(n);
  }
  constexpr char kHex[] = "0123456789abcdef";
  std::string key;
  for (const unsigned char byte : bytes) {
    key += kHex[byte >> 4];
    key += kHex[byte & 15];
  }
  return key;
}

std::unique_ptr<Transport> make_http_transport(net::ClientTarget target) {
  return std::make_unique<HttpTransport>(std::move(target));
}

ApiClient::ApiClient(std::unique_ptr<Transport> transport, std::string shown, bool trace)
    : transport_(std::move(transport)), shown_(std::move(shown)), trace_(trace) {}

Error error_from_json(const Json& error, int status) {
  Error out;
  out.code = code_of_word(text_of(error, "code"), status);
  out.message = text_of(error, "message");
  out.hint = text_of(error, "hint");
  out.field = text_of(error, "field");
  if (out.message.empty())
    out.message = "the server answered with status " + std::to_string(status);
  return out;
}

Error ApiClient::explain(const net::ClientResponse& response) {
  const Result<Json> body = parse_json(response.body, "the answer");
  const Json none;
  const Json& error = body ? member(*body, "error") : none;
  details_.request_id = text_of(error, "request_id");
  const Json& retryable = member(error, "retryable");
  details_.retryable = retryable.is_boolean() && retryable.get<bool>();
  Error out = error_from_json(error, response.status);
  if (body && error.is_null() && !text_of(*body, "detail").empty())
    out.message = text_of(*body, "detail");
  return out;
}

Result<net::ClientResponse> ApiClient::call(const net::HttpClient::Call& asked) {
  net::HttpClient::Call shortened;
  if (deadline_us_ != INT64_MAX) {
    const std::int64_t left_us = deadline_us_ - monotonic_us();
    if (left_us <= 0) return fail(Errc::Unavailable, "the time is up");
    shortened = asked;
    shortened.timeout = std::min(Duration{left_us}, seconds(30));
  }
  const net::HttpClient::Call& call = deadline_us_ != INT64_MAX ? shortened : asked;
  if (trace_) std::fprintf(stderr, "> %s %s\n", call.method.c_str(), call.target.c_str());
  Result<net::ClientResponse> response = transport_->call(call);
  if (!response) {
    if (trace_) std::fprintf(stderr, "< %s\n", clean_line(response.error().message).c_str());
    Error error = response.error();
    if (error.code == Errc::Unavailable) {
      const bool named = error.message.find(shown_) != std::string::npos;
      error.message =
          "cannot reach droverd" + (named ? "" : " at " + shown_) + ": " + error.message;
      const bool nobody = error.message.find("nobody listens") != std::string::npos;
      if (nobody || error.hint.empty())
        error.hint = "start it: drover up --detach (or name another with --server)";
    }
    if (error.code == Errc::Denied && error.hint.empty())
      error.hint =
          "this Drover is another user's: ask its operator, or start your own with drover up";
    details_.retryable = error.code != Errc::Denied;
    return fail(std::move(error));
  }
  if (trace_) std::fprintf(stderr, "< %d, %zu bytes\n", response->status, response->body.size());
  if (response->status >= 400) return fail(explain(*response));
  return response;
}

Result<Json> ApiClient::json_of(const Result<net::ClientResponse>& response) {
  if (!response) return fail(response.error());
  if (response->body.empty()) return Json::object();
  return parse_json(response->body, "the answer of " + shown_);
}

Result<Json> ApiClient::read(const std::string& target) {
  net::HttpClient::Call request;
  request.target = target;
  return json_of(call(request));
}

Result<Json> ApiClient::post(const std::string& target, const Json& body) {
  net::HttpClient::Call request;
  request.method = "POST";
  request.target = target;
  request.body = to_text(body);
  return json_of(call(request));
}

Result<Json> ApiClient::submit(const std::string& target, const Json& spec) {
  net::HttpClient::Call request;
  request.method = "POST";
  request.target = target;
  request.body = to_text(spec);
  request.headers.emplace_back("Idempotency-Key", random_key());
  bool broke = false;
  for (int attempt = 1;; ++attempt) {
    Result<net::ClientResponse> response = call(request);
    if (response) return json_of(response);
    // Nobody there at first: say so at once. Cut off in the middle: the daemon may be starting
    // again.
    const bool is_cut = response.error().code == Errc::Io && details_.request_id.empty();
    broke = broke || is_cut;
    const bool again = is_cut || (broke && response.error().code == Errc::Unavailable);
    if (!again || attempt == kSubmitTries) return fail(response.error());
    pause_ms(100L << attempt);
  }
}

}  // namespace drover::cli
