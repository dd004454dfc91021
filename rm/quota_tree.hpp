// rm/quota_tree.hpp - which label combination lies inside which: the levels and the accounts.
//
// A combination's way up drops the labels of its deepest level; an account first turns into its
// parent account, until there is none. {partition=p, account=a.b} with the levels partition,
// account goes to {partition=p, account=a}, {partition=p}, {}. Labels of no level are deeper than
// all levels and leave in the reverse order of their names. So every combination has one way up.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <compare>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "rm/request.hpp"

namespace drover::rm {

inline constexpr std::string_view kAccountLabel = "account";

class QuotaTree {
 public:
  QuotaTree() : QuotaTree(*make(default_levels(), {})) {}

  // `levels`, outermost first, as "user+creator". `parents`: account -> parent account; an account
  // that is not listed has the dotted part before its last "." as parent. BadInput: a label in two
  // levels, an empty level, a cycle of accounts (which is printed), a chain longer than kDepthMax.
  static Result<QuotaTree> make(const std::vector<std::string>& levels,
                                std::map<std::string, std::string> parents);
  static std::vector<std::string> default_levels();

  std::optional<std::string> parent_account(const std::string& account) const;
  // The account itself, its parent, and so on.
  std::vector<std::string> account_line(const std::string& account) const;

  // One step up; false when `labels` is empty already.
  bool step_up(Labels& labels) const;

  // Sorts outer combinations before inner ones; ties by name.
  struct Order {
    std::size_t level = 0, labels = 0, account_depth = 0;
    Labels name;
    friend auto operator<=>(const Order&, const Order&) = default;
  };
  Order order(const Labels& labels) const;

  static constexpr std::size_t kDepthMax = 32;

 private:
  struct Levels {};
  explicit QuotaTree(Levels) {}
  std::size_t rank(const std::string& label) const;  // of a level; levels_ when in none

  std::map<std::string, std::size_t, std::less<>> rank_;
  std::size_t levels_ = 0;
  std::map<std::string, std::string> parents_;
};

}  // namespace drover::rm
