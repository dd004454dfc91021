// server/front_ends.cpp - the headers of CORS.
// SPDX-License-Identifier: Apache-2.0
#include "server/front_ends.hpp"

#include <algorithm>

namespace drover::server {
namespace {

constexpr std::size_t kNamesMax = 1'024;
constexpr const char* kUsualHeaders = "Content-Type, Token-User, Token-Code, Token-Alive, webLogin";

// Names of headers, as a browser lists them: nothing else goes back into an answer.
bool are_names(std::string_view text) {
  return !text.empty() && text.size() <= kNamesMax && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == ',' || c == ' ';
  });
}

}  // namespace

Headers front_end_headers(std::string_view origin) {
  return {{"Access-Control-Allow-Origin", std::string(origin)},
          {"Access-Control-Allow-Credentials", "true"},
          {"Access-Control-Expose-Headers", "Content-Disposition"},
          {"Vary", "Origin"}};
}

bool is_preflight(const net::HttpRequest& request) {
  return request.method == "OPTIONS" && !request.header("access-control-request-method").empty();
}

net::HttpResponse preflight_answer(const net::HttpRequest& request) {
  const std::string_view asked = request.header("access-control-request-headers");
  net::HttpResponse response;
  response.headers = {
      {"Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, HEAD, DELETE"},
      {"Access-Control-Allow-Headers", are_names(asked) ? std::string(asked) : kUsualHeaders},
      {"Access-Control-Max-Age", "600"}};
  return response;
}

}  // namespace drover::server
