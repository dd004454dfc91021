// tests/unit/sched/account_tree_test.cpp - which trees are accepted, and who may charge what.
// SPDX-License-Identifier: Apache-2.0
#include "sched/account_tree.hpp"

#include <gtest/gtest.h>

namespace drover::sched {
namespace {

AccountSpec account(std::string name, std::string parent, std::vector<std::string> users = {}) {
  return {std::move(name), std::move(parent), 1, std::move(users), {}};
}

AccountTree science() {
  return AccountTree::make(
             {account("physics", "", {"ann", "bob"}), account("cern", "physics", {"ann"}),
              account("open", "", {"*"}), account("maths", "", {"bob"})},
             "open")
      .value();
}

TEST(AccountTree, RefusesWhatContradicts) {
  struct Row {
    const char* name;
    std::vector<AccountSpec> specs;
    std::string fallback, message;
  };
  const Row rows[] = {
      {"a name twice", {account("a", ""), account("a", "")}, "", "account a is there twice"},
      {"a parent that is not there",
       {account("physics", ""), account("cern", "physic")},
       "",
       "account cern is under physic, which is no account"},
      {"a cycle is printed",
       {account("x", ""), account("a", "c"), account("b", "a"), account("c", "b"),
        account("d", "c")},
       "",
       "accounts are under each other: a under c under b under a"},
      {"an account under itself",
       {account("a", "a")},
       "",
       "accounts are under each other: a under a"},
      {"a default that is none",
       {account("a", "")},
       "b",
       "the default account b is not configured"},
      {"characters of other names", {account("a,b", "")}, "", "'a,b' cannot name an account"},
      {"negative shares", {{"a", "", -1, {}, {}}}, "", "shares of account a are out of range"},
  };
  for (const Row& row : rows) {
    const auto tree = AccountTree::make(row.specs, row.fallback);
    ASSERT_FALSE(tree) << row.name;
    EXPECT_EQ(tree.error().message, row.message) << row.name;
    EXPECT_FALSE(tree.error().field.empty()) << row.name;
  }
}

TEST(AccountTree, ParentsComeBeforeTheirChildren) {
  const AccountTree tree = science();
  ASSERT_EQ(tree.size(), 5u);
  for (std::size_t i = 1; i < tree.size(); ++i)
    EXPECT_LT(std::size_t(tree.at(AccountId(i)).parent), i);
  EXPECT_EQ(tree.at(tree.at(tree.id_of("cern")).parent).spec.name, "physics");
}

TEST(AccountTree, SaysWhichAccountAJobIsChargedTo) {
  const AccountTree tree = science();
  struct Row {
    const char *user, *asked, *account, *message;
  };
  const Row rows[] = {
      {"ann", "physics", "physics", ""},
      {"ann", "", "cern", ""},  // the first in order of names that lists her
      {"bob", "", "maths", ""},
      {"eve", "", "open", ""},  // nobody lists her: the default
      {"eve", "open", "open", ""},
      {"eve", "cern", "", "eve may not charge account cern"},
      {"ann", "cerm", "", "there is no account cerm"},
  };
  for (const Row& row : rows) {
    const auto got = tree.account_for(row.user, row.asked);
    if (*row.message == 0)
      EXPECT_EQ(got.value_or("none"), row.account) << row.user << " " << row.asked;
    else
      EXPECT_EQ(got.error().message, row.message);
  }
  EXPECT_EQ(tree.account_for("ann", "cerm").error().hint, "did you mean cern?");
  EXPECT_EQ(tree.account_for("eve", "cern").error().hint, "you may use: open");
  EXPECT_EQ(AccountTree().account_for("eve", "any").value(), "any");
}

}  // namespace
}  // namespace drover::sched
