// server/version.hpp - what this binary is, as the build knows it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

namespace drover::server {

inline constexpr std::string_view kVersion = DROVER_VERSION;
#if defined(__clang__)
inline constexpr std::string_view kCompiler = "clang " __clang_version__;
#else
inline constexpr std::string_view kCompiler = "gcc " __VERSION__;
#endif

}  // namespace drover::server
