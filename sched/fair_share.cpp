// sched/fair_share.cpp - charging, decay by growing weights, and the walk that ranks users.
// SPDX-License-Identifier: Apache-2.0
#include "sched/fair_share.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/check.hpp"

namespace drover::sched {
namespace {

constexpr int kFractionBits = 10;  // a half-life has 1,024 steps of weight
constexpr std::int64_t kSteps = 1 << kFractionBits;
constexpr int kWeightBits = 20;
constexpr std::int64_t kHalfLivesPerBase = 16;
// Sums stay below 2^127: 82 bits of one charge, 20 of its weight, 16 of the age of the base.
constexpr std::int64_t kChargeMax = std::int64_t(1) << 62;
constexpr std::int64_t kRateMax = std::int64_t(1) << 40;
constexpr std::int64_t kSpanMax = std::int64_t(1) << 45;  // microseconds: a year
constexpr Wide kUsageMax = Wide(1) << 118;                // of one user: a bound, never met

constexpr std::uint64_t root_of(Wide square) {
  std::uint64_t root = 0;
  for (int bit = 63; bit >= 0; --bit) {
    const std::uint64_t next = root | std::uint64_t(1) << bit;
    if (Wide(next) * next <= square) root = next;
  }
  return root;
}

// 2^(i / 1024) with 20 bits behind the point, from square roots alone: the same on every machine.
constexpr auto kWeights = [] {
  std::array<std::uint64_t, kFractionBits> roots{};  // 2^(1/2), 2^(1/4), ... with 62 bits
  std::uint64_t last = std::uint64_t(1) << 63;
  for (std::uint64_t& root : roots) root = last = root_of(Wide(last) << 62);
  std::array<std::uint32_t, kSteps> weights{};
  for (std::size_t i = 0; i < weights.size(); ++i) {
    Wide weight = Wide(1) << 62;
    for (int bit = 0; bit < kFractionBits; ++bit)
      if ((i >> bit & 1) != 0) weight = weight * roots[std::size_t(kFractionBits - 1 - bit)] >> 62;
    weights[i] = std::uint32_t(weight >> (62 - kWeightBits));
  }
  return weights;
}();
static_assert(kWeights[0] == 1u << kWeightBits && kWeights[512] == 1482910);

struct Step {  // of weight: 2^halves * kWeights[fraction]
  int halves = 0;
  std::size_t fraction = 0;
};

Step step_of(Duration age, Duration half_life) {
  const std::int64_t us = std::max<std::int64_t>(0, age.us);
  const auto halves = std::min<std::int64_t>(us / half_life.us, 120);  // nothing is left by then
  const std::int64_t fraction = us % half_life.us / (half_life.us / kSteps);
  return {int(halves), std::size_t(std::min(fraction, kSteps - 1))};
}

std::int64_t ppm(Wide part, Wide whole) {
  if (whole == 0) return 0;
  while (whole >> 100 != 0) {
    whole >>= 1;
    part >>= 1;
  }
  return std::int64_t(part * FairShare::kOne / whole);
}

}  // namespace

std::int64_t usage_rate(const rm::Amounts& amounts, const UsageWeights& weights,
                        std::int64_t factor_percent) {
  using rm::Kind;
  // Every start and end comes here, and wide division is slow: what is small does without.
  constexpr std::int64_t kSmall = std::int64_t(1) << 31;
  const auto part = [](std::int64_t amount, std::int64_t weight, auto unit) {
    if (amount <= 0 || weight == 0) return Wide(0);
    if (amount < kSmall && weight > 0 && weight < kSmall) return Wide(amount * weight / unit);
    return Wide(amount) * Wide(weight) / Wide(unit);
  };
  const Wide sum =
      part(amounts[Kind::CpuMilli], weights.cpu, std::integral_constant<std::int64_t, 1000>()) +
      part(amounts[Kind::MemMib], weights.mem_gib, std::integral_constant<std::int64_t, 1024>()) +
      part(amounts[Kind::GpuMilli], weights.gpu, std::integral_constant<std::int64_t, 1000>());
  if (sum < Wide(kRateMax) && factor_percent == 100) return std::int64_t(sum);
  return std::int64_t(std::min(sum * Wide(factor_percent) / 100, Wide(kRateMax)));
}

FairShare::FairShare(AccountTree tree, Duration half_life)
    : tree_(std::move(tree)), half_life_(half_life), sums_(tree_.size()) {
  DROVER_CHECK(half_life.us >= kSteps, "a half-life without length");
  for (std::size_t i = 1; i < tree_.size(); ++i) {
    const AccountTree::Account& account = tree_.at(AccountId(i));
    Sum& parent = sums_[std::size_t(account.parent)];
    parent.accounts.push_back(AccountId(i));
    parent.shares += account.spec.shares;
  }
  for (std::size_t i = 1; i < tree_.size(); ++i)
    for (const std::string& user : tree_.at(AccountId(i)).spec.users)
      if (user != "*") leaf(tree_.at(AccountId(i)).spec.name, user);
}

LeafId FairShare::leaf(std::string_view account, std::string_view user) {
  const AccountId id = tree_.id_of(account);
  Sum& sum = sums_[std::size_t(id)];
  if (const auto found = sum.users.find(user); found != sum.users.end()) return found->second;
  const auto made = LeafId(leaves_.size());
  Leaf& leaf = leaves_.emplace_back();
  leaf.account = id;
  leaf.user = user;
  const auto& shares = tree_.at(id).spec.user_shares;
  if (const auto own = shares.find(leaf.user); own != shares.end()) leaf.shares = own->second;
  sum.shares += leaf.shares;
  sum.users.emplace(leaf.user, made);
  return made;
}

Wide FairShare::weigh(std::int64_t milli_cpu_us, Time at) {
  if (!base_.is_set() || at.us >= base_.us + kHalfLivesPerBase * half_life_.us) rebase(at);
  const Step step = step_of(at - base_, half_life_);
  return Wide(milli_cpu_us) * kWeights[step.fraction] << step.halves;
}

std::int64_t FairShare::unweigh(Wide usage, Time now) const {
  const Step step = step_of(now - base_, half_life_);
  const Wide us = (usage / kWeights[step.fraction]) >> step.halves;
  return std::int64_t(us / 1'000'000);
}

// The weight of `to` becomes small again. A clock that went back moves nothing: its charges weigh
// as much as the base.
void FairShare::rebase(Time to) {
  const std::int64_t span = kHalfLivesPerBase * half_life_.us;
  const Time base{std::max<std::int64_t>(1, to.us / span * span)};
  const std::int64_t halves = !base_.is_set() ? 0 : (base.us - base_.us) / half_life_.us;
  base_ = base;
  if (halves <= 0) return;
  for (Sum& sum : sums_) sum.usage = 0;
  for (Leaf& leaf : leaves_) {
    const Wide usage = halves >= 127 ? 0 : leaf.usage >> halves;
    leaf.usage = 0;
    add(leaf, usage);
  }
}

void FairShare::add(Leaf& leaf, Wide usage) {
  const Wide room = kUsageMax - leaf.usage;
  usage = std::min(usage, room);
  leaf.usage += usage;
  dirty_ = true;
  for (AccountId id = leaf.account;; id = tree_.at(id).parent) {
    sums_[std::size_t(id)].usage += usage;
    if (id == AccountId{}) return;
  }
}

void FairShare::charge(LeafId id, std::int64_t milli_cpu_us, Time at) {
  if (milli_cpu_us <= 0) return;
  const Wide usage = weigh(std::min(milli_cpu_us, kChargeMax), at);
  add(leaves_[std::size_t(id)], usage);
}

void FairShare::settle(Leaf& leaf, Time now) {
  const std::int64_t span = std::clamp<std::int64_t>(now.us - leaf.settled.us, 0, kSpanMax);
  if (leaf.rate > 0 && span > 0 && leaf.settled.is_set()) {
    const Wide per_us = weigh(1, now);
    add(leaf, Wide(leaf.rate) * Wide(span) * per_us);
  }
  leaf.settled = now;
}

void FairShare::change_rate(LeafId id, std::int64_t by, Time now) {
  Leaf& leaf = leaves_[std::size_t(id)];
  settle(leaf, now);
  DROVER_CHECK(leaf.rate + by >= 0, "a user gave back more than was held");
  leaf.rate += by;
  for (AccountId account = leaf.account;; account = tree_.at(account).parent) {
    sums_[std::size_t(account)].rate += by;
    if (account == AccountId{}) return;
  }
}

void FairShare::restore_rate(LeafId id, std::int64_t rate) {
  Leaf& leaf = leaves_[std::size_t(id)];
  leaf.rate += rate;
  for (AccountId account = leaf.account;; account = tree_.at(account).parent) {
    sums_[std::size_t(account)].rate += rate;
    if (account == AccountId{}) return;
  }
}

// With another half-life than the record's, what is left of its usage is charged anew.
void FairShare::restore(const UsageRecord& record) {
  const Wide usage = Wide(record.high) << 64 | record.low;
  if (!record.account.empty() && tree_.id_of(record.account) == AccountId{}) return;  // it is gone
  Leaf& to = leaves_[std::size_t(leaf(record.account, record.user))];
  to.settled = record.settled;
  if (record.half_life.us < kSteps) return;
  if (record.half_life == half_life_) {
    const std::int64_t span = kHalfLivesPerBase * half_life_.us;
    if (!base_.is_set() || record.base.us >= base_.us + span) rebase(record.base);
    const std::int64_t older =
        std::max<std::int64_t>(0, (base_.us - record.base.us) / half_life_.us);
    add(to, older >= 127 ? 0 : usage >> older);
    return;
  }
  const Step step = step_of(record.settled - record.base, record.half_life);
  const Wide left = (usage / kWeights[step.fraction]) >> step.halves;
  const Wide per_us = weigh(1, record.settled);
  add(to, std::min(left, Wide(1) << 80) * per_us);
}

void FairShare::add_children(AccountId account, std::vector<Child>& pool) const {
  const Sum& sum = sums_[std::size_t(account)];
  // 1 + rest / own instead of all / own: each step is monotone in the child's own usage, so using
  // more never looks fairer, not even in the last bit.
  const auto fairness = [&](std::int64_t shares, Wide own) {
    if (shares == 0) return 0.0;
    if (own == 0) return std::numeric_limits<double>::infinity();
    const double part = double(shares) / double(sum.shares);
    return part * (1.0 + double(sum.usage - own) / double(own));
  };
  for (const AccountId id : sum.accounts)
    pool.push_back({fairness(tree_.at(id).spec.shares, sums_[std::size_t(id)].usage), false,
                    std::uint32_t(id)});
  for (const auto& [name, id] : sum.users) {
    const Leaf& leaf = leaves_[std::size_t(id)];
    pool.push_back({fairness(leaf.shares, leaf.usage), true, std::uint32_t(id)});
  }
}

// Nobody below has used anything: however deep in the tree, all are owed the same.
void FairShare::open_unused(std::vector<Child>& pool) const {
  constexpr double kUnused = std::numeric_limits<double>::infinity();
  std::vector<Child> open;
  for (std::size_t i = 0; i < pool.size(); ++i) {
    const Child child = pool[i];
    if (child.is_user || child.fairness != kUnused) {
      open.push_back(child);
      continue;
    }
    const Sum& sum = sums_[child.id];
    for (const AccountId id : sum.accounts) pool.push_back({kUnused, false, std::uint32_t(id)});
    for (const auto& [name, id] : sum.users) open.push_back({kUnused, true, std::uint32_t(id)});
  }
  pool = std::move(open);
}

void FairShare::walk(std::vector<Child> pool, std::size_t& passed, bool& changed) {
  open_unused(pool);
  std::ranges::sort(pool, [](const Child& a, const Child& b) {
    if (a.fairness != b.fairness) return a.fairness > b.fairness;
    return a.is_user != b.is_user ? a.is_user : a.id < b.id;
  });
  for (std::size_t i = 0; i < pool.size();) {
    const double fairness = pool[i].fairness;
    const std::size_t before = passed;
    std::vector<Child> below;
    for (; i < pool.size() && pool[i].fairness == fairness; ++i) {
      if (!pool[i].is_user) {
        add_children(AccountId{pool[i].id}, below);
        continue;
      }
      ++passed;
      Leaf& leaf = leaves_[pool[i].id];
      const auto all = std::int64_t(leaves_.size());
      const std::int64_t factor = kOne * (all - std::int64_t(before)) / all;
      changed |= factor != leaf.factor;
      leaf.factor = factor;
    }
    if (!below.empty()) walk(std::move(below), passed, changed);
  }
}

void FairShare::settle(Time now) {
  for (Leaf& leaf : leaves_)
    if (leaf.rate > 0) settle(leaf, now);
}

bool FairShare::refresh(Time now) {
  settle(now);
  std::vector<Child> pool;
  add_children(AccountId{}, pool);
  std::size_t passed = 0;
  bool changed = false;
  walk(std::move(pool), passed, changed);
  return changed;
}

std::int64_t FairShare::usage(LeafId leaf, Time now) const {
  return unweigh(leaves_[std::size_t(leaf)].usage, now);
}
std::int64_t FairShare::usage(AccountId account, Time now) const {
  return unweigh(sums_[std::size_t(account)].usage, now);
}

void FairShare::add_views(AccountId account, std::uint32_t depth, Time now,
                          std::vector<ShareView>& views) const {
  const Sum& sum = sums_[std::size_t(account)];
  const std::string& name = tree_.at(account).spec.name;
  for (const AccountId id : sum.accounts) {
    const AccountSpec& spec = tree_.at(id).spec;
    const Sum& own = sums_[std::size_t(id)];
    views.push_back({spec.name,
                     {},
                     depth,
                     spec.shares,
                     ppm(Wide(spec.shares), Wide(sum.shares)),
                     ppm(own.usage, sum.usage),
                     usage(id, now),
                     own.rate,
                     0});
    add_views(id, depth + 1, now, views);
  }
  for (const auto& [user, id] : sum.users) {
    const Leaf& leaf = leaves_[std::size_t(id)];
    views.push_back({name, user, depth, leaf.shares, ppm(Wide(leaf.shares), Wide(sum.shares)),
                     ppm(leaf.usage, sum.usage), usage(id, now), leaf.rate, leaf.factor});
  }
}

std::vector<ShareView> FairShare::views(Time now) const {
  std::vector<ShareView> views;
  add_views(AccountId{}, 0, now, views);
  return views;
}

std::vector<UsageRecord> FairShare::take_dirty() {
  std::vector<UsageRecord> records;
  if (!std::exchange(dirty_, false)) return records;
  for (const Leaf& leaf : leaves_)
    if (leaf.usage > 0)
      records.push_back({tree_.at(leaf.account).spec.name, leaf.user,
                         std::uint64_t(leaf.usage >> 64), std::uint64_t(leaf.usage), base_,
                         leaf.settled, half_life_});
  return records;
}

std::vector<std::string> FairShare::check() const {
  std::vector<Wide> usage(sums_.size());
  std::vector<std::int64_t> rate(sums_.size());
  for (const Leaf& leaf : leaves_)
    for (AccountId id = leaf.account;; id = tree_.at(id).parent) {
      usage[std::size_t(id)] += leaf.usage;
      rate[std::size_t(id)] += leaf.rate;
      if (id == AccountId{}) break;
    }
  std::vector<std::string> problems;
  for (std::size_t i = 0; i < sums_.size(); ++i)
    if (usage[i] != sums_[i].usage || rate[i] != sums_[i].rate)
      problems.push_back("account " + tree_.at(AccountId(i)).spec.name +
                         " is not the sum of its users");
  return problems;
}

}  // namespace drover::sched
