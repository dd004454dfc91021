// cli/components.hpp - options of several components become one spec.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "base/result.hpp"
#include "cli/spec_builder.hpp"

namespace drover::cli {

// As overlay_options, by component: what each needs of its nodes goes into "components". What is
// of the whole job is said by the first; another may repeat it. With one component there is no
// such member.
Result<bool> overlay_components(Json& spec, const std::vector<Given>& options,
                                const SpecSource& source);

}  // namespace drover::cli
