// rm/node_bits.hpp - a set of nodes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/id_bits.hpp"
#include "base/ids.hpp"

namespace drover::rm {

using NodeBits = IdBits<NodeId>;

}  // namespace drover::rm
