// store/lmdb_error.hpp - LMDB's return codes become Errc here and nowhere else.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

#include "base/result.hpp"

namespace drover::store {

// Ok for MDB_SUCCESS; otherwise an Error with the kind, LMDB's words, and a hint where one helps.
Result<void> check_lmdb(int rc, std::string_view doing);

// The same for errno of a system call.
Error system_error(int error_number, std::string_view doing);

}  // namespace drover::store
