// linkis/export_name.hpp - names of files and sheets that clients wish for, made harmless.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

namespace drover::linkis {

// Of a Content-Disposition header: no path, no quote, no control character; UTF-8 is kept aside.
std::string attachment(std::string_view wished, std::string_view extension);

// At most 31 characters and none of []:*?/\ ; `fallback` when nothing is left.
std::string sheet_name(std::string_view wished, std::string_view fallback);

}  // namespace drover::linkis
