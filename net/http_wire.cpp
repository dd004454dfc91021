// net/http_wire.cpp - writes response heads; every byte here is chosen by the server, never by the
// peer.
// SPDX-License-Identifier: Apache-2.0
#include "net/http_wire.hpp"

#include <time.h>

#include <algorithm>

namespace drover::net {

namespace {

void append_value(std::string& out, std::string_view value) {
  for (const char c : value) out.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
}

// "Date: ..." as RFC 9110 writes it, made once a second.
std::string_view date_header() {
  thread_local time_t made = 0;
  thread_local char text[64] = "";
  thread_local std::size_t length = 0;
  const time_t now = ::time(nullptr);
  if (now != made) {
    made = now;
    tm parts{};
    ::gmtime_r(&now, &parts);
    length = ::strftime(text, sizeof text, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
  }
  return {text, length};
}

// Fixed texts of this folder need no escaping beyond this.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
  }
  return out + "\"";
}

Errc code_of(int status) {
  switch (status) {
    case 413:
    case 414:
    case 431: return Errc::Limit;
    case 408:
    case 503: return Errc::Unavailable;
    case 505: return Errc::Unsupported;
    case 500: return Errc::Io;
    default: return Errc::BadInput;
  }
}

}  // namespace

std::string_view reason_phrase(int status) {
  struct Row {
    int status;
    std::string_view phrase;
  };
  static constexpr Row kRows[] = {
      {100, "Continue"},
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {206, "Partial Content"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {304, "Not Modified"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {410, "Gone"},
      {411, "Length Required"},
      {412, "Precondition Failed"},
      {413, "Content Too Large"},
      {414, "URI Too Long"},
      {415, "Unsupported Media Type"},
      {416, "Range Not Satisfiable"},
      {417, "Expectation Failed"},
      {421, "Misdirected Request"},
      {422, "Unprocessable Content"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
      {507, "Insufficient Storage"},
  };
  for (const Row& row : kRows) {
    if (row.status == status) return row.phrase;
  }
  return "Status";
}

bool may_have_body(int status) { return status >= 200 && status != 204 && status != 304; }

void append_head(std::string& out, const HeadShape& shape,
                 const std::vector<std::pair<std::string, std::string>>& headers) {
  out += "HTTP/1.1 ";
  out += std::to_string(shape.status);
  out += ' ';
  out += reason_phrase(shape.status);
  out += "\r\n";
  out += date_header();
  if (!shape.content_type.empty() && may_have_body(shape.status)) {
    out += "Content-Type: ";
    append_value(out, shape.content_type);
    out += "\r\n";
  }
  if (shape.content_length && may_have_body(shape.status)) {
    out += "Content-Length: " + std::to_string(*shape.content_length) + "\r\n";
  }
  if (shape.chunked) out += "Transfer-Encoding: chunked\r\n";
  if (!shape.keep_alive) {
    out += "Connection: close\r\n";
  } else if (!shape.http11) {
    out += "Connection: keep-alive\r\n";
  }
  for (const auto& [name, value] : headers) {
    append_value(out, name);
    out += ": ";
    append_value(out, value);
    out += "\r\n";
  }
  out += "\r\n";
}

std::string chunk_prefix(std::size_t size) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  do {
    out.push_back(kHex[size & 15u]);
    size >>= 4;
  } while (size > 0);
  std::reverse(out.begin(), out.end());
  return out + "\r\n";
}

HttpResponse fault_response(const HttpFault& fault) {
  const std::string code(to_string(code_of(fault.status)));
  const bool retryable = fault.status == 408 || fault.status == 503;
  HttpResponse out;
  out.status = fault.status;
  out.content_type = "application/problem+json";
  out.body = "{\"v\":1,\"type\":\"urn:drover:error:" + code +
             "\",\"title\":" + quoted(reason_phrase(fault.status)) +
             ",\"status\":" + std::to_string(fault.status) + ",\"detail\":" + quoted(fault.detail) +
             ",\"error\":{\"code\":\"" + code + "\",\"message\":" + quoted(fault.detail) +
             ",\"hint\":" + quoted(fault.hint) +
             ",\"retryable\":" + (retryable ? "true" : "false") + "}}\n";
  if (fault.status == 503) out.headers.emplace_back("Retry-After", "1");
  return out;
}

}  // namespace drover::net
