// server/problem.cpp - status codes and the JSON of an error.
// SPDX-License-Identifier: Apache-2.0
#include "server/problem.hpp"

#include "server/json_writer.hpp"

namespace drover::server {
namespace {

std::string_view title(Errc code) {
  switch (code) {
    case Errc::BadInput: return "The request is not right";
    case Errc::NotFound: return "No such thing";
    case Errc::Denied: return "Not allowed";
    case Errc::Conflict: return "Not possible in this state";
    case Errc::Limit: return "A limit refuses it";
    case Errc::Unsupported: return "Not supported";
    case Errc::Unavailable: return "Not available now";
    case Errc::Corrupt: return "A stored record is damaged";
    case Errc::Io: return "The operating system refused";
  }
  return "Error";
}

}  // namespace

int http_status(Errc code) {
  switch (code) {
    case Errc::BadInput:
    case Errc::Unsupported: return 400;
    case Errc::NotFound: return 404;
    case Errc::Denied: return 403;
    case Errc::Conflict: return 409;
    case Errc::Limit: return 422;
    case Errc::Unavailable: return 503;
    case Errc::Corrupt:
    case Errc::Io: return 500;
  }
  return 500;
}

bool is_retryable(Errc code) { return code == Errc::Unavailable; }

void append_error(std::string& json, const Error& error, std::string_view request_id) {
  JsonWriter out(json);
  out.begin_object();
  out.field("code", to_string(error.code));
  out.field("message", error.message);
  out.field("hint", error.hint);
  out.field("field", error.field);
  out.field("request_id", request_id);
  out.field("retryable", is_retryable(error.code));
  out.end_object();
}

net::HttpResponse problem(const Error& error, std::string_view request_id, int status) {
  net::HttpResponse response;
  response.status = status != 0 ? status : http_status(error.code);
  response.content_type = "application/problem+json";
  JsonWriter out(response.body);
  out.begin_object();
  out.field("type", "urn:drover:error:" + std::string(to_string(error.code)));
  out.field("title", title(error.code));
  out.field("status", response.status);
  out.field("detail", error.message);
  out.key("error");
  append_error(out.raw(), error, request_id);
  out.end_object();
  if (response.status == 503) response.headers.emplace_back("Retry-After", "1");
  if (response.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace drover::server
