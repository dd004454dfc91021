// rm/licence.hpp - the cluster's licences: counted on no node, as one more quota that every job is
// inside of.
//
// A licence "matlab" is the named resource "licence:matlab". Their totals are the limits of one
// quota, the pool, whose match nobody can write; so a task takes its licences in the same step as
// its place in quotas and its nodes, and all books and checks of quotas hold for them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "rm/quota_rule.hpp"
#include "rm/quota_view.hpp"
#include "rm/resource_names.hpp"

namespace drover::rm {

inline constexpr std::string_view kLicencePrefix = "licence:";
inline constexpr std::string_view kLicencePool = "licences";  // its name as a quota
inline constexpr std::size_t kLicencesPerJob = 16;

Labels licence_pool();  // the match
std::string licence_word(std::string_view name);
std::string_view licence_name(std::string_view word);  // "" when it is no licence's word

// The words that `totals` needs beside those in `words`, to be given slots.
std::vector<std::string> licence_words(const Counts& totals, const std::vector<std::string>& words);

// Licences that have a slot and no total are not there (any more): nobody gets one.
QuotaRule licence_rule(const Counts& totals, const ResourceNames& names);

inline bool is_licence(const QuotaShort& shortage) { return shortage.quota == kLicencePool; }

// Whether names can be names and totals can be counted.
Result<void> check_licences(const Counts& totals);
// Whether a job may ask for so many; the error has the nearest name or the total. Field "licences".
Result<void> can_ever_have(const Counts& asked, const Counts& totals);

class ResourceManager;
struct LicenceView {
  std::string name;
  std::int64_t total = 0, locked = 0, used = 0;  // more may be held than there are, after a change
};
std::vector<LicenceView> licences_of(const ResourceManager& manager);  // by name

}  // namespace drover::rm
