// server/exchange.cpp - the usual ways to answer.
// SPDX-License-Identifier: Apache-2.0
#include "server/exchange.hpp"

#include "base/units.hpp"
#include "server/linkis_answer.hpp"
#include "server/problem.hpp"

namespace drover::server {

Error no_such_job(JobId id, const Caller& caller) {
  const std::string number = std::to_string(raw(id));
  return {Errc::NotFound,
          caller.is_operator ? "no job has the id " + number : "you have no job " + number,
          caller.is_operator ? "drover ls" : "drover ls shows yours", ""};
}

Error no_such_workflow(JobId id, const Caller& caller) {
  const std::string number = std::to_string(raw(id));
  return {Errc::NotFound,
          caller.is_operator ? "there is no workflow " + number : "you have no workflow " + number,
          caller.is_operator ? "drover dag ls" : "drover dag ls shows yours", ""};
}

void Exchange::json(std::string body, int status) const {
  net::HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  answer->send(std::move(response));
}

void Exchange::text(std::string body, std::string content_type) const {
  net::HttpResponse response;
  response.content_type = std::move(content_type);
  response.body = std::move(body);
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  answer->send(std::move(response));
}

void Exchange::refuse(const Error& error) const {
  answer->send(linkis.empty() ? problem(error, request_id) : linkis_problem(linkis, error));
}

Result<std::int64_t> Exchange::number(std::string_view query, std::int64_t low, std::int64_t high,
                                      std::int64_t fallback) const {
  const std::string_view text = request.query_value(query);
  if (text.empty()) return fallback;
  return parse_integer(text, low, high, query);
}

Result<bool> Exchange::flag(std::string_view query) const {
  const std::string_view text = request.query_value(query);
  if (text == "1" || text == "true") return true;
  if (text.empty() || text == "0" || text == "false") return false;
  return fail(Errc::BadInput, std::string(query) + " must be 1 or 0", {}, std::string(query));
}

}  // namespace drover::server
