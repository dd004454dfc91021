// server/directories.hpp - where a controller keeps its files, private to its user.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include "base/result.hpp"

namespace drover::server {

// Creates `path` (parents too) with mode 0700. Denied when it belongs to another user or others may
// write there.
Result<void> make_private_directory(const std::string& path);
// Replaces a small file at once, mode 0600.
Result<void> write_file(const std::string& path, const std::string& text);

std::string default_data_directory();
std::string default_run_directory(const std::string& data, bool data_is_default);

}  // namespace drover::server
