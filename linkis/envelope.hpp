// linkis/envelope.hpp - {"method","status","message","data"}, and the HTTP code that goes with it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "linkis/json.hpp"

namespace drover::linkis {

inline constexpr std::string_view kBase = "/api/rest_j/v1/";

enum class Status {
  Ok = 0,
  Error = 1,
  NotLoggedIn = -1,
  Validation = 2,
  NoPermission = 3,
  Warning = 4
};

int http_code(Status status);

// "/api/entrance/submit" of "/api/rest_j/v1/entrance/submit".
std::string method_of(std::string_view path);

// What clients expect of each kind of failure. Only a missing login is NotLoggedIn, and of that the
// caller must speak himself: clients log in again when they see it.
Status status_of(Errc code);

// The contract's own number where it has one; 13000 is its general one.
int error_code(const Error& error);

std::string envelope(std::string_view method, Status status, std::string_view message,
                     const Json& data);
// The text has code, message and hint; data.errorMsg has them for programs.
std::string error_envelope(std::string_view method, const Error& error, int code = 0);

}  // namespace drover::linkis
