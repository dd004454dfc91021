// rm/quota_tree.cpp - the way up from a combination.
// SPDX-License-Identifier: Apache-2.0
#include "rm/quota_tree.hpp"

#include <algorithm>
#include <utility>

namespace drover::rm {
namespace {

const std::string kAccount{kAccountLabel};

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t end = text.find(at);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::vector<std::string> QuotaTree::default_levels() {
  return {"cluster", "partition", "account", "qos", "user", "creator", "engineType"};
}

Result<QuotaTree> QuotaTree::make(const std::vector<std::string>& levels,
                                  std::map<std::string, std::string> parents) {
  QuotaTree tree{Levels{}};
  for (const std::string& level : levels) {
    for (const std::string& label : split(level, '+')) {
      if (label.empty())
        return fail(Errc::BadInput, "the quota level \"" + level + "\" has an empty label",
                    "write levels like \"account\" or \"user+creator\"", "quotas.levels");
      if (!tree.rank_.emplace(label, tree.levels_).second)
        return fail(Errc::BadInput, "the label " + label + " is in two quota levels",
                    "a label belongs to one level", "quotas.levels");
    }
    ++tree.levels_;
  }
  tree.parents_ = std::move(parents);
  for (const auto& [account, parent] : tree.parents_) {
    std::string line = account;
    std::size_t depth = 1;
    for (auto up = tree.parent_account(account); up; up = tree.parent_account(*up)) {
      line += " -> " + *up;
      if (*up == account)
        return fail(Errc::BadInput, "the accounts form a cycle: " + line,
                    "an account cannot be above itself", "accounts");
      if (++depth > kDepthMax)
        return fail(Errc::BadInput, "accounts are nested too deep: " + line,
                    "at most " + std::to_string(kDepthMax) + " levels, and no cycles", "accounts");
    }
  }
  return tree;
}

std::optional<std::string> QuotaTree::parent_account(const std::string& account) const {
  const auto listed = parents_.find(account);
  if (listed != parents_.end()) {
    if (listed->second.empty()) return std::nullopt;
    return listed->second;
  }
  const std::size_t dot = account.rfind('.');
  if (dot == std::string::npos || dot == 0) return std::nullopt;
  return account.substr(0, dot);
}

std::vector<std::string> QuotaTree::account_line(const std::string& account) const {
  std::vector<std::string> line{account};  // ends: make() has walked every listed line to its end
  while (auto up = parent_account(line.back())) line.push_back(std::move(*up));
  return line;
}

std::size_t QuotaTree::rank(const std::string& label) const {
  const auto found = rank_.find(label);
  return found != rank_.end() ? found->second : levels_;
}

bool QuotaTree::step_up(Labels& labels) const {
  if (labels.empty()) return false;
  std::size_t deepest = 0;
  for (const auto& label : labels) deepest = std::max(deepest, rank(label.first));
  if (deepest == levels_) {  // of no level: the last by name goes alone
    auto last = labels.end();
    while (rank((--last)->first) != levels_) {
    }
    if (last->first == kAccountLabel)
      if (auto up = parent_account(last->second)) {
        last->second = std::move(*up);
        return true;
      }
    labels.erase(last);
    return true;
  }
  const auto account = labels.find(kAccount);
  if (account != labels.end() && rank(kAccount) == deepest) {
    if (auto up = parent_account(account->second)) {
      account->second = std::move(*up);
      return true;
    }
  }
  std::erase_if(labels, [&](const auto& label) { return rank(label.first) == deepest; });
  return true;
}

QuotaTree::Order QuotaTree::order(const Labels& labels) const {
  Order order;
  order.labels = labels.size();
  order.name = labels;
  for (const auto& [key, value] : labels) {
    order.level = std::max(order.level, rank(key) + 1);
    if (key == kAccountLabel) order.account_depth = account_line(value).size();
  }
  return order;
}

}  // namespace drover::rm
