// linkis/cookie.cpp - reads and writes cookies.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/cookie.hpp"

namespace drover::linkis {

std::string_view cookie_value(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    const std::size_t end = header.find(';');
    std::string_view pair = header.substr(0, end);
    header = end == std::string_view::npos ? std::string_view{} : header.substr(end + 1);
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    const std::size_t mark = pair.find('=');
    if (mark == std::string_view::npos || pair.substr(0, mark) != name) continue;
    std::string_view value = pair.substr(mark + 1);
    while (value.ends_with(' ')) value.remove_suffix(1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    return value;
  }
  return {};
}

std::string ticket_cookie(std::string_view ticket) {
  return std::string(kTicketCookie) + "=" + std::string(ticket) +
         "; Path=/; HttpOnly; SameSite=Strict";
}

std::string forget_ticket_cookie() {
  return std::string(kTicketCookie) + "=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict";
}

}  // namespace drover::linkis
