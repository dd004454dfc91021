// server/linkis_answer.cpp - envelopes on their way out, bodies on their way in.
// SPDX-License-Identifier: Apache-2.0
#include "server/linkis_answer.hpp"

namespace drover::server {

net::HttpResponse linkis_response(std::string_view method, linkis::Status status,
                                  std::string_view message, const linkis::Json& data) {
  net::HttpResponse response;
  response.status = linkis::http_code(status);
  response.body = linkis::envelope(method, status, message, data);
  return response;
}

net::HttpResponse linkis_problem(std::string_view method, const Error& error, int code) {
  net::HttpResponse response;
  response.status = linkis::http_code(linkis::status_of(error.code));
  response.body = linkis::error_envelope(method, error, code);
  return response;
}

net::HttpResponse linkis_not_logged_in(std::string_view method, std::string_view message) {
  return linkis_response(method, linkis::Status::NotLoggedIn, message, {});
}

void answer_linkis(const Exchange& exchange, const linkis::Json& data, std::string_view message) {
  exchange.answer->send(linkis_response(exchange.linkis, linkis::Status::Ok, message, data));
}

void refuse_with(const Exchange& exchange, const Error& error, int code) {
  exchange.answer->send(linkis_problem(exchange.linkis, error, code));
}

Result<linkis::Json> linkis_body(const Exchange& exchange) {
  if (exchange.request.body.empty()) return linkis::Json::object();
  return linkis::parse_object(exchange.request.body);
}

Error no_such_task(std::string_view name) {
  return {Errc::NotFound, "there is no task " + std::string(name.substr(0, 120)) + " of yours",
          "jobhistory/list lists them", "id"};
}

}  // namespace drover::server
