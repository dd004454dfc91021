// sched/account_tree.hpp - who may charge work to which account, and what share each is owed.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace drover::sched {

struct AccountSpec {
  std::string name;
  std::string parent;              // empty = directly under the root
  std::int64_t shares = 1;         // among its siblings; 0 = only what the others leave
  std::vector<std::string> users;  // who may charge it; "*" = everybody
  std::map<std::string, std::int64_t> user_shares;  // 1 for those who are not named
  friend bool operator==(const AccountSpec&, const AccountSpec&) = default;
};

enum class AccountId : std::uint32_t {};  // 0 = the root; parents come before their children

// Immutable. Without accounts every user is a child of the root, and an account that a job names is
// a label like any other.
class AccountTree {
 public:
  struct Account {
    AccountSpec spec;
    AccountId parent{};
  };
  static constexpr std::size_t kAccountsMax = 10'000;
  static constexpr std::int64_t kSharesMax = 1'000'000;

  AccountTree() : accounts_(1) {}
  // Errors: BadInput - a name twice or not a word, an unknown parent, a cycle (printed), shares out
  // of range, a default that is no account.
  static Result<AccountTree> make(std::vector<AccountSpec> specs, std::string default_account = {});

  bool is_configured() const { return accounts_.size() > 1; }
  // The account that a job of `user` is charged to: the one it asks for, else the first in order of
  // names that lists the user by name, else the default. Empty when none is configured.
  // Errors: NotFound with the nearest name; Denied with what the user may use; BadInput when
  // nothing is said and there is no default.
  Result<std::string> account_for(std::string_view user, std::string_view asked) const;
  bool may_charge(std::string_view user, AccountId account) const;

  // The root for names that are not known: accounts may go while their jobs are open.
  AccountId id_of(std::string_view name) const;
  const Account& at(AccountId id) const { return accounts_[std::size_t(id)]; }
  std::size_t size() const { return accounts_.size(); }  // with the root

 private:
  std::vector<Account> accounts_;  // [0] is the root
  std::map<std::string, AccountId, std::less<>> ids_;
  std::string default_account_;
};

}  // namespace drover::sched
