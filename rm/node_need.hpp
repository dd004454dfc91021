// rm/node_need.hpp - what one node would have to give so that a request could run on it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>

#include "rm/amounts.hpp"

namespace drover::rm {

// Both in the terms of the request: where it names a GPU model, GPUs are those of that model.
struct NodeNeed {
  Amounts want, free;
  // Bits of the request's constraint: which of its counted parts (a*2) the node counts for, and in
  // which of its alternatives ([a|b]) it is.
  std::uint64_t counts_for = 0, alternatives = 0;
};

}  // namespace drover::rm
