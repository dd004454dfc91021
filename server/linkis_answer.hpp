// server/linkis_answer.hpp - answers of Linkis routes: an envelope, and its HTTP code.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "linkis/envelope.hpp"
#include "server/exchange.hpp"
#include "server/front_ends.hpp"

namespace drover::server {

// Whether a path belongs to the contract.
inline bool is_linkis(std::string_view path) { return path.starts_with(linkis::kBase); }

net::HttpResponse linkis_response(std::string_view method, linkis::Status status,
                                  std::string_view message, const linkis::Json& data);
net::HttpResponse linkis_problem(std::string_view method, const Error& error, int code = 0);
// Clients that hear this log in and ask once more.
net::HttpResponse linkis_not_logged_in(std::string_view method, std::string_view message);

// Of a handler. Exchange::refuse is the way to refuse; refuse_with says the contract's number too.
void answer_linkis(const Exchange& exchange, const linkis::Json& data,
                   std::string_view message = "OK");
void refuse_with(const Exchange& exchange, const Error& error, int code);

// Sends a Set-Cookie header along with the answer, whatever it is.
std::shared_ptr<Answer> with_cookie(std::shared_ptr<Answer> answer, std::string cookie);
std::shared_ptr<Answer> with_headers(std::shared_ptr<Answer> answer, Headers headers);

// The body as an object; an empty body is an empty one. Content-Encoding is not looked at: the
// original clients send "utf-8" there.
Result<linkis::Json> linkis_body(const Exchange& exchange);

// The one answer to what does not exist and to what belongs to somebody else.
Error no_such_task(std::string_view name, const Caller& caller);

}  // namespace drover::server
