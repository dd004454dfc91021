// rm/quota_rule.hpp - what an operator may say about a label combination, and whether a set of such
// sayings makes sense.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "rm/amounts.hpp"
#include "rm/quota_tree.hpp"
#include "rm/request.hpp"

namespace drover::rm {

class ResourceNames;

// How a quota gets back what others borrowed of its guarantee: when their tasks end, or at once.
enum class Reclaim : std::uint8_t { Wait, Preempt };

inline constexpr Amounts kUnlimited = [] {
  Amounts none;
  none.of.fill(-1);
  return none;
}();

// A limit on every value of a label combination, or on one exact combination. The rule with more
// exact values wins a combination; among equals the tighter number does. A job without one of the
// labels is not limited. No label at all: every job. See docs/quotas.md.
struct QuotaRule {
  Labels match;              // {"user":"ann"} exact; {"user":"*"} one counter per user
  Amounts max = kUnlimited;  // -1 in a slot = no limit on that kind
  Amounts guaranteed{};      // 0 = none; exact combinations only
  Reclaim reclaim = Reclaim::Wait;
  bool lend = true;  // siblings may use what is guaranteed and not used
  friend bool operator==(const QuotaRule&, const QuotaRule&) = default;
};

inline constexpr std::size_t kQuotaRulesMax = 10'000;

// "user=ann,creator=cli" in label order; "all" for no label. The reverse answers BadInput.
std::string quota_name(const Labels& labels);
Result<Labels> quota_labels(std::string_view name);

std::string_view to_string(Reclaim reclaim);  // "wait", "preempt"

// "8 cpus", for messages. Thousandths are shown only when there are some.
std::string amount_text(std::int64_t amount, Kind kind, const ResourceNames& names);

// Sets the amount that `word` names, written in whole units. BadInput: an unknown word (the nearest
// is named), a negative number, or one above kMaxAmount.
Result<void> put_amount(Amounts& into, std::string_view word, std::int64_t value,
                        const ResourceNames& names);

// Refuses the whole set when one rule is impossible or two contradict: a negative or huge amount,
// illegal characters, two rules for one combination, more guaranteed than allowed, the guarantees
// of children above what their parent may hold. The error names both sides. O(rules * depth).
Result<void> check_quotas(const std::vector<QuotaRule>& rules, const QuotaTree& tree,
                          const ResourceNames& names);

}  // namespace drover::rm
