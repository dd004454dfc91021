// cli/items.hpp - --each-line and --each-json: one element of an array for each entry of a file.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <istream>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/context.hpp"
#include "cli/json.hpp"

namespace drover::cli {

bool has_items(const Context& context);
// Sets the spec's items from the file that the options name, and lets the command use them.
Result<bool> add_items(const Context& context, Json& spec);

// The lines that are not empty, without their ends.
Result<Json> read_item_lines(std::istream& from, const std::string& name);
// Texts as they are, other values as compact JSON.
Result<Json> read_item_json(const std::string& text, const std::string& name);
// {} in an argument becomes ${item}; a command that names no item gets it as its last argument.
void use_items(Json& spec);

}  // namespace drover::cli
