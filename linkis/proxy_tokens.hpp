// linkis/proxy_tokens.hpp - the file of tokens by which a program may act for users.
//
// One per line, '#' begins a comment:
//   TOKEN                        USERS          HOSTS        EXPIRES
//   3f0a...(at least 32 bytes)   *,drover       *            never
//   b77e...                      ann,bob        127.0.0.1    2027-01-31
// `*` of USERS means everybody but operators: who may act as one of those is named.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace drover::linkis {

struct ProxyToken {
  std::string secret;
  std::vector<std::string> users, hosts;  // "*" among them: any
  Time expires;                           // wall; 0 = never
};

// BadInput names the line. Short tokens are refused: they could be guessed.
Result<std::vector<ProxyToken>> parse_tokens(std::string_view text);
// The file of a first start.
std::string first_tokens(std::string_view secret, std::string_view user);

// Whether it lets somebody at `host` act as `user`; the secret was compared before.
bool allows(const ProxyToken& token, std::string_view user, bool is_operator, std::string_view host,
            Time wall);

}  // namespace drover::linkis
