// linkis/cell.hpp - one value of a result, as a text.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drover::linkis {

struct Cell {
  enum class Kind : std::uint8_t { Null, Text, Number, Other };  // Other: truth values, lists
  Kind kind = Kind::Null;
  std::string text;  // empty of Null
};
using Row = std::vector<Cell>;

struct Column {
  std::string name;
  std::string type;  // in the contract's words: data_type()
};

// "bigint" of "int": an engine's column type as the contract calls it. Unknown ones are texts.
std::string_view data_type(std::string_view engine_type);

// Whether a spreadsheet keeps it: floats, and whole numbers of at most 15 digits.
bool is_exact_number(const Cell& cell);

}  // namespace drover::linkis
