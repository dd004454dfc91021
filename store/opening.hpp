// store/opening.hpp - the judgements between a data file and its first use.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>

#include "store/environment.hpp"

namespace drover::store {

// Walks the pages, opens the environment, and checks schema version and that the newest commit is
// the one read. Errors: Corrupt, naming the record; changes nothing. The folder is locked by the
// caller.
Result<std::shared_ptr<Environment>> open_existing(const std::string& dir, std::uint64_t map_bytes,
                                                   std::uint64_t map_max, Environment::Use use);

// Makes a store under a temporary name and gives it its real one when it is complete and synced.
Result<void> create_store(const class Directory& directory, std::uint64_t map_max);

}  // namespace drover::store
