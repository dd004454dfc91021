// cli/table.cpp - layout of tables: widths from the cells, cuts from the widest stretching column.
// SPDX-License-Identifier: Apache-2.0
#include "cli/table.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/csv_field.hpp"
#include "base/units.hpp"

namespace drover::cli {
namespace {

constexpr std::string_view kGap = "  ";
constexpr std::size_t kLeastStretch = 6;

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = char(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

Result<const Column*> find_column(const std::vector<Column>& columns, std::string_view name) {
  std::vector<std::string> names;
  for (const Column& column : columns) {
    if (lower(column.title) == name || column.path == name) return &column;
    names.push_back(lower(column.title));
  }
  const std::string_view near = nearest_match(name, names);
  std::string all;
  for (const std::string& known : names) all += (all.empty() ? "" : ", ") + known;
  return fail(Errc::BadInput, "there is no column \"" + std::string(name) + "\"",
              near.empty() ? "columns: " + all : "did you mean " + std::string(near) + "?",
              "columns");
}

Result<std::vector<const Column*>> choose(const std::vector<Column>& columns,
                                          const TableChoice& choice) {
  std::vector<const Column*> chosen;
  if (choice.columns.empty()) {
    const bool wide = choice.format != Format::Table;
    for (const Column& column : columns)
      if (wide || !column.wide) chosen.push_back(&column);
    return chosen;
  }
  for (const std::string& name : choice.columns) {
    const Result<const Column*> column = find_column(columns, name);
    if (!column) return fail(column.error());
    chosen.push_back(*column);
  }
  return chosen;
}

Json value_of(const Column& column, const Json& row) {
  return column.value ? column.value(row) : member(row, column.path);
}

bool is_less(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return a.get<double>() < b.get<double>();
  if (a.type() != b.type()) return a.is_null();
  return to_text(a) < to_text(b);
}

Result<bool> sort_rows(std::vector<Json>& rows, const std::vector<Column>& columns,
                       const std::string& key) {
  if (key.empty()) return true;
  const bool down = key[0] == '-';
  const Result<const Column*> column = find_column(columns, lower(key.substr(down ? 1 : 0)));
  if (!column) return fail(column.error());
  std::stable_sort(rows.begin(), rows.end(), [&](const Json& a, const Json& b) {
    return down ? is_less(value_of(**column, b), value_of(**column, a))
                : is_less(value_of(**column, a), value_of(**column, b));
  });
  return true;
}

std::string cell_text(const Column& column, const Json& row, const Style& style) {
  if (column.show) return clean_line(column.show(row, style));
  return clean_line(column.value ? to_text(column.value(row)) : text_of(row, column.path));
}

using Cells = std::vector<std::vector<std::string>>;  // by row, then column

void drop_empty_columns(std::vector<const Column*>& columns, Cells& cells) {
  for (std::size_t c = columns.size(); c-- > 0;) {
    const bool empty =
        std::all_of(cells.begin(), cells.end(), [c](const auto& row) { return row[c].empty(); });
    if (!empty) continue;
    columns.erase(columns.begin() + std::ptrdiff_t(c));
    for (auto& row : cells) row.erase(row.begin() + std::ptrdiff_t(c));
  }
}

std::vector<std::size_t> column_widths(const std::vector<const Column*>& columns,
                                       const Cells& cells, const Style& style) {
  std::vector<std::size_t> widths;
  std::size_t total = 0;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    std::size_t width = style.header ? columns[c]->title.size() : 0;
    for (const auto& row : cells) width = std::max(width, display_width(row[c]));
    widths.push_back(width);
    total += width + (c > 0 ? kGap.size() : 0);
  }
  while (style.is_terminal && total > style.width) {
    std::size_t widest = columns.size();
    for (std::size_t c = 0; c < columns.size(); ++c)
      if (columns[c]->stretch && widths[c] > kLeastStretch &&
          (widest == columns.size() || widths[c] > widths[widest]))
        widest = c;
    if (widest == columns.size()) break;  // nothing left to give: the terminal wraps
    --widths[widest];
    --total;
  }
  return widths;
}

std::string pad(std::string text, std::size_t width, bool right) {
  const std::size_t have = display_width(text);
  if (have >= width) return text;
  return right ? std::string(width - have, ' ') + text : text + std::string(width - have, ' ');
}

std::string layout(std::vector<const Column*> columns, const std::vector<Json>& rows, bool chosen,
                   const Style& style) {
  Cells cells;
  for (const Json& row : rows) {
    auto& line = cells.emplace_back();
    for (const Column* column : columns) line.push_back(cell_text(*column, row, style));
  }
  if (!chosen && !rows.empty()) drop_empty_columns(columns, cells);
  const std::vector<std::size_t> widths = column_widths(columns, cells, style);
  std::string out;
  const auto add_line = [&](const auto& cell_of) {
    std::string line;
    for (std::size_t c = 0; c < columns.size(); ++c) {
      if (c > 0) line += kGap;
      line += cell_of(c);
    }
    while (line.ends_with(' ')) line.pop_back();
    out += line + '\n';
  };
  if (style.header) {
    add_line([&](std::size_t c) {
      return paint(pad(std::string(columns[c]->title), widths[c], columns[c]->right), Color::Bold,
                   style.color);
    });
  }
  for (std::size_t r = 0; r < cells.size(); ++r) {
    add_line([&](std::size_t c) {
      const std::string cut =
          style.is_terminal ? cut_to_width(cells[r][c], widths[c]) : cells[r][c];
      const Color color = columns[c]->color ? columns[c]->color(rows[r]) : Color::None;
      return paint(pad(cut, widths[c], columns[c]->right), color, style.color);
    });
  }
  return out;
}

std::string render_csv(const std::vector<const Column*>& columns, const std::vector<Json>& rows,
                       bool header) {
  std::string out;
  if (header) {
    for (std::size_t c = 0; c < columns.size(); ++c)
      out += (c > 0 ? "," : "") + lower(columns[c]->title);
    out += '\n';
  }
  for (const Json& row : rows) {
    for (std::size_t c = 0; c < columns.size(); ++c)
      out += (c > 0 ? "," : "") + csv_field(value_of(*columns[c], row));
    out += '\n';
  }
  return out;
}

// With --columns, json holds those members only.
Json reduce(const Json& row, const std::vector<const Column*>& columns) {
  Json out = Json::object();
  for (const Column* column : columns) out[std::string(column->path)] = member(row, column->path);
  return out;
}

}  // namespace

Result<Format> parse_format(std::string_view text) {
  constexpr std::string_view kNames[] = {"table", "wide", "json", "jsonl", "csv", "name"};
  for (std::size_t i = 0; i < std::size(kNames); ++i)
    if (kNames[i] == text) return Format(i);
  const std::string_view near = nearest_match(text, kNames);
  return fail(Errc::BadInput, "\"" + std::string(text) + "\" is no output format",
              near.empty() ? "use table, wide, json, jsonl, csv or name"
                           : "did you mean " + std::string(near) + "?",
              "output");
}

std::string csv_field(const Json& value) {
  std::string text = value.is_null()     ? ""
                     : value.is_string() ? value.get<std::string>()
                                         : to_text(value);
  if (value.is_string() && !text.empty() &&
      std::string_view("=+-@\t\r").find(text[0]) != std::string_view::npos)
    text.insert(text.begin(), '\'');
  return quoted_csv(std::move(text));
}

Result<std::string> render_rows(std::vector<Json> rows, const std::vector<Column>& columns,
                                const TableChoice& choice, const Style& style,
                                std::string_view list_key, std::string_view name_path) {
  const Result<std::vector<const Column*>> chosen = choose(columns, choice);
  if (!chosen) return fail(chosen.error());
  const Result<bool> sorted = sort_rows(rows, columns, choice.sort);
  if (!sorted) return fail(sorted.error());
  const bool some = !choice.columns.empty();
  std::string out;
  switch (choice.format) {
    case Format::Table:
    case Format::Wide: return layout(*chosen, rows, some, style);
    case Format::Csv: return render_csv(*chosen, rows, style.header);
    case Format::Name:
      for (const Json& row : rows) out += clean_line(text_of(row, name_path)) + '\n';
      return out;
    case Format::JsonLines:
      for (const Json& row : rows) out += to_text(some ? reduce(row, *chosen) : row) + '\n';
      return out;
    case Format::JsonObject: break;
  }
  Json list = Json::array();
  for (const Json& row : rows) list.push_back(some ? reduce(row, *chosen) : row);
  return to_text(Json{{"v", 1}, {std::string(list_key), std::move(list)}}, 2) + '\n';
}

std::string render_pairs(const std::vector<std::pair<std::string, std::string>>& pairs,
                         const Style& style) {
  std::size_t width = 0;
  for (const auto& [name, value] : pairs)
    if (!value.empty()) width = std::max(width, display_width(name));
  std::string out;
  for (const auto& [name, value] : pairs) {
    if (value.empty()) continue;
    out +=
        paint(pad(name, width, false), Color::Dim, style.color) + "  " + clean_line(value) + '\n';
  }
  return out;
}

}  // namespace drover::cli
