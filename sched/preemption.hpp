// sched/preemption.hpp - whose work ends so that a more urgent job can start, at the least cost.
// SPDX-License-Identifier: Apache-2.0
//
// Cost of a choice, in this order: how many are ended, how much work is lost (CPU seconds), how
// long they have run (the latest start goes first), then ids. On one node the choice is the
// cheapest there is, up to a bound on the search; beyond it a greedy one from which nobody can be
// spared. For several nodes the cheapest nodes are taken; that is exact while no victim spans two.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "rm/amounts.hpp"

namespace drover::sched {

struct Victim {  // one attempt, on one node or on several
  TaskId task{};
  std::int64_t lost_milli_cpu_s = 0;  // 0 when it can go on later
  Duration age;                       // since its start
};

struct PreemptProblem {
  struct Held {
    std::uint32_t victim = 0;  // index into `victims`
    rm::Amounts amounts;       // what its end frees on this node
  };
  struct Load {
    NodeId node{};
    rm::Amounts free;
    bool others = false;  // holds work that may not be ended
    std::vector<Held> held{};
    std::uint64_t counts_for = 0, alternatives = 0;  // see rm::NodeNeed
  };
  rm::Amounts want;                    // on each node
  std::uint32_t nodes = 1;             // how many it takes
  bool whole_node = false;             // nobody else may be there
  std::vector<std::uint32_t> counted;  // of `nodes`, so many at least count for each part
  std::uint64_t alternatives = 0;      // all in one of them; 0 = there are none
  std::vector<Victim> victims;
  std::vector<Load> loads;  // the nodes that would do when empty
  // Of the search on all nodes together; each node has its part, 20,000 at most.
  std::size_t steps = 200'000;
};

struct PreemptChoice {
  std::vector<std::uint32_t> victims;  // indexes, ascending; empty: it fits as things are
  std::vector<NodeId> nodes;           // ascending
};

// Nothing when even all victims together would not make room.
std::optional<PreemptChoice> choose_victims(const PreemptProblem& problem);

// The work that is lost when an attempt with these amounts ends after `age`.
std::int64_t lost_work(const rm::Amounts& amounts, Duration age);

}  // namespace drover::sched
