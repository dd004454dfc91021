// server/problem.hpp - errors on the wire: RFC 9457 with code, hint, field and retryable.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http_server.hpp"

namespace drover::server {

int http_status(Errc code);
bool is_retryable(Errc code);

// The member "error" alone: {"code","message","hint","field","request_id","retryable"}. For lines
// of a bulk answer.
void append_error(std::string& json, const Error& error, std::string_view request_id);

// The whole answer. `status` 0 = by the error's code.
net::HttpResponse problem(const Error& error, std::string_view request_id, int status = 0);

}  // namespace drover::server
