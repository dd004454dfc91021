// server/router.cpp - the authorisation table at work.
// SPDX-License-Identifier: Apache-2.0
#include "server/router.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <set>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "linkis/cookie.hpp"
#include "server/held_answer.hpp"
#include "server/linkis_answer.hpp"
#include "server/linkis_desk.hpp"
#include "server/problem.hpp"

namespace drover::server {
namespace {

using metrics::FamilyId;

// Hands answers to the connection and counts them by route template, never by path.
class CountedAnswer : public Answer {
 public:
  CountedAnswer(net::Responder responder, metrics::Metrics& metrics, std::string_view method,
                std::string_view route)
      : responder_(std::move(responder)),
        metrics_(metrics),
        method_(method),
        route_(route),
        begun_(net::Loop::now().mono) {}

  void send(net::HttpResponse response) override {
    count(response.status);
    responder_.send(std::move(response));
  }
  void begin_stream(int status, std::string content_type,
                    std::vector<std::pair<std::string, std::string>> headers) override {
    count(status);
    responder_.begin_stream(status, std::move(content_type), std::move(headers));
  }
  bool write(std::string_view data) override { return responder_.write(data); }
  void end() override { responder_.end(); }
  std::size_t buffered() const override { return responder_.buffered(); }
  bool is_gone() const override { return responder_.is_gone(); }
  void on_gone(std::function<void()> hook) override { responder_.on_gone(std::move(hook)); }

 private:
  void count(int status) {
    char code[16];
    std::snprintf(code, sizeof code, "%d", status);
    metrics_.add(FamilyId::HttpRequests, {method_, route_, code});
    metrics_.observe(FamilyId::HttpDuration, {route_},
                     double((net::Loop::now().mono - begun_).us) / 1e6);
  }

  net::Responder responder_;
  metrics::Metrics& metrics_;
  std::string_view method_, route_;  // of the table, or fixed words
  Time begun_;
};

// Token-Alive asks for a login beside the token: the cookie alone will do from then on.
void keep_alive(Services& services, const net::HttpRequest& request, Exchange& exchange) {
  if (request.header("token-alive") != "true") return;
  LinkisLogins& logins = services.linkis->logins;
  const Time mono = net::Loop::now().mono;
  if (logins.holder(ticket_of(request), mono)) return;
  exchange.answer = with_cookie(std::move(exchange.answer),
                                linkis::ticket_cookie(logins.open(exchange.caller, mono)));
}

// A parameter that nobody reads is a mistake of the caller, most often in spelling.
Result<void> check_query(const Route& route, const net::HttpRequest& request) {
  if (request.query.empty()) return {};
  std::vector<std::string_view> known;
  for (std::string_view rest = route.query; !rest.empty();) {
    const std::size_t blank = rest.find(' ');
    known.push_back(rest.substr(0, blank));
    rest = blank == std::string_view::npos ? std::string_view{} : rest.substr(blank + 1);
  }
  std::set<std::string_view> seen;
  for (const auto& [name, value] : request.query) {
    const std::string shown = name.substr(0, 60);
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string_view near = nearest_match(name, known);
      std::string hint = "this path takes no parameters";
      if (!known.empty()) hint = "this path takes: " + std::string(route.query);
      if (!near.empty()) hint = "did you mean " + std::string(near) + "?";
      return fail(Errc::BadInput, "unknown parameter " + shown, hint, shown);
    }
    if (!seen.insert(name).second && name != "label")
      return fail(Errc::BadInput, "parameter " + shown + " is given twice", "give it once", shown);
  }
  return {};
}

}  // namespace

Router::Router(Services& services, Auth& auth) : services_(services), auth_(auth) {
  char text[32];
  std::snprintf(text, sizeof text, "%llx", static_cast<unsigned long long>(services.started.us));
  instance_ = text;
}

std::shared_ptr<Answer> Router::answer_for(const Match& match, const net::Responder& responder) {
  const std::string_view method =
      match.route != nullptr ? match.route->method : std::string_view("other");
  const std::string_view route =
      match.route != nullptr ? match.route->path : std::string_view("none");
  return std::make_shared<CountedAnswer>(responder, services_.metrics, method, route);
}

ExchangePtr Router::admit(net::HttpRequest request, const Match& match,
                          std::shared_ptr<Answer> answer) {
  auto exchange = std::make_shared<Exchange>();
  exchange->request_id = instance_ + "-" + std::to_string(next_request_++);
  exchange->answer = std::move(answer);
  if (services_.linkis != nullptr && is_linkis(request.path))
    exchange->linkis = linkis::method_of(request.path);
  const bool is_served = exchange->linkis.empty() == !is_linkis(request.path);
  const bool open =
      is_served && match.route != nullptr &&
      (match.route->rule.access == Access::Anyone || match.route->rule.access == Access::Scraper);
  const auto refuse = [&](const Error& error, int status, std::string_view reason) -> ExchangePtr {
    if (!reason.empty()) services_.metrics.add(FamilyId::AuthFailures, {reason});
    exchange->answer->send(exchange->linkis.empty() ? problem(error, exchange->request_id, status)
                                                    : linkis_problem(exchange->linkis, error));
    return nullptr;
  };
  const bool changes = match.route != nullptr && match.route->rule.changes;
  if (auto source = auth_.check_source(request, changes); !source)
    return refuse(source.error(), 0, "source");
  if (!open) {
    auto caller = exchange->linkis.empty()
                      ? auth_.identify(request)
                      : services_.linkis->logins.identify(request, net::Loop::now());
    if (!caller) {
      refuse_login(*exchange, request, caller.error());
      return nullptr;
    }
    exchange->caller = std::move(*caller);
    if (!exchange->linkis.empty()) keep_alive(services_, request, *exchange);
  }
  if (match.route == nullptr || !is_served) {
    if (!match.allowed.empty() && is_served) {
      const Error error{Errc::BadInput, "this path does not take " + request.method.substr(0, 40),
                        "it takes " + match.allowed, ""};
      net::HttpResponse response = exchange->linkis.empty()
                                       ? problem(error, exchange->request_id, 405)
                                       : linkis_problem(exchange->linkis, error);
      response.headers.emplace_back("Allow", match.allowed);
      exchange->answer->send(std::move(response));
      return nullptr;
    }
    return refuse({Errc::NotFound, "no such path", "GET /openapi.json lists the paths", ""}, 0, "");
  }
  exchange->name = match.name;
  if (!match.id.empty()) {
    std::uint64_t id = 0;
    const auto [end, error] =
        std::from_chars(match.id.data(), match.id.data() + match.id.size(), id);
    if (error != std::errc{} || end != match.id.data() + match.id.size() || id == 0)
      return refuse({Errc::NotFound, "no job has the id " + std::string(match.id.substr(0, 40)),
                     "drover ls", ""},
                    0, "");
    exchange->job = JobId(id);
  }
  exchange->request = std::move(request);
  if (auto right = check_right(*match.route, *exchange); !right)
    return refuse(right.error(), 0, right.error().code == Errc::Denied ? "right" : "");
  if (!exchange->linkis.empty()) return exchange;  // parameters are added there by every client
  if (auto query = check_query(*match.route, exchange->request); !query)
    return refuse(query.error(), 0, "");
  return exchange;
}

void Router::refuse_login(const Exchange& exchange, const net::HttpRequest& request,
                          const Error& error) {
  services_.metrics.add(FamilyId::AuthFailures, {"identity"});
  if (!exchange.linkis.empty()) {
    const bool tried = error.field == "token";
    const Now now = net::Loop::now();
    return send_after(
        services_.loop, exchange.answer, linkis_not_logged_in(exchange.linkis, error.message),
        tried ? services_.linkis->logins.delay_after_failure(request.peer.address, now.mono)
              : Duration{});
  }
  net::HttpResponse response = problem(error, exchange.request_id, 401);
  Duration delay{};
  if (!request.header("authorization").empty())  // else nothing was guessed
    delay = failed_logins_.delay_after_failure(request.peer.address, net::Loop::now().mono);
  send_after(services_.loop, exchange.answer, std::move(response), delay);
}

Result<void> Router::check_right(const Route& route, Exchange& exchange) {
  const Caller& caller = exchange.caller;
  switch (route.rule.access) {
    case Access::Anyone:
    case Access::Scraper:
    case Access::User: return {};
    case Access::Operator:
      if (caller.is_operator) return {};
      return fail(Errc::Denied, "only operators may do this", "ask the operator of this Drover");
    case Access::JobOwner:
    case Access::WorkflowOwner:
    case Access::WorkflowAuthor: break;
  }
  auto snapshot = services_.store.snapshot();
  if (!snapshot) return fail(snapshot.error());
  const Access access = route.rule.access;
  if (access == Access::WorkflowOwner || access == Access::WorkflowAuthor) {
    const auto record = snapshot->workflow(exchange.job);
    if (!record && record.error().code != Errc::NotFound) return fail(record.error());
    const bool is_own = record && record->owner.uid == caller.uid;
    if (!record || (!is_own && !caller.is_operator))
      return fail(no_such_workflow(exchange.job, caller));
    if (!is_own && access == Access::WorkflowAuthor)
      return fail(Errc::Denied,
                  "workflow " + std::to_string(raw(exchange.job)) + " belongs to somebody else",
                  "what runs as its owner, the owner alone says");
    return {};
  }
  auto spec = snapshot->spec(exchange.job, false);
  if (!spec && spec.error().code == Errc::NotFound) {
    const auto workflow = snapshot->workflow(exchange.job);
    const bool is_own = workflow && (caller.is_operator || workflow->owner.uid == caller.uid);
    Error none = no_such_job(exchange.job, caller);
    if (is_own)
      none.hint = "it is a workflow: drover dag show " + std::to_string(raw(exchange.job));
    return fail(std::move(none));
  }
  if (!spec) return fail(spec.error());
  if (!caller.is_operator && spec->owner.uid != caller.uid)
    return fail(no_such_job(exchange.job, caller));
  exchange.spec = std::move(*spec);
  return {};
}

std::unique_ptr<net::BodySink> Router::on_stream(const net::HttpRequest& request,
                                                 const net::Responder& responder,
                                                 const net::BodyFlow& flow) {
  const Match found = match(request.method, request.path);
  if (found.route == nullptr || found.route->body_handler == nullptr) return nullptr;
  ExchangePtr exchange = admit(request, found, answer_for(found, responder));
  if (exchange == nullptr) {
    struct Refused : net::BodySink {  // the answer is on its way; what still comes is dropped
      void on_data(std::string_view) override {}
      void on_end() override {}
      void on_abort() override {}
    };
    return std::make_unique<Refused>();
  }
  return found.route->body_handler(services_, std::move(exchange), flow);
}

void Router::on_request(net::HttpRequest request, net::Responder responder) {
  auto counted = answer_for(match(request.method, request.path), responder);
  answer(std::move(request), std::move(counted));
}

void Router::answer(net::HttpRequest request, std::shared_ptr<Answer> answer) {
  const std::string path = request.path;  // the match points into it; the request moves on
  if (services_.linkis != nullptr && is_linkis(path)) {
    if (const auto origin = request.header("origin"); auth_.is_front_end(origin)) {
      answer = with_headers(std::move(answer), front_end_headers(origin));
      if (is_preflight(request) && auth_.check_source(request))
        return answer->send(preflight_answer(request));
    }
  }
  const Match found = match(request.method, path);
  if (found.route != nullptr && found.route->handler == nullptr) return;
  if (ExchangePtr exchange = admit(std::move(request), found, std::move(answer)))
    found.route->handler(services_, std::move(exchange));
}

}  // namespace drover::server
