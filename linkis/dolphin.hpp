// linkis/dolphin.hpp - the bytes of a result set's file, written record by record.
//
//   dolphin0000000002                                   magic, type
//   0000000024 0000000006 2,6,0, id bigint              columns: name, type, comment
//   0000000013 0000000002 1, 7                      a row: bytes, bytes of lengths, lengths, cells
//
// Texts, pages and pictures: 0000000004NULL, then for each record its length and its bytes.
// (Without the blanks.) A null is written LINKIS_NULL.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "linkis/cell.hpp"

namespace drover::linkis {

enum class ResultType : std::uint8_t { Text = 1, Table = 2, Io = 3, Picture = 4, Html = 5 };

ResultType result_type(std::string_view engine_kind);  // "table" -> Table; unknown ones: Text

inline constexpr std::string_view kDolphinNull = "LINKIS_NULL";

// Magic and metadata; `columns` only of a table.
void append_dolphin_head(ResultType type, std::span<const Column> columns, std::string& out);
void append_dolphin_row(const Row& row, std::string& out);            // of a table
void append_dolphin_record(std::string_view text, std::string& out);  // of the others

}  // namespace drover::linkis
