// rm/place_units.cpp - NUMA nodes first, then L3 and runs of idle cores, then leftovers, then the
// nearest GPUs.
// SPDX-License-Identifier: Apache-2.0
#include "rm/place_units.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <boost/container/small_vector.hpp>
#include <limits>
#include <optional>
#include <span>
#include <tuple>

#include "base/check.hpp"
#include "rm/place_cores.hpp"

namespace drover::rm {
namespace {

using NumaState = NodeUnits::NumaState;
using NumaList = boost::container::small_vector<std::uint32_t, 16>;

// Threads and GPUs have numbers of 16 bits, so that a rank by several counts is one number.
constexpr std::uint32_t kMost = 1 << 16;
constexpr int kCountBits = 17;
constexpr std::uint64_t kNoRank = ~std::uint64_t(0);
constexpr std::uint64_t with(std::uint64_t rank, std::uint32_t count) {
  return rank << kCountBits | count;
}
constexpr std::uint32_t last_count(std::uint64_t rank) {
  return std::uint32_t(rank & ((std::uint64_t(1) << kCountBits) - 1));
}

std::uint32_t free_gpus_in(const NodeUnits& node, std::uint32_t numa, std::string_view model) {
  if (model.empty()) return node.numa(numa).free_gpus;
  return std::uint32_t(std::ranges::count_if(node.gpus(), [&](const Gpu& gpu) {
    return gpu.numa == numa && gpu.model == model && node.is_free_gpu(gpu.index);
  }));
}

// GPUs this NUMA node cannot give of those asked for: small is near.
std::uint32_t missing_gpus(const NodeUnits& node, std::uint32_t numa, const UnitsAsked& asked) {
  if (asked.gpus == 0) return 0;
  return asked.gpus - std::min(asked.gpus, free_gpus_in(node, numa, asked.gpu_model));
}

// Data of GPUs comes and goes through the network: a tie between equals is broken by a near NIC.
bool is_far_from_nics(const UnitsAsked& asked, std::uint32_t numa) {
  return asked.gpus > 0 && !asked.nics.empty() &&
         std::ranges::none_of(asked.nics, [&](const Nic& nic) { return nic.numa == numa; });
}

// By missing GPUs, far NICs, cores shared with others, GPUs that others could use, and little left.
std::uint64_t rank_of(const NodeUnits& node, std::uint32_t n, const NumaState& numa,
                      const UnitsAsked& asked) {
  const std::uint32_t shared = asked.cpus - std::min(asked.cpus, numa.idle);
  if (asked.gpus == 0) return with(std::uint64_t(shared) * 2 + (numa.free_gpus > 0), numa.free);
  const std::uint64_t far = missing_gpus(node, n, asked) * 2 + is_far_from_nics(asked, n);
  return with(with(far, shared), numa.free);
}

std::optional<std::uint32_t> best_single_numa(const NodeUnits& node, const UnitsAsked& asked) {
  std::optional<std::uint32_t> best;
  std::uint64_t best_rank = kNoRank;
  for (std::uint32_t n = 0; n < node.numa_count(); ++n) {
    const NumaState numa = node.numa(n);
    if (numa.free < asked.cpus) continue;
    const std::uint64_t rank = rank_of(node, n, numa, asked);
    if (rank >= best_rank) continue;
    best = n;
    best_rank = rank;
  }
  return best;
}

// Leaves of `candidates` the fewest NUMA nodes that together have enough, the last one as small as
// possible. Empty when they do not suffice.
void cover(const NodeUnits& node, const UnitsAsked& asked, NumaList& candidates) {
  const auto free_of = [&](std::uint32_t n) { return node.numa(n).free; };
  boost::container::small_vector<std::uint64_t, 16> ranked;
  for (const std::uint32_t n : candidates)
    ranked.push_back(with(with(kMost - free_of(n), missing_gpus(node, n, asked)), n));
  std::ranges::sort(ranked);
  std::ranges::transform(ranked, candidates.begin(), last_count);
  std::uint32_t left = asked.cpus;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (free_of(candidates[i]) < left) {
      left -= free_of(candidates[i]);
      continue;
    }
    std::size_t last = i;  // sorted by falling size: the smallest that is still enough
    while (last + 1 < candidates.size() && free_of(candidates[last + 1]) >= left) ++last;
    const std::uint32_t size = free_of(candidates[last]);
    while (last > i && free_of(candidates[last - 1]) == size) --last;
    candidates[i] = candidates[last];
    candidates.resize(i + 1);
    return;
  }
  candidates.clear();
}

// Several NUMA nodes are needed: within one package if that takes no more of them than anywhere.
NumaList join_numas(const NodeUnits& node, const UnitsAsked& asked) {
  NumaList all(node.numa_count());
  for (std::uint32_t n = 0; n < all.size(); ++n) all[n] = n;
  NumaList anywhere = all;
  cover(node, asked, anywhere);
  NumaList best;
  std::uint32_t best_free = std::numeric_limits<std::uint32_t>::max();
  boost::container::small_vector<std::uint16_t, 16> packages;
  for (const std::uint32_t n : all) packages.push_back(node.numa(n).package);
  std::ranges::sort(packages);
  packages.erase(std::unique(packages.begin(), packages.end()), packages.end());
  for (const std::uint16_t package : packages) {
    NumaList inside;
    std::uint32_t free = 0;
    for (const std::uint32_t n : all) {
      if (node.numa(n).package != package) continue;
      inside.push_back(n);
      free += node.numa(n).free;
    }
    cover(node, asked, inside);
    if (inside.empty() || inside.size() > anywhere.size() || free >= best_free) continue;
    best = inside;
    best_free = free;
  }
  return best.empty() ? anywhere : best;
}

class CoreTaker {
 public:
  // `out` has room for what will be taken.
  CoreTaker(const NodeUnits& node, std::uint16_t* out) : node_(node), out_(out) {}

  // Takes `wanted` free threads of one NUMA node: whole idle cores, then what others left over.
  void take(const NumaState& numa, std::uint32_t wanted) {
    std::uint32_t from_idle = std::min(wanted, numa.idle);
    const std::uint32_t from_shared = wanted - from_idle;
    emptied_.clear();
    while (from_idle > 0) {
      const std::uint32_t l3 = best_l3(numa, from_idle);
      const std::uint32_t part = std::min(from_idle, numa.l3s[l3].idle);
      take_from_l3(numa, l3, part);
      from_idle -= part;
      if (from_idle > 0) emptied_.push_back(l3);
    }
    take_shared(numa, from_shared);
  }

 private:
  NodeUnits::CoreState core(std::uint32_t index) const { return node_.core(index); }

  // The fullest L3 that still has enough, else the emptiest one; by position.
  std::uint32_t best_l3(const NumaState& numa, std::uint32_t wanted) const {
    if (numa.l3s.size() == 1 && emptied_.empty()) return 0;
    std::uint32_t best = 0;
    std::uint64_t best_rank = kNoRank;
    for (std::uint32_t i = 0; i < numa.l3s.size(); ++i) {
      const NodeUnits::L3State& l3 = numa.l3s[i];
      if (l3.idle == 0 || std::ranges::find(emptied_, i) != emptied_.end()) continue;
      const std::uint32_t by_size = l3.idle >= wanted ? l3.idle : 2 * kMost - l3.idle;
      const std::uint64_t rank = with(by_size, l3.number);
      if (rank >= best_rank) continue;
      best = i;
      best_rank = rank;
    }
    DROVER_CHECK(best_rank != kNoRank, "idle cores were counted that are not there");
    return best;
  }

  // Contiguous runs of idle cores: the shortest that has enough, else from the front.
  void take_from_l3(const NumaState& numa, std::uint32_t l3, std::uint32_t wanted) {
    std::size_t best = numa.cores.size();
    std::uint32_t best_size = std::numeric_limits<std::uint32_t>::max();
    for (std::size_t begin = 0; begin < numa.cores.size();) {
      std::size_t end = begin;
      std::uint32_t size = 0;
      for (; end < numa.cores.size(); ++end) {
        const NodeUnits::CoreState at = core(numa.cores[end]);
        if (!at.idle() || at.l3 != l3) break;
        size += at.pus;
      }
      if (size >= wanted && size < best_size) {
        best = begin;
        best_size = size;
        if (size == wanted) break;
      }
      begin = end + 1;
    }
    const bool is_run = best < numa.cores.size();  // then all that follow are idle and here
    const std::span pu_indexes(node_.pu_indexes());
    std::uint16_t* out = out_;
    for (std::size_t i = is_run ? best : 0; wanted > 0; ++i) {
      const NodeUnits::CoreState at = core(numa.cores[i]);
      if (!is_run && (!at.idle() || at.l3 != l3)) continue;
      const std::uint32_t taken = std::min<std::uint32_t>(at.pus, wanted);
      for (std::uint32_t p = 0; p < taken; ++p) *out++ = pu_indexes[at.first_pu + p];
      wanted -= taken;
    }
    out_ = out;
  }

  void take_shared(const NumaState& numa, std::uint32_t wanted) {
    for (std::size_t i = 0; wanted > 0; ++i)
      if (!core(numa.cores[i]).idle()) wanted -= take_core(numa.cores[i], wanted);
  }

  std::uint32_t take_core(std::uint32_t c, std::uint32_t wanted) {
    const NodeUnits::CoreState at = core(c);
    const std::span pus = std::span(node_.pu_indexes()).subspan(at.first_pu, at.pus);
    std::uint32_t taken = 0;
    for (const std::uint16_t pu : pus) {
      if (taken == wanted) break;
      if (!node_.is_free(pu)) continue;
      *out_++ = pu;
      ++taken;
    }
    return taken;
  }

  const NodeUnits& node_;
  std::uint16_t* out_;
  boost::container::small_vector<std::uint32_t, 16>
      emptied_;  // L3 groups of the NUMA node that have nothing left
};

// Threads come in a few runs out of order; as bits they are in order at once.
void sort_threads(std::vector<std::uint16_t>& pus) {
  if (std::ranges::is_sorted(pus)) return;
  boost::container::small_vector<std::uint64_t, 16> bits(*std::ranges::max_element(pus) / 64 + 1);
  for (const std::uint16_t pu : pus) bits[pu / 64] |= std::uint64_t(1) << (pu % 64);
  std::size_t at = 0;
  for (std::size_t word = 0; word < bits.size(); ++word)
    for (std::uint64_t left = bits[word]; left != 0; left &= left - 1)
      pus[at++] = std::uint16_t(word * 64 + std::size_t(std::countr_zero(left)));
}

// 0 beside the chosen threads, 1 in their package, 2 elsewhere.
int distance_to(const NodeUnits& node, std::span<const std::uint32_t> near, std::uint16_t numa) {
  int distance = 2;
  for (const std::uint32_t n : near) {
    if (n == numa) return 0;
    if (node.numa(n).package == node.numa(numa).package) distance = 1;
  }
  return distance;
}

void place_gpus(const NodeUnits& node, const UnitsAsked& asked, std::span<const std::uint32_t> near,
                Units& units) {
  using Rank = std::tuple<int, std::int64_t, bool, std::uint16_t, std::uint16_t>;
  std::vector<Rank> ranked;
  for (const Gpu& gpu : node.gpus()) {
    if (!node.is_free_gpu(gpu.index)) continue;
    if (!asked.gpu_model.empty() && gpu.model != asked.gpu_model) continue;
    // GPUs of one task stay together: where more of them are free comes first.
    const std::int64_t together =
        std::min(asked.gpus, free_gpus_in(node, gpu.numa, asked.gpu_model));
    ranked.emplace_back(distance_to(node, near, gpu.numa), -together,
                        is_far_from_nics(asked, gpu.numa), gpu.numa, gpu.index);
  }
  DROVER_CHECK(ranked.size() >= asked.gpus, "GPUs were promised that are not free");
  std::ranges::sort(ranked);
  for (std::uint32_t i = 0; i < asked.gpus; ++i) units.gpus.push_back(std::get<4>(ranked[i]));
  std::ranges::sort(units.gpus);
}

// The NUMA nodes of the chosen threads.
NumaList numas_of(const NodeUnits& node, std::span<const std::uint16_t> pus) {
  NumaList numas;
  for (std::uint32_t n = 0; n < node.numa_count(); ++n) {
    const NumaState numa = node.numa(n);
    const bool has_one = std::ranges::any_of(numa.cores, [&](std::uint32_t index) {
      const NodeUnits::CoreState core = node.core(index);
      const std::span all = std::span(node.pu_indexes()).subspan(core.first_pu, core.pus);
      return std::ranges::any_of(
          all, [&](std::uint16_t pu) { return std::ranges::binary_search(pus, pu); });
    });
    if (has_one) numas.push_back(n);
  }
  return numas;
}

}  // namespace

Units place_units(const NodeUnits& node, const UnitsAsked& asked) {
  Units units;
  std::array<std::uint32_t, 1> single{};
  NumaList joined;
  std::span<const std::uint32_t> chosen;
  if (asked.cpus > 0 && asked.rule != nullptr) {
    std::vector<std::uint32_t> missing;
    for (std::uint32_t n = 0; n < node.numa_count() && asked.gpus > 0; ++n)
      missing.push_back(2 * missing_gpus(node, n, asked) + (is_far_from_nics(asked, n) ? 1 : 0));
    units.pus = place_cores(node, *asked.rule, asked.cpus, missing);
    joined = numas_of(node, units.pus);
    chosen = std::span(joined.data(), joined.size());
  } else if (asked.cpus > 0) {
    DROVER_CHECK(node.free_pus() >= asked.cpus, "CPUs were promised that are not free");
    if (const auto enough = best_single_numa(node, asked)) {
      single[0] = *enough;
      chosen = single;
    } else {
      joined = join_numas(node, asked);
      chosen = std::span(joined.data(), joined.size());
    }
    units.pus.resize(asked.cpus);
    CoreTaker taker(node, units.pus.data());
    std::uint32_t left = asked.cpus;
    for (const std::uint32_t n : chosen) {
      const std::uint32_t part = std::min(left, node.numa(n).free);
      taker.take(node.numa(n), part);
      left -= part;
    }
    sort_threads(units.pus);
  }
  if (asked.gpus > 0) place_gpus(node, asked, chosen, units);
  return units;
}

}  // namespace drover::rm
