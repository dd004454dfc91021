// tests/unit/rm/quota_property_test.cpp - random lives of the quota ledger against a model that
// keeps leases and jobs and sums everything anew.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/prng.hpp"
#include "rm/quota_ledger.hpp"
#include "rm/resource_manager.hpp"

namespace drover::rm {
namespace {

constexpr std::uint64_t kSeeds = 150, kSteps = 200;
constexpr Kind kCpu = Kind::CpuMilli, kMem = Kind::MemMib;
constexpr std::size_t kUsed[] = {std::size_t(kCpu), std::size_t(kMem),
                                 std::size_t(Kind::QueuedJobs)};

// The tree of the test: all > account lines > user. Written out by hand, without rm's code.
std::vector<std::string> accounts_above(std::string account) {
  std::vector<std::string> line{account};
  while (account.find('.') != std::string::npos) {
    account = account.substr(0, account.rfind('.'));
    line.push_back(account);
  }
  return line;
}

struct Holding {
  Labels job;
  Lease lease;
};

struct Model {
  std::vector<QuotaRule> rules;
  std::map<int, Holding> holdings;
  std::map<int, Labels> jobs;
  // What waits for its guarantee: (combination, kind) -> amount.
  std::map<std::pair<Labels, std::size_t>, std::int64_t> claims;
  // Answers of parent() and combinations(), until rules or jobs change.
  mutable std::map<Labels, std::optional<Labels>> parents;
  mutable std::set<Labels> known;
  void changed() {
    parents.clear();
    known.clear();
  }

  const QuotaRule* rule(const Labels& exact) const {
    const QuotaRule* found = nullptr;
    for (const QuotaRule& rule : rules) {
      if (rule.match.size() != exact.size()) continue;
      bool same = true, wild = false;
      for (const auto& [key, value] : rule.match) {
        wild |= value == "*";
        same &= exact.contains(key) && (value == "*" || exact.at(key) == value);
      }
      if (same && (found == nullptr || !wild)) found = &rule;
    }
    return found;
  }
  static bool belongs(const Labels& job, const Labels& exact) {
    return std::ranges::all_of(exact, [&](const auto& label) {
      if (!job.contains(label.first)) return false;
      if (label.first != "account") return job.at(label.first) == label.second;
      const auto line = accounts_above(job.at("account"));
      return std::ranges::find(line, label.second) != line.end();
    });
  }
  std::optional<Labels> parent(const Labels& exact) const {
    const auto seen = parents.find(exact);
    if (seen != parents.end()) return seen->second;
    return parents.emplace(exact, find_parent(exact)).first->second;
  }
  std::optional<Labels> find_parent(Labels exact) const {
    while (!exact.empty()) {
      if (exact.contains("user"))
        exact.erase("user");
      else if (const auto line = accounts_above(exact.at("account")); line.size() > 1)
        exact["account"] = line[1];
      else
        exact.erase("account");
      if (rule(exact) != nullptr) return exact;
    }
    return std::nullopt;
  }
  // Every combination that is known: of exact rules, of live jobs, and what lies above them.
  const std::set<Labels>& combinations() const {
    if (!known.empty()) return known;
    std::set<Labels>& found = known;
    const auto add = [&](const Labels& exact) {
      if (rule(exact) == nullptr) return;
      found.insert(exact);
      for (auto up = parent(exact); up; up = parent(*up)) found.insert(*up);
    };
    for (const QuotaRule& rule : rules)
      if (std::ranges::none_of(rule.match, [](const auto& l) { return l.second == "*"; }))
        add(rule.match);
    for (const auto& numbered : jobs)
      for (const Labels& exact : chain(numbered.second)) add(exact);
    return found;
  }
  // The combinations of one job, outermost first.
  std::vector<Labels> chain(const Labels& job) const {
    std::vector<Labels> all{{}};
    auto line = accounts_above(job.at("account"));
    std::ranges::reverse(line);
    for (const std::string& account : line) all.push_back({{"account", account}});
    all.push_back({{"user", job.at("user")}});
    for (const std::string& account : line)
      all.push_back({{"account", account}, {"user", job.at("user")}});
    std::erase_if(all, [&](const Labels& exact) { return rule(exact) == nullptr; });
    return all;
  }
  std::int64_t held(const Labels& exact, std::size_t k) const {
    std::int64_t sum = 0;
    for (const auto& [number, holding] : holdings)
      if (belongs(holding.job, exact)) sum += holding.lease.amounts.of[k];
    if (Kind(k) == Kind::QueuedJobs)
      for (const auto& [number, job] : jobs) sum += belongs(job, exact) ? 1 : 0;
    return sum;
  }
  // What `exact` keeps from its siblings when its jobs with labels `job` hold `more` than now;
  // `now`: also for those who wait.
  std::int64_t keeps(const Labels& exact, std::size_t k, const Labels& job, std::int64_t more,
                     bool now) const {
    const QuotaRule& own = *rule(exact);
    std::int64_t kept = below(exact, k, job, more, now);
    const bool lends = own.lend && !(now && claims.count({exact, k}) == 1);
    if (!lends)
      kept = std::max(kept, own.guaranteed.of[k] - held(exact, k) -
                                (!job.empty() && belongs(job, exact) ? more : 0));
    return std::max<std::int64_t>(kept, 0);
  }
  std::int64_t below(const Labels& exact, std::size_t k, const Labels& job, std::int64_t more,
                     bool now) const {
    std::int64_t sum = 0;
    for (const Labels& child : combinations())
      if (parent(child) == exact) sum += keeps(child, k, job, more, now);
    return sum;
  }
  bool is_inside(const Labels& exact, const std::string& outer) const {
    for (auto up = parent(exact); up; up = parent(*up))
      if (quota_name(*up) == outer) return true;
    return false;
  }
  bool is_owed(const Labels& job, const Labels& outer, std::size_t k, std::int64_t want) const {
    return std::ranges::any_of(chain(job), [&](const Labels& exact) {
      return is_inside(exact, quota_name(outer)) &&
             held(exact, k) + want <= rule(exact)->guaranteed.of[k];
    });
  }
  std::optional<QuotaShort> first_short(const Labels& job, const Amounts& want) const {
    for (const Labels& exact : chain(job))
      for (const std::size_t k : kUsed) {
        const std::int64_t max = rule(exact)->max.of[k], asks = want.of[k];
        if (asks == 0 || max < 0) continue;
        const std::int64_t has = held(exact, k), firm = below(exact, k, job, asks, false),
                           now = below(exact, k, job, asks, true);
        if (has + firm + asks > max)
          return QuotaShort{quota_name(exact), Kind(k), max, has, asks, 0, firm};
        if (has + now + asks > max && !is_owed(job, exact, k, asks))
          return QuotaShort{quota_name(exact), Kind(k), max, has, asks, 0, now};
      }
    return std::nullopt;
  }
  void claim(const Labels& job, const Amounts& want, const QuotaShort& shortage) {
    const auto k = std::size_t(shortage.kind);
    for (const Labels& exact : chain(job)) {
      if (!is_inside(exact, shortage.quota) || rule(exact)->guaranteed.of[k] == 0) continue;
      if (held(exact, k) + want.of[k] > rule(exact)->guaranteed.of[k]) continue;
      auto& amount = claims[{exact, k}];
      amount = std::max(amount, want.of[k]);
    }
  }
  void unclaim(const Labels& job, const Amounts* placed) {
    std::erase_if(claims, [&](const auto& claim) {
      return belongs(job, claim.first.first) &&
             (placed == nullptr || placed->of[claim.first.second] > 0);
    });
  }
};

struct Met {
  std::uint64_t granted = 0, refused = 0, kept = 0, claims = 0, victims = 0, queue_full = 0,
                forgotten = 0;
};

class Life {
 public:
  Met met;
  explicit Life(std::uint64_t seed) : random_(seed) { edit(); }

  void step() {
    const std::uint64_t dice = random_.below(100);
    if (dice < 25)
      enter();
    else if (dice < 62)
      acquire();
    else if (dice < 74)
      release();
    else if (dice < 80)
      leave();
    else if (dice < 83)
      use();
    else if (dice < 86)
      edit();
    else
      preempt();
    if (++steps_ % 10 == 0) compare();
  }
  void finish() {
    while (!model_.holdings.empty()) release();
    while (!model_.jobs.empty()) leave();
    compare();
  }

 private:
  void edit() {
    static const std::vector<Labels> kMatches = {{},
                                                 {{"account", "a"}},
                                                 {{"account", "a.b"}},
                                                 {{"account", "c"}},
                                                 {{"account", "*"}},
                                                 {{"user", "*"}},
                                                 {{"user", "u1"}},
                                                 {{"account", "a"}, {"user", "u1"}},
                                                 {{"account", "a.b"}, {"user", "*"}}};
    for (int tries = 0; tries < 50; ++tries) {
      std::vector<QuotaRule> rules;
      for (const Labels& match : kMatches) {
        if (random_.chance(40)) continue;
        QuotaRule rule;
        rule.match = match;
        const bool wild = std::ranges::any_of(match, [](const auto& l) { return l.second == "*"; });
        const auto size = std::int64_t(match.empty() ? 20 : 10);
        if (random_.chance(70)) rule.max[kCpu] = size / 2 + std::int64_t(random_.below(10));
        if (random_.chance(30)) rule.max[kMem] = size + std::int64_t(random_.below(10));
        if (random_.chance(20)) rule.max[Kind::QueuedJobs] = std::int64_t(1 + random_.below(5));
        if (!wild && !match.empty() && random_.chance(70)) {
          rule.guaranteed[kCpu] = std::int64_t(random_.below(7));
          if (random_.chance(30)) rule.guaranteed[kMem] = std::int64_t(random_.below(6));
          rule.lend = random_.chance(60);
          if (rule.lend && random_.chance(60)) rule.reclaim = Reclaim::Preempt;
        }
        rules.push_back(rule);
      }
      if (!check_quotas(rules, tree_, names_)) continue;
      model_.rules = rules;
      model_.claims.clear();
      model_.changed();
      sound_ = model_.holdings.empty();
      ledger_.set_rules(QuotaBook(rules, tree_));
      return;
    }
  }

  Labels random_job() {
    static constexpr const char* kAccounts[] = {"a", "a.b", "a.b.x", "c", "d"};
    return {{"account", kAccounts[random_.below(5)]},
            {"user", "u" + std::to_string(random_.below(3))}};
  }
  template <class Map>
  typename Map::iterator any(Map& map) {
    return std::next(map.begin(), std::ptrdiff_t(random_.below(map.size())));
  }

  void enter() {
    const Labels job = random_job();
    Amounts one;
    one[Kind::QueuedJobs] = 1;
    const auto expected = model_.first_short(job, one);
    const auto got = ledger_.try_enter(job);
    ASSERT_EQ(std::holds_alternative<QuotaShort>(got), expected.has_value());
    if (expected) {
      ++met.queue_full;
      expect_same(std::get<QuotaShort>(got), *expected);
      return;
    }
    paths_[next_] = std::get<PathId>(got);
    model_.jobs[next_++] = job;
    model_.changed();
  }
  void leave() {
    if (model_.jobs.empty()) return;
    const auto at = any(model_.jobs);
    const bool busy = std::ranges::any_of(model_.holdings, [&](const auto& holding) {
      return holding.second.lease.path == paths_.at(at->first) && holding.second.job == at->second;
    });
    const auto twins = std::ranges::count_if(
        model_.jobs, [&](const auto& other) { return other.second == at->second; });
    if (busy && twins == 1) return;  // a path's last job leaves after its leases
    ledger_.leave(paths_.at(at->first));
    model_.unclaim(at->second, nullptr);
    model_.jobs.erase(at);
    model_.changed();
  }
  void acquire() {
    if (model_.jobs.empty()) return;
    const auto at = any(model_.jobs);
    const Labels job = at->second;
    const PathId path = paths_.at(at->first);
    Amounts want;
    want[kCpu] = std::int64_t(1 + random_.below(4));
    if (random_.chance(30)) want[kMem] = std::int64_t(1 + random_.below(4));
    const auto expected = model_.first_short(job, want);
    const auto got = ledger_.first_short(path, want);
    ASSERT_EQ(got.has_value(), expected.has_value());
    if (got) {
      ++met.refused;
      met.kept += got->kept > 0 ? 1 : 0;
      expect_same(*got, *expected);
      expect_promises(job, *got);
      ledger_.remember_claim(path, want, *got);
      model_.claim(job, want, *expected);
      met.claims += model_.claims.size();
      return;
    }
    ++met.granted;
    Lease lease;
    lease.amounts = want;
    lease.path = path;
    ledger_.lock(path, want);
    model_.holdings[next_++] = {job, lease};
    model_.unclaim(job, &want);
  }
  // Where nobody lends, nobody is refused what it is guaranteed, unless an edit has drained it.
  void expect_promises(const Labels& job, const QuotaShort& shortage) {
    if (!sound_) return;
    const auto k = std::size_t(shortage.kind);
    for (const Labels& exact : model_.chain(job)) {
      const QuotaRule& rule = *model_.rule(exact);
      if (!model_.is_inside(exact, shortage.quota) || rule.lend || rule.guaranteed.of[k] == 0)
        continue;
      EXPECT_GT(model_.held(exact, k) + shortage.asked, rule.guaranteed.of[k])
          << quota_name(exact) << " was refused its guarantee by " << shortage.quota;
    }
  }
  static void expect_same(const QuotaShort& got, const QuotaShort& expected) {
    EXPECT_EQ(got.quota, expected.quota);
    EXPECT_EQ(got.kind, expected.kind);
    EXPECT_EQ(got.limit, expected.limit);
    EXPECT_EQ(got.held, expected.held);
    EXPECT_EQ(got.asked, expected.asked);
    EXPECT_EQ(got.kept, expected.kept);
  }
  void use() {
    if (model_.holdings.empty()) return;
    Lease& lease = any(model_.holdings)->second.lease;
    if (lease.used) return;
    ledger_.mark_used(lease.path, lease.amounts);
    lease.used = true;
  }
  void release() {
    if (model_.holdings.empty()) return;
    const auto at = any(model_.holdings);
    const Lease& lease = at->second.lease;
    std::vector<std::uint32_t> freed;
    ledger_.take_freed(freed);
    ledger_.release(lease.path, lease.amounts, lease.used);
    ledger_.take_freed(freed);
    EXPECT_EQ(freed.size(), model_.chain(at->second.job).size());
    model_.holdings.erase(at);
  }
  // Taking the victims gives the claimant the room it was refused, and takes nobody below its own.
  void preempt() {
    for (const Claim& claim : ledger_.claims()) {
      std::vector<const Lease*> live;
      for (const auto& [number, holding] : model_.holdings) live.push_back(&holding.lease);
      const auto victims = ledger_.victims(claim, live);
      std::int64_t freed = 0;
      for (const Lease* victim : victims) freed += victim->amounts[claim.kind];
      met.victims += victims.size();
      for (const Lease* victim : victims) {
        const auto at = std::ranges::find_if(
            model_.holdings, [&](const auto& h) { return &h.second.lease == victim; });
        const Labels job = at->second.job;
        ledger_.release(victim->path, victim->amounts, victim->used);
        const auto k = std::size_t(claim.kind);
        model_.holdings.erase(at);
        for (const Labels& exact : model_.chain(job)) {
          const bool inside = model_.is_inside(exact, claim.quota);
          const std::int64_t owns = model_.rule(exact)->guaranteed.of[k];
          if (inside && owns > 0) {
            EXPECT_GE(model_.held(exact, k), owns) << quota_name(exact);
          }
        }
      }
      if (freed < claim.owed) continue;
      for (const Claim& left : ledger_.claims())
        EXPECT_FALSE(left.claimant == claim.claimant && left.kind == claim.kind &&
                     left.quota == claim.quota)
            << claim.claimant << " is still owed " << left.owed;
      return;  // the others' numbers were of before
    }
  }
  void compare() {
    std::vector<const Lease*> live;
    std::vector<PathId> jobs;
    for (const auto& [number, holding] : model_.holdings) live.push_back(&holding.lease);
    for (const auto& [number, job] : model_.jobs) jobs.push_back(paths_.at(number));
    std::vector<std::string> problems;
    ledger_.check(live, &jobs, problems);
    EXPECT_TRUE(problems.empty()) << problems.front();
    std::set<std::string> expected, got;
    for (const Labels& exact : model_.combinations()) expected.insert(quota_name(exact));
    ledger_.visit([&](const Labels& labels, const QuotaLedger::Sums& sums) {
      got.insert(quota_name(labels));
      for (const std::size_t k : kUsed) EXPECT_EQ(sums.held(k), model_.held(labels, k));
    });
    EXPECT_EQ(got, expected) << "what nobody uses is forgotten";
    met.forgotten += model_.jobs.empty() ? 1 : 0;
    for (const QuotaView& view : ledger_.views()) {
      const Labels exact = *quota_labels(view.name);
      for (const std::size_t k : kUsed)
        EXPECT_EQ(view.kept.of[k], model_.below(exact, k, {}, 0, true)) << view.name;
    }
  }

  Prng random_;
  QuotaTree tree_;
  ResourceNames names_;
  QuotaLedger ledger_;
  Model model_;
  std::map<int, PathId> paths_;
  int next_ = 0;
  std::uint64_t steps_ = 0;
  bool sound_ = false;
};

TEST(QuotaProperty, EveryAnswerIsTheModelsAnswer) {
  const char* env = std::getenv("SEED");
  const std::uint64_t first = env != nullptr ? std::strtoull(env, nullptr, 10) : 1;
  Met met;
  for (std::uint64_t seed = first; seed < first + (env != nullptr ? 1 : kSeeds); ++seed) {
    Life life(seed);
    for (std::uint64_t step = 0; step <= kSteps; ++step) {
      if (step < kSteps)
        life.step();
      else
        life.finish();
      ASSERT_FALSE(testing::Test::HasFailure())
          << "step " << step << "; replay: SEED=" << seed
          << " build/dev/bin/rm_test --gtest_filter=QuotaProperty.*";
    }
    met.granted += life.met.granted, met.refused += life.met.refused, met.kept += life.met.kept;
    met.claims += life.met.claims, met.victims += life.met.victims;
    met.queue_full += life.met.queue_full, met.forgotten += life.met.forgotten;
  }
  if (env != nullptr) return;
  EXPECT_GT(met.granted, 3'000u);
  EXPECT_GT(met.refused, 3'000u);
  EXPECT_GT(met.kept, 300u);
  EXPECT_GT(met.claims, 100u);
  EXPECT_GT(met.victims, 30u);
  EXPECT_GT(met.queue_full, 20u);
  EXPECT_GE(met.forgotten, kSeeds);
}

}  // namespace
}  // namespace drover::rm
