// server/api_linkis_user.cpp - logins, who one is, and where the gateways are.
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "linkis/cookie.hpp"
#include "server/api_linkis.hpp"
#include "server/held_answer.hpp"
#include "server/linkis_answer.hpp"
#include "server/linkis_desk.hpp"

namespace drover::server::api::linkis {
namespace {

using drover::linkis::Json;
using drover::linkis::Status;

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = char(c - 'A' + 'a');
  return text;
}

struct Credentials {
  std::string user, password;
};

Result<Credentials> read_credentials(const Exchange& exchange) {
  const net::HttpRequest& request = exchange.request;
  if (request.method == "GET")
    return Credentials{lower(std::string(request.query_value("userName"))),
                       std::string(request.query_value("password"))};
  auto body = linkis_body(exchange);
  if (!body) return fail(body.error());
  return Credentials{lower(drover::linkis::text_of(*body, "userName")),
                     drover::linkis::text_of(*body, "password")};
}

void welcome(Services& services, const Exchange& exchange, const Caller& caller,
             std::string_view message) {
  LinkisLogins& logins = services.linkis->logins;
  const Time mono = net::Loop::now().mono;
  std::string ticket(ticket_of(exchange.request));
  if (const auto holder = logins.holder(ticket, mono); !holder || holder->uid != caller.uid) {
    logins.close(ticket);
    ticket = logins.open(caller, mono);
  }
  Json data;
  data["userName"] = caller.user;
  data["isAdmin"] = caller.is_operator;
  data["sessionTimeOut"] = logins.session().us / 1000;
  data["enableWatermark"] = false;
  auto response = linkis_response(exchange.linkis, Status::Ok, message, data);
  response.headers.emplace_back("Set-Cookie", drover::linkis::ticket_cookie(ticket));
  exchange.answer->send(std::move(response));
}

}  // namespace

void log_in(Services& services, ExchangePtr exchange) {
  auto given = read_credentials(*exchange);
  if (!given) return exchange->refuse(given.error());
  LinkisLogins& logins = services.linkis->logins;
  const Now now = net::Loop::now();
  const std::string& address = exchange->request.peer.address;
  const auto holder = logins.holder(ticket_of(exchange->request), now.mono);
  if (holder && holder->user == given->user)
    return welcome(services, *exchange, *holder, "login successful");
  auto caller = logins.check_password(given->user, given->password, address, now.wall);
  if (!caller) {
    services.metrics.add(metrics::FamilyId::AuthFailures, {"identity"});
    // Whoever gives none has not logged in; a wrong one is an error, which pages show.
    return send_after(
        services.loop, exchange->answer,
        given->password.empty()
            ? linkis_not_logged_in(exchange->linkis, caller.error().message)
            : linkis_problem(exchange->linkis, {Errc::BadInput, caller.error().message, "", ""}),
        logins.delay_after_failure(address, now.mono));
  }
  welcome(services, *exchange, *caller, "login successful");
}

void log_in_by_token(Services& services, ExchangePtr exchange) {
  welcome(services, *exchange, exchange->caller, "login successful");
}

void log_out(Services& services, ExchangePtr exchange) {
  services.linkis->logins.close(ticket_of(exchange->request));
  auto response = linkis_response(exchange->linkis, Status::Ok, "Logout successful", {});
  response.headers.emplace_back("Set-Cookie", drover::linkis::forget_ticket_cookie());
  exchange->answer->send(std::move(response));
}

void show_user(Services&, ExchangePtr exchange) {
  Json data;
  data["userName"] = exchange->caller.user;
  data["isAdmin"] = exchange->caller.is_operator;
  answer_linkis(*exchange, data);
}

// The way is TLS or this machine alone, so that nothing is gained by a second encryption.
void show_public_key(Services&, ExchangePtr exchange) {
  Json data;
  data["enableSSL"] = false;
  data["enableLoginEncrypt"] = false;
  answer_linkis(*exchange, data);
}

void keep_alive(Services&, ExchangePtr exchange) {
  answer_linkis(*exchange, {}, "Maintain heartbeat success");
}

void show_base_info(Services& services, ExchangePtr exchange) {
  Json data;
  data["resultSetExportEnable"] = true;
  data["linkisClusterName"] = services.linkis->instance();
  data["engineLogOnlyAdminEnable"] = false;
  answer_linkis(*exchange, data);
}

// The address by which the client has found this one.
void show_gateway(Services& services, ExchangePtr exchange) {
  std::string host(exchange->request.header("host"));
  if (host.empty()) host = services.linkis->instance();
  Json data;
  data["isHealthy"] = true;
  data["gatewayList"] = Json::array({host});
  answer_linkis(*exchange, data);
}

}  // namespace drover::server::api::linkis
