// server/linkis_logins.cpp - tickets and tokens, checked.
// SPDX-License-Identifier: Apache-2.0
#include "server/linkis_logins.hpp"

#include <algorithm>
#include <utility>

#include "linkis/cookie.hpp"

namespace drover::server {
namespace {

constexpr std::size_t kTicketBytes = 32, kNameMax = 256;

Error wrong() {
  return {Errc::Denied, "the user or the token is not right, or the token has expired",
          "the password is a token that may act for the user", "token"};
}

std::string cookie_of(const net::HttpRequest& request, std::string_view name) {
  for (const auto& [header, value] : request.headers)
    if (header == "cookie")
      if (const std::string_view found = linkis::cookie_value(value, name); !found.empty())
        return std::string(found);
  return {};
}

std::string_view host_of(std::string_view address) { return address.substr(0, address.rfind(':')); }

}  // namespace

std::string_view ticket_of(const net::HttpRequest& request) {
  for (const auto& [header, value] : request.headers)
    if (header == "cookie")
      if (const auto found = linkis::cookie_value(value, linkis::kTicketCookie); !found.empty())
        return found;
  return {};
}

Result<void> LinkisLogins::load(const std::string& path) {
  auto text = read_private(path);
  if (!text) return fail(text.error());
  if (!*text) {
    auto secret = random_hex(kTicketBytes);
    if (!secret) return fail(secret.error());
    *text = linkis::first_tokens(*secret, users_.of(auth_.uid()).name);
    if (auto written = write_private(path, **text); !written) return written;
  }
  auto tokens = linkis::parse_tokens(**text);
  if (!tokens) return fail(std::move(tokens.error()), path);
  tokens_ = *std::move(tokens);
  if (**text != tokens_text_) sessions_.clear();  // one of them may stand on a token that is gone
  tokens_text_ = std::move(**text);
  return {};
}

Result<Caller> LinkisLogins::check_password(const std::string& user, std::string_view password,
                                            std::string_view address, Time wall) {
  // Every secret is compared, whoever asks: how long it takes tells nothing.
  const bool is_daemons = auth_.is_token(password);
  std::vector<const linkis::ProxyToken*> equal;
  for (const linkis::ProxyToken& token : tokens_)
    if (equal_in_constant_time(password, token.secret)) equal.push_back(&token);
  if ((!is_daemons && equal.empty()) || user.empty() || user.size() > kNameMax)
    return fail(wrong());
  const auto account = users_.find(user);
  if (!account) return fail(wrong());
  const bool is_operator = auth_.is_operator(account->uid);
  const bool may = (is_daemons && account->uid == auth_.uid()) ||
                   std::ranges::any_of(equal, [&](const linkis::ProxyToken* token) {
                     return linkis::allows(*token, user, is_operator, host_of(address), wall);
                   });
  if (!may) return fail(wrong());
  return Caller{account->uid, account->gid, users_.of(account->uid).name, is_operator};
}

Result<Caller> LinkisLogins::identify(const net::HttpRequest& request, Now now) {
  if (request.peer.credentials) {
    const auto& peer = *request.peer.credentials;
    return Caller{peer.uid, peer.gid, users_.of(peer.uid).name, auth_.is_operator(peer.uid)};
  }
  std::string user(request.header("token-user")), code(request.header("token-code"));
  if (code.empty()) {
    if (auto caller = holder(ticket_of(request), now.mono)) return *std::move(caller);
    user = cookie_of(request, "Token-User");
    code = cookie_of(request, "Token-Code");
  }
  // Some calls of the original client name no user beside the token.
  if (user.empty() || user == "null") user = request.query_value("proxyUser");
  if (user.empty() || code.empty())
    return fail(Errc::Denied, "you are not logged in",
                "POST user/login, or send Token-User and Token-Code");
  return check_password(user, code, request.peer.address, now.wall);
}

std::string LinkisLogins::open(const Caller& caller, Time mono) {
  auto ticket = random_hex(kTicketBytes);
  if (!ticket) return {};  // then there is no ticket, and the next call is not logged in
  make_room(caller, mono);
  sessions_[*ticket] = {caller, mono, mono};
  return *std::move(ticket);
}

void LinkisLogins::close(std::string_view ticket) {
  if (const auto found = sessions_.find(ticket); found != sessions_.end()) sessions_.erase(found);
}

std::optional<Caller> LinkisLogins::holder(std::string_view ticket, Time mono) {
  if (ticket.empty()) return std::nullopt;
  const auto found = sessions_.find(ticket);
  if (found == sessions_.end()) return std::nullopt;
  const Session& session = found->second;
  if (mono - session.used > session_ || mono - session.opened > kTicketLife) {
    sessions_.erase(found);
    return std::nullopt;
  }
  found->second.used = mono;
  Caller caller = found->second.caller;
  caller.is_operator = auth_.is_operator(caller.uid);  // as the configuration says now
  return caller;
}

// A user with many loses his own oldest one, so that nobody logs others out. O(sessions)
void LinkisLogins::make_room(const Caller& caller, Time mono) {
  std::erase_if(sessions_, [&](const auto& row) { return mono - row.second.used > session_; });
  auto oldest = sessions_.end(), own_oldest = sessions_.end();
  std::size_t own = 0;
  for (auto at = sessions_.begin(); at != sessions_.end(); ++at) {
    if (oldest == sessions_.end() || at->second.used < oldest->second.used) oldest = at;
    if (at->second.caller.uid != caller.uid) continue;
    ++own;
    if (own_oldest == sessions_.end() || at->second.used < own_oldest->second.used) own_oldest = at;
  }
  if (own >= kSessionsOfUser)
    sessions_.erase(own_oldest);
  else if (sessions_.size() >= kSessionsMax)
    sessions_.erase(oldest);
}

}  // namespace drover::server
