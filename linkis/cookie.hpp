// linkis/cookie.hpp - the cookies that carry a login.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

namespace drover::linkis {

inline constexpr std::string_view kTicketCookie = "linkis_user_session_ticket_id_v1";

// The value of one cookie in a Cookie header, without quotes; "" when it is not there.
std::string_view cookie_value(std::string_view header, std::string_view name);

// Of a Set-Cookie header. Not sent along by other sites' pages, nor readable by scripts.
std::string ticket_cookie(std::string_view ticket);
std::string forget_ticket_cookie();

}  // namespace drover::linkis
