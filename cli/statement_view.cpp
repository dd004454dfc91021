// cli/statement_view.cpp - previews, errors and progress of statements.
// SPDX-License-Identifier: Apache-2.0
#include "cli/statement_view.hpp"

#include <algorithm>

#include "cli/job_view.hpp"
#include "cli/status_line.hpp"

namespace drover::cli {
namespace {

constexpr std::size_t kWidestCell = 60;  // on a terminal
constexpr std::size_t kRowsOfAJob = 20;  // of each table; `drover result get` shows the others

std::string cell_of(const Json& cell, const Style& style) {
  const std::string text = cell.is_string() ? clean_line(cell.get<std::string>()) : to_text(cell);
  return style.is_terminal ? cut_to_width(text, kWidestCell) : text;
}

// Escapes that code wrote must not steer the terminal.
std::string safe(const std::string& text, const Style& style) {
  return style.is_terminal ? EscapeFilter().pass(text) : text;
}

// How to see the whole of it.
std::string place_of(const Json& answer, const Json& result) {
  return "drover result get " + text_of(answer, "job.id") + " " +
         std::to_string(number_of(result, "index"));
}

using Cells = std::vector<std::vector<std::string>>;

std::string layout(const Cells& lines, const std::vector<bool>& right, const Style& style) {
  std::vector<std::size_t> widths(right.size(), 0);
  for (const auto& line : lines)
    for (std::size_t c = 0; c < widths.size(); ++c)
      widths[c] = std::max(widths[c], display_width(line[c]));
  std::string out;
  for (std::size_t r = 0; r < lines.size(); ++r) {
    std::string text;
    for (std::size_t c = 0; c < widths.size(); ++c) {
      const std::string space(widths[c] - display_width(lines[r][c]), ' ');
      if (c > 0) text += "  ";
      text += right[c] ? space + lines[r][c] : lines[r][c] + space;
    }
    while (text.ends_with(' ')) text.pop_back();
    out += paint(text, style.header && r == 0 ? Color::Bold : Color::None, style.color) + '\n';
  }
  return out;
}

std::string render_table(const Json& answer, const Json& result, const Style& style) {
  const Json& columns = member(result, "columns");
  const Json& rows = member(result, "preview");
  if (!columns.is_array()) return {};
  Cells lines;
  std::vector<bool> right;
  std::vector<std::string> titles;
  for (const Json& column : columns) {
    const std::string type = text_of(column, "type");
    right.push_back(type == "int" || type == "float" || type == "decimal");
    titles.push_back(cell_of(member(column, "name"), style));
  }
  if (style.header) lines.push_back(titles);
  const bool is_of_job = answer.contains("job");
  const std::size_t most = is_of_job ? kRowsOfAJob : rows.size();
  const std::size_t shown = std::min(most, rows.size());
  for (std::size_t r = 0; r < shown; ++r) {
    const Json& row = rows[r];
    auto& line = lines.emplace_back();
    for (std::size_t c = 0; c < right.size(); ++c)
      line.push_back(row.is_array() && c < row.size() ? cell_of(row[c], style) : "");
  }
  std::string out = layout(lines, right, style);
  const std::int64_t all = number_of(result, "rows");
  const bool complete = member(result, "complete") != Json(false);
  if (all > std::int64_t(shown) || !complete)
    out += "… " + std::to_string(shown) + " of " + std::to_string(all) + " rows" +
           (complete ? "" : " (cut at the limit)") + ": " + place_of(answer, result) + '\n';
  return out;
}

std::string render_text(const Json& answer, const Json& result, const Style& style) {
  std::string out = safe(text_of(result, "preview"), style);
  const bool is_cut = number_of(result, "bytes") > std::int64_t(text_of(result, "preview").size());
  if (!out.empty() && out.back() != '\n') out += '\n';
  if (is_cut) out += "… " + text_of(result, "bytes") + " bytes: " + place_of(answer, result) + '\n';
  return out;
}

}  // namespace

std::string render_results(const Json& answer, const Style& style) {
  std::string out;
  for (const Json& result : member(answer, "results.results")) {
    const std::string kind = text_of(result, "kind"), name = clean_line(text_of(result, "name"));
    if (!name.empty()) out += name + ":\n";
    if (kind == "table")
      out += render_table(answer, result, style);
    else if (kind == "text")
      out += render_text(answer, result, style);
    else
      out += clean_line(kind) + ", " + text_of(result, "bytes") +
             " bytes: " + place_of(answer, result) + '\n';
  }
  return out;
}

std::string render_failure(const Json& answer, bool color) {
  if (text_of(answer, "job.state") == "succeeded") return {};
  const Json& error = member(answer, "results.error");
  if (!error.is_object()) {
    const Json job = job_of(answer);
    const std::string reason = clean_line(job_reason(job));
    const std::string hint =
        text_of(job, "reason") == "engine_lost"
            ? "  hint: its engine ended under it, and nobody knows how far it came. With "
              "--retry 1 --retry-on lost such a statement runs again\n"
            : "";
    return paint("error:", Color::Red, color) + " job " + text_of(job, "id") + " " +
           text_of(job, "state") + (reason.empty() ? "" : ": " + reason) + '\n' + hint;
  }
  std::string out = paint(clean_line(text_of(error, "name")) + ":", Color::Red, color) + ' ' +
                    clean_line(text_of(error, "message"));
  const std::string line = text_of(error, "line");
  if (!line.empty()) out += " (line " + line + ")";
  out += '\n';
  std::string trace = EscapeFilter().pass(text_of(error, "traceback"));
  if (!trace.empty() && trace.back() != '\n') trace += '\n';
  return out + trace;
}

std::string describe_statement(const Json& answer) {
  const Json job = job_of(answer);
  std::string text = "job " + text_of(job, "id") + " " + text_of(job, "state");
  const Json& progress = member(answer, "progress");
  if (progress.is_object()) {
    const std::int64_t thousandths = number_of(progress, "thousandths");
    text += " " + bar(double(thousandths) / 1000, 20) + " " + std::to_string(thousandths / 10) +
            "% " + text_of(progress, "text");
  } else if (!text_of(answer, "why_cold").empty()) {
    text += ": " + text_of(answer, "why_cold");
  }
  return text;
}

std::string describe_cut(const Json& result) {
  if (member(result, "complete") != Json(false)) return {};
  const std::string rows = text_of(result, "rows");
  return "result " + text_of(result, "index") + " is not whole: it ends after " +
         (rows.empty() ? "" : rows + " rows, ") + text_of(result, "bytes") + " bytes";
}

int statement_status(const Json& answer) {
  if (text_of(answer, "job.state") == "succeeded") return 0;
  const std::int64_t code = number_of(answer, "job.exit_code");
  return code > 0 && code < 256 ? int(code) : 1;
}

}  // namespace drover::cli
