// linkis/cell.hpp - one value of a result, as a text.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
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

// Rewrites what clients of Linkis read otherwise than engines write it. A timestamp becomes
// "2024-02-03 04:05:06.123", or without a fraction when there is none: finer digits are cut off,
// and what has an offset is converted to UTC. Of doubles "nan", "inf", "-inf" become "NaN",
// "Infinity", "-Infinity". Cells of other columns, and what is no timestamp of the years 1 to 9999,
// stay.
void use_client_words(std::span<const Column> columns, Row& row);

// Whether a spreadsheet keeps it: floats, and whole numbers of at most 15 digits.
bool is_exact_number(const Cell& cell);

}  // namespace drover::linkis
