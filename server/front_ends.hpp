// server/front_ends.hpp - what browsers ask for before a page of another origin may use the
// Linkis contract (CORS).
//
// Pages of the same origin need none of it. Only the origins in linkis.origins get these headers,
// never "*": a page that anybody can make must not act with a visitor's login.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "net/http_server.hpp"

namespace drover::server {

using Headers = std::vector<std::pair<std::string, std::string>>;

// For every answer to a page of `origin`, which is one of ours.
Headers front_end_headers(std::string_view origin);

// A browser's question before the request itself: OPTIONS with Access-Control-Request-Method.
bool is_preflight(const net::HttpRequest& request);
net::HttpResponse preflight_answer(const net::HttpRequest& request);

}  // namespace drover::server
