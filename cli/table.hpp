// cli/table.hpp - rows of JSON objects, printed as table, wide, json, jsonl, csv or names.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cli/json.hpp"
#include "cli/terminal.hpp"

namespace drover::cli {

enum class Format : std::uint8_t { Table, Wide, JsonObject, JsonLines, Csv, Name };
Result<Format> parse_format(std::string_view text);

struct Style {
  bool is_terminal = false;  // cut to `width`, relative times
  bool color = false;
  bool header = true;
  std::size_t width = 80;
  std::int64_t now_us = 0;
};

struct Column {
  std::string_view title;  // "STATE"; lower case it is the name for --columns and --sort
  std::string_view path;   // member of the row, also what csv and --sort read
  // Text for people; empty = the member as it is.
  std::function<std::string(const Json& row, const Style& style)> show = nullptr;
  bool wide = false;     // only with -o wide (or when asked for by --columns)
  bool right = false;    // numbers
  bool stretch = false;  // is cut first when the line is too long
  std::function<Color(const Json& row)> color = nullptr;
  // What csv and --sort read instead of the member, and people see where `show` says nothing else.
  std::function<Json(const Json& row)> value = nullptr;
};

struct TableChoice {
  Format format = Format::Table;
  std::vector<std::string> columns;  // empty = the default ones
  std::string sort;                  // "name" or "-name"
};

// Picks and orders columns and sorts the rows. BadInput with the nearest column name. A column that
// is empty in every row is dropped from plain tables unless it was asked for. Answers the text for
// stdout; `list_key` and `name_path` are for json and name output.
Result<std::string> render_rows(std::vector<Json> rows, const std::vector<Column>& columns,
                                const TableChoice& choice, const Style& style,
                                std::string_view list_key, std::string_view name_path);

// A csv field: quoted when needed, and text that a spreadsheet would run as a formula is defused.
std::string csv_field(const Json& value);

// "name   value" lines for one object.
std::string render_pairs(const std::vector<std::pair<std::string, std::string>>& pairs,
                         const Style& style);

}  // namespace drover::cli
