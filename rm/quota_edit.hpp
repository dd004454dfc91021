// rm/quota_edit.hpp - a change of the quotas while they are in use, and what it would do.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "rm/quota_rule.hpp"
#include "rm/resource_names.hpp"

namespace drover::rm {

class QuotaLedger;

// What the store keeps.
struct QuotaTable {
  std::uint64_t version = 0;           // grows with every edit
  bool edited = false;                 // false: the rules are those of the configuration
  std::vector<QuotaRule> rules;        // when edited
  std::vector<std::string> resources;  // the slots of named kinds, in the store's leases too
  friend bool operator==(const QuotaTable&, const QuotaTable&) = default;
};

struct QuotaEdit {
  std::optional<std::uint64_t> version;  // refused when the quotas have changed since
  bool replace = false;                  // `put` is all there is
  bool reset = false;                    // back to the configuration
  std::vector<QuotaRule> put;            // by match
  std::vector<Labels> remove;
};

struct QuotaChange {
  std::string name;
  std::optional<QuotaRule> before, after;
  // What is held now: by an exact combination, or by that of a * which holds most of each kind.
  Amounts held;
  std::size_t combinations = 0;  // that the rule speaks about now
};
struct QuotaDrain {  // holds more than the edit allows: nothing is killed, nothing is added
  std::string quota;
  Kind kind{};
  std::int64_t held = 0, max = 0;
};
struct QuotaDiff {
  std::vector<QuotaChange> changes;  // by name
  std::vector<QuotaDrain> drains;    // by name, at most kDrainsShown
  std::size_t drains_total = 0;
  static constexpr std::size_t kDrainsShown = 100;
};

// The whole set after the edit, unchecked. NotFound: a rule to remove that is not there.
Result<std::vector<QuotaRule>> apply_edit(std::vector<QuotaRule> now, const QuotaEdit& edit,
                                          const std::vector<QuotaRule>& configured);
// O((paths + combinations) * shapes of rules).
QuotaDiff diff_quotas(const QuotaLedger& ledger, const std::vector<QuotaRule>& after);

// Moves named amounts to the slots that `to` has for their names; a name it lacks is left out.
void translate(QuotaRule& rule, const ResourceNames& from, const ResourceNames& to);

}  // namespace drover::rm
