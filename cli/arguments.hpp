// cli/arguments.hpp - splits words into options and the rest, GNU style, by the option tables.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cli/option.hpp"

namespace drover::cli {

struct Arguments {
  std::vector<Given> options;      // in the order written
  std::vector<std::string> words;  // what is no option
  bool has_rest = false;           // a "--" was seen
  std::vector<std::string> rest;   // what stood behind it

  const Given* find(std::string_view name) const;  // the last one given, or nullptr
  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::string text(std::string_view name, std::string_view otherwise = {}) const;
  std::vector<std::string> all(std::string_view name) const;  // every value, comma lists split
};

struct ArgumentRules {
  bool stop_at_word =
      false;  // what follows the first word belongs to that word (a script's arguments)
  Origin origin = Origin::CommandLine;
  std::string where;
  bool has_components = false;  // a lone ":" begins the options of the next component
  std::size_t component = 0;    // of the first ones
};

// Options may stand anywhere, as --name=v, --name v, -nv, -n v or clusters of letters; a long name
// may be cut to a unique beginning. Earlier tables win where two know a letter. Support is not
// judged here. Errors: BadInput with the nearest match for an unknown option, and for missing or
// surplus values.
Result<Arguments> parse_arguments(const std::vector<std::string>& words,
                                  const std::vector<OptionTable>& tables,
                                  const ArgumentRules& rules = {});

// The option with this long name or alias (unique beginnings allowed), or nullptr.
const Option* find_option(std::string_view name, const std::vector<OptionTable>& tables);

// The option with this letter, of the first table that has it, or nullptr.
const Option* find_letter(char letter, const std::vector<OptionTable>& tables);

// "a,b,c" -> its parts; empty parts vanish.
std::vector<std::string> split_list(std::string_view text, char separator = ',');

}  // namespace drover::cli
