// server/router.hpp - from a request to its handler: source, identity, route, right, counters.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>

#include "net/http_server.hpp"
#include "server/auth.hpp"
#include "server/exchange.hpp"
#include "server/failed_logins.hpp"
#include "server/routes.hpp"
#include "server/services.hpp"

namespace drover::server {

class Router : public net::HttpHandler {
 public:
  Router(Services& services, Auth& auth);

  std::unique_ptr<net::BodySink> on_stream(const net::HttpRequest& request,
                                           const net::Responder& responder,
                                           const net::BodyFlow& flow) override;
  void on_request(net::HttpRequest request, net::Responder responder) override;

  // The same without a connection, for tests: answers through `answer`.
  void answer(net::HttpRequest request, std::shared_ptr<Answer> answer);

 private:
  // The exchange when the caller may, else null and the refusal is sent.
  ExchangePtr admit(net::HttpRequest request, const Match& match, std::shared_ptr<Answer> answer);
  void refuse_login(const Exchange& exchange, const net::HttpRequest& request, const Error& error);
  Result<void> check_right(const Route& route, Exchange& exchange);
  std::shared_ptr<Answer> answer_for(const Match& match, const net::Responder& responder);

  Services& services_;
  Auth& auth_;
  FailedLogins failed_logins_;
  std::uint64_t next_request_ = 1;
  std::string instance_;  // of this start, so that request ids are never met twice in the logs
};

}  // namespace drover::server
