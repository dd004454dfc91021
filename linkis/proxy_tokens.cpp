// linkis/proxy_tokens.cpp - reads the table of tokens, and asks it.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/proxy_tokens.hpp"

#include <algorithm>

#include "base/units.hpp"

namespace drover::linkis {
namespace {

constexpr std::size_t kSecretMin = 32, kSecretMax = 512, kTokensMax = 10'000;

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  line = line.substr(0, line.find('#'));
  while (true) {
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) return fields;
    line.remove_prefix(begin);
    const std::size_t end = line.find_first_of(" \t\r");
    fields.push_back(line.substr(0, end));
    line = end == std::string_view::npos ? std::string_view{} : line.substr(end);
  }
}

std::vector<std::string> names_of(std::string_view csv) {
  std::vector<std::string> names;
  while (!csv.empty()) {
    const std::size_t comma = csv.find(',');
    if (comma != 0) names.emplace_back(csv.substr(0, comma));
    csv = comma == std::string_view::npos ? std::string_view{} : csv.substr(comma + 1);
  }
  return names;
}

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

Result<std::vector<ProxyToken>> parse_tokens(std::string_view text) {
  std::vector<ProxyToken> tokens;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const auto fields = fields_of(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (fields.empty()) continue;
    const std::string where = "line " + std::to_string(number);
    if (fields.size() != 4)
      return fail(Errc::BadInput, where + " has " + std::to_string(fields.size()) + " words",
                  "four: TOKEN USERS HOSTS EXPIRES");
    if (fields[0].size() < kSecretMin || fields[0].size() > kSecretMax)
      return fail(Errc::BadInput,
                  where + ": the token has " + std::to_string(fields[0].size()) + " characters",
                  "give it 32 to 512, at random");
    ProxyToken token{std::string(fields[0]), names_of(fields[1]), names_of(fields[2]), {}};
    if (fields[3] != "never") {
      auto day = parse_begin(fields[3], Time{1}, 0);
      if (!day || fields[3].size() != 10)
        return fail(Errc::BadInput,
                    where + ": no day is called " + std::string(fields[3].substr(0, 40)),
                    "never, or a day like 2027-01-31");
      token.expires = *day;
    }
    if (tokens.size() >= kTokensMax) return fail(Errc::Limit, "there are more than 10,000 tokens");
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::string first_tokens(std::string_view secret, std::string_view user) {
  return "# Tokens by which programs may act for users of Drover (headers Token-User, "
         "Token-Code).\n"
         "# TOKEN USERS HOSTS EXPIRES; '*' of USERS is everybody but operators, who are named.\n" +
         std::string(secret) + " *," + std::string(user) + " * never\n";
}

bool allows(const ProxyToken& token, std::string_view user, bool is_operator, std::string_view host,
            Time wall) {
  if (token.expires.is_set() && wall >= token.expires) return false;
  if (!has(token.hosts, "*") && !has(token.hosts, host)) return false;
  return has(token.users, user) || (has(token.users, "*") && !is_operator);
}

}  // namespace drover::linkis
