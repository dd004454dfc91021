// sched/account_tree.cpp - the tree of accounts, checked.
// SPDX-License-Identifier: Apache-2.0
#include "sched/account_tree.hpp"

#include <algorithm>
#include <utility>

#include "base/units.hpp"

namespace drover::sched {
namespace {

// Accounts are label values and group names: the same characters.
bool is_word(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

Result<void> check_spec(const AccountSpec& spec) {
  if (!is_word(spec.name))
    return fail(Errc::BadInput, "'" + spec.name.substr(0, 64) + "' cannot name an account",
                "use up to 64 letters, digits, '-', '_' and '.'", "account.name");
  const auto in_range = [](std::int64_t shares) {
    return shares >= 0 && shares <= AccountTree::kSharesMax;
  };
  const bool good = in_range(spec.shares) &&
                    std::ranges::all_of(spec.user_shares,
                                        [&](const auto& entry) { return in_range(entry.second); });
  if (!good)
    return fail(Errc::BadInput, "shares of account " + spec.name + " are out of range",
                "use 0 to " + std::to_string(AccountTree::kSharesMax), "account.shares");
  return {};
}

// "a under b under a": followed from one that no order could place.
std::string cycle_from(const std::vector<AccountSpec>& specs, std::string_view start) {
  const auto parent_of = [&](std::string_view name) -> std::string_view {
    return std::ranges::find(specs, name, &AccountSpec::name)->parent;
  };
  std::string_view on_cycle = start;
  for (std::size_t i = 0; i < specs.size(); ++i) on_cycle = parent_of(on_cycle);
  const std::string_view end = on_cycle;
  for (std::string_view name = parent_of(end); name != end; name = parent_of(name))
    on_cycle = std::min(on_cycle, name);
  std::string text(on_cycle);
  std::string_view next = on_cycle;
  do {
    next = parent_of(next);
    text += " under " + std::string(next);
  } while (next != on_cycle);
  return text;
}

}  // namespace

Result<AccountTree> AccountTree::make(std::vector<AccountSpec> specs, std::string default_account) {
  if (specs.size() > kAccountsMax)
    return fail(Errc::Limit, "more than " + std::to_string(kAccountsMax) + " accounts", {},
                "account");
  std::ranges::sort(specs, {}, &AccountSpec::name);
  std::vector<std::string_view> names;
  for (const AccountSpec& spec : specs) {
    if (auto ok = check_spec(spec); !ok) return fail(ok.error());
    if (!names.empty() && names.back() == spec.name)
      return fail(Errc::BadInput, "account " + spec.name + " is there twice", "merge the two",
                  "account.name");
    names.push_back(spec.name);
  }
  for (const AccountSpec& spec : specs) {
    if (spec.parent.empty() || std::ranges::binary_search(names, spec.parent)) continue;
    const std::string_view near = nearest_match(spec.parent, names);
    return fail(Errc::BadInput,
                "account " + spec.name + " is under " + spec.parent + ", which is no account",
                near.empty() ? "add it, or leave the parent out"
                             : "did you mean " + std::string(near) + "?",
                "account.parent");
  }
  AccountTree tree;
  tree.default_account_ = std::move(default_account);
  std::vector<bool> placed(specs.size());
  for (std::size_t left = specs.size(); left > 0;) {
    const std::size_t before = left;
    for (std::size_t i = 0; i < specs.size(); ++i) {
      const bool ready = specs[i].parent.empty() || tree.ids_.contains(specs[i].parent);
      if (placed[i] || !ready) continue;
      placed[i] = true;
      --left;
      const AccountId parent = tree.id_of(specs[i].parent);
      tree.ids_.emplace(specs[i].name, AccountId(tree.accounts_.size()));
      tree.accounts_.push_back({specs[i], parent});
    }
    if (left < before) continue;
    const auto stuck = std::size_t(std::ranges::find(placed, false) - placed.begin());
    return fail(Errc::BadInput,
                "accounts are under each other: " + cycle_from(specs, specs[stuck].name),
                "let one of them be under the root", "account.parent");
  }
  if (!tree.default_account_.empty() && !tree.ids_.contains(tree.default_account_))
    return fail(Errc::BadInput,
                "the default account " + tree.default_account_ + " is not configured",
                "add an [[account]] of that name", "accounts.default");
  return tree;
}

AccountId AccountTree::id_of(std::string_view name) const {
  const auto found = ids_.find(name);
  return found == ids_.end() ? AccountId{} : found->second;
}

bool AccountTree::may_charge(std::string_view user, AccountId account) const {
  const std::vector<std::string>& users = at(account).spec.users;
  return std::ranges::any_of(users,
                             [&](const std::string& who) { return who == "*" || who == user; });
}

Result<std::string> AccountTree::account_for(std::string_view user, std::string_view asked) const {
  if (!is_configured()) return std::string(asked);
  std::vector<std::string_view> names, allowed;
  for (const auto& [name, id] : ids_) {
    const std::vector<std::string>& users = at(id).spec.users;
    const bool by_name = std::ranges::find(users, user) != users.end();
    if (asked.empty() && by_name) return name;
    names.push_back(name);
    if (may_charge(user, id)) allowed.push_back(name);
  }
  const std::string_view want = asked.empty() ? std::string_view(default_account_) : asked;
  if (want.empty())
    return fail(Errc::BadInput, "the job names no account, and there is no default",
                "add --account=NAME", "account");
  if (!ids_.contains(want)) {
    const std::string_view near = nearest_match(want, names);
    return fail(Errc::NotFound, "there is no account " + std::string(want.substr(0, 64)),
                near.empty() ? "drover share shows the accounts"
                             : "did you mean " + std::string(near) + "?",
                "account");
  }
  if (std::ranges::find(allowed, want) != allowed.end()) return std::string(want);
  std::string may;
  for (const std::string_view name : allowed) may += (may.empty() ? "" : ", ") + std::string(name);
  return fail(Errc::Denied, std::string(user) + " may not charge account " + std::string(want),
              may.empty() ? "ask an operator to add you" : "you may use: " + may, "account");
}

}  // namespace drover::sched
