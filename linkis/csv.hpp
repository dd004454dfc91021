// linkis/csv.hpp - rows as comma-separated values, in the ways that exports ask for.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "linkis/cell.hpp"

namespace drover::linkis {

struct CsvStyle {
  std::string separator = ",";
  std::string null = "NULL";
  bool quote_all = false;     // else where a reader would need it
  bool keep_newlines = true;  // false: blanks instead of line ends and tabs
};

// "\t" may be written as these two characters. BadInput: empty, long, a quote or a line end.
Result<std::string> parse_separator(std::string_view text);

void append_csv_row(const CsvStyle& style, const Row& row, std::string& out);
void append_csv_head(const CsvStyle& style, const std::vector<Column>& columns, std::string& out);

}  // namespace drover::linkis
