// server/routes.hpp - the one table of routes: method, path, who may, what answers.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "server/exchange.hpp"
#include "server/services.hpp"

namespace drover::server {

enum class Access {
  Anyone,          // no authentication
  Scraper,         // as Anyone on the unix socket and loopback; a token elsewhere
  User,            // any authenticated caller; sees and acts on what is his own
  JobOwner,        // the owner of job {id}, or an operator
  WorkflowOwner,   // likewise of a workflow
  WorkflowAuthor,  // its owner alone: what it runs as its owner comes from nobody else
  Operator,
};

// Has no default: a route without a rule does not compile.
struct Rule {
  Access access;
  bool changes = false;  // whatever the method says: what ends something is kept from foreign pages
  explicit constexpr Rule(Access who) : access(who) {}
  constexpr Rule(Access who, bool ends) : access(who), changes(ends) {}
};

using Handler = void (*)(Services&, ExchangePtr);
using BodyHandler = std::unique_ptr<net::BodySink> (*)(Services&, ExchangePtr,
                                                       const net::BodyFlow&);

struct Route {
  std::string_view method, path;  // "/api/v1/jobs/{id}/why"
  Rule rule;
  Handler handler;           // null when the body is streamed
  BodyHandler body_handler;  // null when it is not
  std::string_view query{};  // the parameters it reads, separated by blanks; others are refused
};

std::span<const Route> routes();  // the native ones; linkis_routes() has those of the contract

struct Match {
  const Route* route = nullptr;  // null: no such path, or not with this method
  std::string allowed;           // the methods of a path without a route: "GET, HEAD, POST"
  std::string_view id, name;     // the path's parameters
};
// HEAD finds the route of GET: net leaves the body out.
Match match(std::string_view method, std::string_view path);

}  // namespace drover::server
