// linkis/csv.cpp - quotes where they are needed.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/csv.hpp"

namespace drover::linkis {
namespace {

constexpr std::size_t kSeparatorMax = 8;

void append_cell(const CsvStyle& style, std::string_view text, std::string& out) {
  const bool has_newline = text.find_first_of("\r\n\t") != std::string_view::npos;
  const bool is_quoted =
      style.quote_all || text.find('"') != std::string_view::npos ||
      text.find(style.separator) != std::string_view::npos ||
      (style.keep_newlines && text.find_first_of("\r\n") != std::string_view::npos);
  if (is_quoted) out += '"';
  if (!is_quoted && !has_newline) {
    out += text;
  } else {
    for (const char c : text) {
      const bool is_break = c == '\n' || c == '\r' || c == '\t';
      if (is_break && !style.keep_newlines) {
        out += ' ';
        continue;
      }
      if (c == '"') out += '"';
      out += c;
    }
  }
  if (is_quoted) out += '"';
}

}  // namespace

Result<std::string> parse_separator(std::string_view text) {
  if (text == "\\t") return "\t";
  if (text.empty() || text.size() > kSeparatorMax ||
      text.find_first_of("\"\r\n") != std::string_view::npos)
    return fail(Errc::BadInput, "the separator is one to eight bytes, no quote and no line end",
                "csvSeparator=; or csvSeparator=\\t", "csvSeparator");
  return std::string(text);
}

void append_csv_row(const CsvStyle& style, const Row& row, std::string& out) {
  bool is_first = true;
  for (const Cell& cell : row) {
    if (!is_first) out += style.separator;
    is_first = false;
    append_cell(style, cell.kind == Cell::Kind::Null ? style.null : cell.text, out);
  }
  out += '\n';
}

void append_csv_head(const CsvStyle& style, const std::vector<Column>& columns, std::string& out) {
  bool is_first = true;
  for (const Column& column : columns) {
    if (!is_first) out += style.separator;
    is_first = false;
    append_cell(style, column.name, out);
  }
  out += '\n';
}

}  // namespace drover::linkis
