// server/linkis_logins.hpp - who asks over the Linkis contract: tickets and tokens.
//
// There is no password of Drover's own. A login is a user's name with a token that may act for that
// user: the daemon's token for the daemon's user, a proxy token for those it names.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "linkis/proxy_tokens.hpp"
#include "server/auth.hpp"
#include "server/exchange.hpp"
#include "server/failed_logins.hpp"

namespace drover::server {

// Loop thread.
class LinkisLogins {
 public:
  static constexpr std::size_t kSessionsMax = 10'000, kSessionsOfUser = 100;
  // However busy it is: a ticket must not outlive for long the token that it was given for.
  static constexpr Duration kTicketLife = seconds(24 * 3600);

  LinkisLogins(const Auth& auth, Users& users) : auth_(auth), users_(users) {}

  // Reads the file of tokens; makes it, with one random token, when it is missing. When it says
  // something else than before, whoever is logged in has to log in again.
  Result<void> load(const std::string& path);
  void set_session(Duration session) { session_ = session; }
  Duration session() const { return session_; }

  // Whoever the kernel, a ticket or a token vouches for. Denied else, field "token" when something
  // was tried that is wrong: that is to be answered slowly. Renews the ticket.
  Result<Caller> identify(const net::HttpRequest& request, Now now);
  // Denied, always with the same words.
  Result<Caller> check_password(const std::string& user, std::string_view password,
                                std::string_view address, Time wall);

  std::string open(const Caller& caller, Time mono);  // answers the ticket
  void close(std::string_view ticket);
  std::optional<Caller> holder(std::string_view ticket, Time mono);  // renews it
  Duration delay_after_failure(std::string_view address, Time mono) {
    return failed_.delay_after_failure(address, mono);
  }
  std::size_t sessions() const { return sessions_.size(); }

 private:
  struct Session {
    Caller caller;
    Time opened, used;  // mono
  };
  void make_room(const Caller& caller, Time mono);

  const Auth& auth_;
  Users& users_;
  std::vector<linkis::ProxyToken> tokens_;
  std::string tokens_text_;
  std::map<std::string, Session, std::less<>> sessions_;
  Duration session_ = seconds(7200);
  FailedLogins failed_;
};

std::string_view ticket_of(const net::HttpRequest& request);

}  // namespace drover::server
