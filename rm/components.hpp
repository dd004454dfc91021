// rm/components.hpp - whether jobs of several components could ever run.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "rm/node_inventory.hpp"

namespace drover::rm {

inline constexpr std::size_t kComponentsMax = 32;  // of one job

// NodeInventory::can_ever_fit for each component, and all of them on nodes of their own. The error
// names the component.
Result<void> could_fit_together(const NodeInventory& nodes, const Request& request);

}  // namespace drover::rm
