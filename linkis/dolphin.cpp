// linkis/dolphin.cpp - lengths in ten digits, then bytes.
// SPDX-License-Identifier: Apache-2.0
#include "linkis/dolphin.hpp"

#include <vector>

namespace drover::linkis {
namespace {

void append_ten(std::size_t number, std::string& out) {
  const std::string digits = std::to_string(number);
  if (digits.size() < 10) out.append(10 - digits.size(), '0');
  out += digits;
}

void append_cells(std::span<const std::string_view> cells, std::string& out) {
  std::string lengths;
  std::size_t bytes = 0;
  for (const std::string_view cell : cells) {
    lengths += std::to_string(cell.size());
    lengths += ',';
    bytes += cell.size();
  }
  append_ten(lengths.size() + 10 + bytes, out);
  append_ten(lengths.size(), out);
  out += lengths;
  for (const std::string_view cell : cells) out += cell;
}

}  // namespace

ResultType result_type(std::string_view engine_kind) {
  if (engine_kind == "table") return ResultType::Table;
  if (engine_kind == "html") return ResultType::Html;
  if (engine_kind == "image") return ResultType::Picture;
  return ResultType::Text;
}

void append_dolphin_head(ResultType type, std::span<const Column> columns, std::string& out) {
  out += "dolphin";
  append_ten(std::size_t(type), out);
  if (type != ResultType::Table) return append_dolphin_record("NULL", out);
  std::vector<std::string_view> triplets;
  for (const Column& column : columns)
    triplets.insert(triplets.end(), {column.name, column.type, std::string_view()});
  append_cells(triplets, out);
}

void append_dolphin_row(const Row& row, std::string& out) {
  std::vector<std::string_view> cells;
  cells.reserve(row.size());
  for (const Cell& cell : row)
    cells.push_back(cell.kind == Cell::Kind::Null ? kDolphinNull : std::string_view(cell.text));
  append_cells(cells, out);
}

void append_dolphin_record(std::string_view text, std::string& out) {
  append_ten(text.size(), out);
  out += text;
}

}  // namespace drover::linkis
