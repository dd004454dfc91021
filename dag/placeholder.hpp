// dag/placeholder.hpp - finds "${name}" and "${name + 1}" in a text.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace drover::dag {

// A name is a letter and then letters, digits, '_' and '.'. One that begins with "steps." may hold
// all that the name of a step may; blanks then part it from an operator.
struct Placeholder {
  std::size_t begin = 0, end = 0;  // of all of it in the text
  std::string_view name;
  char op = 0;  // '+', '-', '*', '/'; 0 = none
  std::string_view operand;
};

// The next one that is well formed, at or after `from`. What the shell means by "${x:-y}" is none.
std::optional<Placeholder> next_placeholder(std::string_view text, std::size_t from = 0);

// Gives every name that `renamed` answers for its new one; the rest of the text stays.
std::string rename_placeholders(
    std::string_view text,
    const std::function<std::optional<std::string>(std::string_view name)>& renamed);

bool is_variable_name(std::string_view text);

}  // namespace drover::dag
