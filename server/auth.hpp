// server/auth.hpp - who asks: the kernel's word on the unix socket, the token on loopback TCP.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "net/http_server.hpp"
#include "server/config.hpp"
#include "server/exchange.hpp"

namespace drover::server {

// The daemon's token: read from DATA/token, made (32 bytes of getrandom as hex, mode 0600) when it
// is missing. Denied when the file belongs to somebody else or others may read it.
Result<std::string> load_token(const std::string& path);

Result<std::string> random_hex(std::size_t bytes);  // of getrandom
// Writes a file of mode 0600 by way of a temporary one; Denied when what is read is not private.
Result<void> write_private(const std::string& path, std::string_view text);
Result<std::optional<std::string>> read_private(const std::string& path);  // nothing: no such file

bool equal_in_constant_time(std::string_view a, std::string_view b);

// Names of users, remembered: NSS may be slow.
class Users {
 public:
  struct Entry {
    std::string name, home, shell;
  };
  const Entry& of(std::uint32_t uid);

  struct Account {
    std::uint32_t uid = 0, gid = 0;
  };
  // Nothing when there is no such user; that is asked anew each time.
  std::optional<Account> find(const std::string& name);

 private:
  std::map<std::uint32_t, Entry> known_;
  std::map<std::string, Account> named_;
};

class Auth {
 public:
  Auth(std::string token, std::uint32_t daemon_uid, std::uint32_t daemon_gid, Users& users);
  void configure(const Config& config);

  // Denied (to be answered 401) when nobody vouches for the caller. Reads nothing but peer and
  // Authorization.
  Result<Caller> identify(const net::HttpRequest& request);
  // Host over TCP must be one of ours (DNS rebinding); a page of another origin may not change
  // state, which `changes` says of a GET. Denied otherwise.
  Result<void> check_source(const net::HttpRequest& request, bool changes = false) const;
  bool is_front_end(std::string_view origin) const;  // of linkis.origins
  bool is_operator(std::uint32_t uid) const;
  bool is_token(std::string_view text) const;  // the daemon's; constant time
  std::uint32_t uid() const { return uid_; }   // whose that is

 private:
  std::string token_;
  std::uint32_t uid_, gid_;
  Users& users_;
  std::vector<std::uint32_t> operators_;
  std::vector<std::string> hosts_, linkis_origins_;
};

}  // namespace drover::server
