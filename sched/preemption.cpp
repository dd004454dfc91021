// sched/preemption.cpp - the cheapest set per node, then the cheapest nodes.
// SPDX-License-Identifier: Apache-2.0
#include "sched/preemption.hpp"

#include <algorithm>
#include <array>
#include <compare>
#include <functional>
#include <utility>

namespace drover::sched {
namespace {

constexpr std::size_t kStepsPerNode = 20'000, kStepsLeast = 16;

struct Cost {  // added up slot by slot, compared in order
  std::int64_t victims = 0, lost = 0, age = 0;
  friend auto operator<=>(const Cost&, const Cost&) = default;
  Cost& operator+=(const Cost& other) {
    victims += other.victims, lost += other.lost, age += other.age;
    return *this;
  }
  Cost& operator+=(const Victim& victim) {
    ++victims;
    lost += victim.lost_milli_cpu_s;
    age += victim.age.us;
    return *this;
  }
};

struct Set {
  Cost cost;
  std::vector<std::uint32_t> victims;
};

// One node: which of `held` must go so that `shortage` is covered.
class NodeSearch {
 public:
  NodeSearch(const PreemptProblem& problem, const PreemptProblem::Load& load)
      : problem_(problem),
        load_(load),
        steps_max_(std::clamp(problem.steps / problem.loads.size(), kStepsLeast, kStepsPerNode)) {
    for (std::size_t k = 0; k < rm::kKinds; ++k) {
      const std::int64_t missing = problem.want.of[k] - load.free.of[k];
      if (missing > 0) short_.push_back({k, missing, {}});
    }
    for (Short& of : short_) {
      for (const auto& held : load.held) of.largest.push_back(held.amounts.of[of.kind]);
      std::ranges::sort(of.largest, std::greater<>());
    }
  }

  std::optional<Set> cheapest() {
    const std::optional<std::size_t> least = fewest();
    if (!least) return std::nullopt;
    if (problem_.whole_node) return everybody();
    for (std::size_t size = *least; size <= load_.held.size() && steps_ < steps_max_; ++size) {
      chosen_.clear();
      extend(0, size, Set{});
      if (best_ && steps_ < steps_max_) return best_;
    }
    std::optional<Set> quick = greedy();
    if (best_ && best_->cost < quick->cost) return best_;
    return quick;
  }

 private:
  struct Short {
    std::size_t kind = 0;
    std::int64_t missing = 0;
    std::vector<std::int64_t> largest;  // what victims free of it, most first
  };

  std::optional<Set> everybody() const {
    if (load_.others) return std::nullopt;
    Set all;
    for (const auto& held : load_.held) take(all, held);
    return all;
  }
  void take(Set& set, const PreemptProblem::Held& held) const {
    set.cost += problem_.victims[held.victim];
    set.victims.push_back(held.victim);
  }

  // No set of fewer can do; nothing when all together cannot.
  std::optional<std::size_t> fewest() const {
    std::size_t most = 0;
    for (const Short& of : short_) {
      std::int64_t left = of.missing;
      std::size_t n = 0;
      while (left > 0 && n < of.largest.size()) left -= of.largest[n++];
      if (left > 0) return std::nullopt;
      most = std::max(most, n);
    }
    return most;
  }

  // Could `more` of the best victims cover what `freed` leaves open?
  bool can_do(const rm::Amounts& freed, std::size_t more) const {
    return std::ranges::all_of(short_, [&](const Short& of) {
      std::int64_t left = of.missing - freed.of[of.kind];
      for (std::size_t i = 0; i < more && left > 0; ++i) left -= of.largest[i];
      return left <= 0;
    });
  }

  void extend(std::size_t from, std::size_t size, Set set) {
    if (++steps_ > steps_max_) return;
    rm::Amounts freed;
    for (const std::size_t at : chosen_) freed += load_.held[at].amounts;
    if (chosen_.size() == size) {
      const bool better = !best_ || set.cost < best_->cost;
      if (can_do(freed, 0) && better) best_ = std::move(set);
      return;
    }
    const std::size_t more = size - chosen_.size();
    if (!can_do(freed, more) || (best_ && best_->cost < set.cost)) return;
    for (std::size_t at = from; at + more <= load_.held.size(); ++at) {
      Set next = set;
      take(next, load_.held[at]);
      chosen_.push_back(at);
      extend(at + 1, size, std::move(next));
      chosen_.pop_back();
    }
  }

  // Most useful first, then drop whoever is not needed, the dearest first.
  std::optional<Set> greedy() const {
    std::vector<std::size_t> in, out(load_.held.size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = i;
    rm::Amounts freed;
    while (!can_do(freed, 0)) {
      const auto use = [&](std::size_t at) {  // covered parts of what is missing, in thousandths
        std::int64_t sum = 0;
        for (const Short& of : short_) {
          const std::int64_t open = std::max<std::int64_t>(0, of.missing - freed.of[of.kind]);
          sum += std::min(open, load_.held[at].amounts.of[of.kind]) * 1000 / of.missing;
        }
        return sum;
      };
      const auto best = std::ranges::max_element(out, {}, use);
      freed += load_.held[*best].amounts;
      in.push_back(*best);
      out.erase(best);
    }
    const auto lost = [&](std::size_t at) {
      const Victim& victim = problem_.victims[load_.held[at].victim];
      return std::pair(victim.lost_milli_cpu_s, victim.age);
    };
    std::ranges::stable_sort(in, std::greater<>(), lost);
    for (std::size_t i = 0; i < in.size();) {
      rm::Amounts without = freed;
      without -= load_.held[in[i]].amounts;
      if (!can_do(without, 0)) {
        ++i;
        continue;
      }
      freed = without;
      in.erase(in.begin() + std::ptrdiff_t(i));
    }
    std::ranges::sort(in);
    Set set;
    for (const std::size_t at : in) take(set, load_.held[at]);
    return set;
  }

  const PreemptProblem& problem_;
  const PreemptProblem::Load& load_;
  std::vector<Short> short_;
  std::vector<std::size_t> chosen_;
  std::optional<Set> best_;
  std::size_t steps_max_, steps_ = 0;
};

struct NodeSet {
  Set set;
  const PreemptProblem::Load* load = nullptr;
};
struct Picked {
  Cost cost;
  std::vector<const NodeSet*> sets;
};

// The cheapest nodes of those inside `alternative`; first for the counted parts, in their order: a
// node that counts for one of them is not counted for another.
std::optional<Picked> pick(const PreemptProblem& problem, const std::vector<NodeSet>& sets,
                           std::uint64_t alternative) {
  Picked picked;
  std::vector<bool> taken(sets.size());
  const auto take = [&](std::uint32_t wanted, std::uint64_t part) {
    for (std::size_t i = 0; i < sets.size() && wanted > 0; ++i) {
      const PreemptProblem::Load& load = *sets[i].load;
      if (taken[i] || (load.counts_for & part) != part) continue;
      if (alternative != 0 && (load.alternatives & alternative) == 0) continue;
      taken[i] = true;
      picked.cost += sets[i].set.cost;
      picked.sets.push_back(&sets[i]);
      --wanted;
    }
    return wanted == 0;
  };
  for (std::size_t part = 0; part < problem.counted.size() && part < 64; ++part)
    if (!take(problem.counted[part], std::uint64_t(1) << part)) return std::nullopt;
  if (picked.sets.size() > problem.nodes) return std::nullopt;
  if (!take(problem.nodes - std::uint32_t(picked.sets.size()), 0)) return std::nullopt;
  return picked;
}

}  // namespace

std::int64_t lost_work(const rm::Amounts& amounts, Duration age) {
  const std::int64_t s = std::clamp<std::int64_t>(age.us / 1'000'000, 0, std::int64_t(1) << 31);
  return amounts[rm::Kind::CpuMilli] * s;
}

std::optional<PreemptChoice> choose_victims(const PreemptProblem& problem) {
  std::vector<NodeSet> sets;
  for (const PreemptProblem::Load& load : problem.loads)
    if (auto set = NodeSearch(problem, load).cheapest()) sets.push_back({std::move(*set), &load});
  if (problem.nodes == 0 || sets.size() < problem.nodes) return std::nullopt;
  std::ranges::sort(sets, [](const NodeSet& a, const NodeSet& b) {
    return std::tie(a.set.cost, a.load->node) < std::tie(b.set.cost, b.load->node);
  });
  std::optional<Picked> best;
  const std::uint64_t alternatives = problem.alternatives == 0 ? 1 : problem.alternatives;
  for (std::uint64_t bit = 1; bit != 0; bit <<= 1) {
    if ((alternatives & bit) == 0) continue;
    auto picked = pick(problem, sets, problem.alternatives == 0 ? 0 : bit);
    if (picked && (!best || picked->cost < best->cost)) best = std::move(picked);
  }
  if (!best) return std::nullopt;
  PreemptChoice choice;
  for (const NodeSet* at : best->sets) {
    choice.nodes.push_back(at->load->node);
    choice.victims.insert(choice.victims.end(), at->set.victims.begin(), at->set.victims.end());
  }
  std::ranges::sort(choice.nodes);
  std::ranges::sort(choice.victims);
  const auto doubles = std::unique(choice.victims.begin(), choice.victims.end());  // gangs
  choice.victims.erase(doubles, choice.victims.end());
  return choice;
}

}  // namespace drover::sched
