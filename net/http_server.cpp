// net/http_server.cpp - listeners, connection caps, the one timer, and an orderly end.
// SPDX-License-Identifier: Apache-2.0
#include "net/http_server.hpp"

#include <sys/socket.h>
#include <uv.h>

#include <algorithm>
#include <utility>

#include "net/http_connection.hpp"
#include "net/http_wire.hpp"

namespace drover::net {

namespace {

// The key of the per-address limit: "127.0.0.1" of "127.0.0.1:4711".
std::string host_of(const std::string& address) { return address.substr(0, address.rfind(':')); }

// Tells a refused peer why, if the kernel takes it at once.
void turn_away(const Fd& fd) {
  const HttpResponse response =
      fault_response({503, "too many connections", "close idle ones, or try again in a moment"});
  std::string out;
  append_head(out, {response.status, response.content_type, response.body.size(), false, false},
              response.headers);
  out += response.body;
  static_cast<void>(::send(fd.raw(), out.data(), out.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

}  // namespace

std::string_view HttpRequest::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return "";
}

std::string_view HttpRequest::query_value(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return "";
}

HttpServer::State::State(Loop& l, HttpHandler& h, HttpLimits m)
    : loop(l), handler(h), limits(m), timer(l, [this] { tick(); }) {}

std::int64_t HttpServer::State::now_ms() const {
  return static_cast<std::int64_t>(uv_now(loop.raw()));
}

void HttpServer::State::admit(Fd fd) {
  Peer peer = peer_of(fd.raw());
  const bool from_unix = peer.credentials.has_value();
  const std::string host = host_of(peer.address);
  const auto same = per_address.find(host);
  const bool crowded =
      !from_unix && same != per_address.end() && same->second >= limits.connections_per_address;
  if (draining || crowded || connections.size() >= limits.connections) {
    ++counters.refused;
    turn_away(fd);
    return;
  }
  if (!from_unix) ++per_address[host];
  ++counters.connections_total;
  auto connection = std::make_shared<HttpConnection>(*this, std::move(peer));
  connections.emplace(connection.get(), connection);
  counters.connections_open = connections.size();
  connection->start(std::move(fd));
  if (!std::exchange(ticking, true)) {
    // Coarse on purpose: one timer for all deadlines of all connections.
    const std::int64_t shortest = std::min(limits.header_timeout.us, limits.idle_timeout.us);
    const Duration period{std::clamp<std::int64_t>(shortest / 4, 5'000, 1'000'000)};
    timer.start(period, period);
  }
}

void HttpServer::State::forget(HttpConnection& connection) {
  if (!connection.peer().credentials) {
    const auto at = per_address.find(host_of(connection.peer().address));
    if (at != per_address.end() && --at->second == 0) per_address.erase(at);
  }
  connections.erase(&connection);
  counters.connections_open = connections.size();
  if (connections.empty()) {
    timer.stop();
    ticking = false;
  }
  check_drained();
}

void HttpServer::State::tick() {
  std::vector<std::shared_ptr<HttpConnection>> all;  // closing one changes the map
  all.reserve(connections.size());
  for (const auto& [key, connection] : connections) all.push_back(connection);
  for (const auto& connection : all) connection->tick(now_ms());
}

void HttpServer::State::check_drained() {
  if (draining && connections.empty() && drained) {
    grace.reset();
    loop.post(std::exchange(drained, {}));
  }
}

void HttpServer::State::call_later(std::function<void()> hook) {
  loop.post([weak = weak_from_this(), hook = std::move(hook)] {
    if (!weak.expired()) hook();
  });
}

HttpServer::HttpServer(Loop& loop, HttpHandler& handler, HttpLimits limits)
    : state_(std::make_shared<State>(loop, handler, limits)) {}

HttpServer::~HttpServer() {
  state_->acceptors.clear();
  for (const auto& [key, connection] : std::exchange(state_->connections, {})) {
    connection->abandon();
  }
}

Result<void> HttpServer::listen_unix(const std::string& path, std::uint32_t mode) {
  auto fd = listen_unix_socket(path, mode);
  if (!fd) return fail(fd.error(), "serve HTTP");
  state_->acceptors.push_back(std::make_unique<Acceptor>(
      state_->loop, std::move(*fd), path,
      [state = state_.get()](Fd accepted) { state->admit(std::move(accepted)); }));
  return {};
}

Result<std::uint16_t> HttpServer::listen_tcp(const std::string& address, std::uint16_t port) {
  auto fd = listen_tcp_socket(address, port);
  if (!fd) return fail(fd.error(), "serve HTTP");
  auto bound = bound_port(fd->raw());
  if (!bound) return fail(bound.error(), "serve HTTP");
  state_->acceptors.push_back(std::make_unique<Acceptor>(
      state_->loop, std::move(*fd), "",
      [state = state_.get()](Fd accepted) { state->admit(std::move(accepted)); }));
  return *bound;
}

void HttpServer::shutdown(Duration grace, std::function<void()> drained) {
  state_->acceptors.clear();
  state_->draining = true;
  state_->drained = std::move(drained);
  std::vector<std::shared_ptr<HttpConnection>> all;
  for (const auto& [key, connection] : state_->connections) all.push_back(connection);
  for (const auto& connection : all) connection->drain();
  state_->grace.emplace(state_->loop, [state = state_.get()] {
    std::vector<std::shared_ptr<HttpConnection>> late;
    for (const auto& [key, connection] : state->connections) late.push_back(connection);
    for (const auto& connection : late) connection->close();
  });
  state_->grace->start(grace);
  state_->check_drained();
}

HttpCounters HttpServer::counters() const { return state_->counters; }

}  // namespace drover::net
