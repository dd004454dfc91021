// server/openapi.hpp - the description of the API, embedded from server/openapi.json.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string_view>

namespace drover::server {

std::string_view openapi_json();

}  // namespace drover::server
