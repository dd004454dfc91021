// rm/quota_book.hpp - the rules, found by the labels they speak about.
//
// Rules of one shape (the same labels, exact in the same places) share a table, so a look-up costs
// O(shapes * log rules), and shapes are few however many users have a rule of their own.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <optional>
#include <vector>

#include "rm/quota_rule.hpp"

namespace drover::rm {

class QuotaBook {
 public:
  QuotaBook() = default;
  QuotaBook(std::vector<QuotaRule> rules, QuotaTree tree);

  const std::vector<QuotaRule>& rules() const { return rules_; }
  const QuotaTree& tree() const { return tree_; }

  // The exact combinations that a job with these labels is charged to, outermost first. An account
  // stands for itself and every account above it. Every job is inside the pool of licences, if
  // there is one.
  std::vector<Labels> combinations(const Labels& job_labels) const;

  // What the rules say about one exact combination; nothing when no rule speaks about it.
  std::optional<QuotaRule> effective(const Labels& exact) const;
  bool covers(const Labels& exact) const { return effective(exact).has_value(); }

  // The nearest combination above that a rule speaks about.
  std::optional<Labels> parent(const Labels& exact) const;

 private:
  struct Shape {
    Labels keys;  // label -> "*" or "" where the rules name a value
    std::size_t exact_values = 0;
    std::map<Labels, QuotaRule> rules;  // by the exact values
  };
  static std::optional<Labels> fill(const Shape& shape, const Labels& labels);

  std::vector<QuotaRule> rules_;
  QuotaTree tree_;
  std::vector<Shape> shapes_;  // by keys
  bool has_pool_ = false;      // of licences
};

}  // namespace drover::rm
