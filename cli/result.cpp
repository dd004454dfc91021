// cli/result.cpp - `drover result`: what statements left, listed, shown and fetched.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>

#include "base/units.hpp"
#include "cli/engine_commands.hpp"
#include "cli/fetch_result.hpp"
#include "cli/job_view.hpp"
#include "cli/statement_view.hpp"

namespace drover::cli {
namespace {

constexpr Option kGetOptions[] = {
    {"format", 'f', Takes::Value, "FORMAT",
     "table, csv, jsonl, json or raw (default table; csv with --out)", "", Support::Yes,
     "table csv jsonl json raw"},
    {"rows", 0, Takes::Value, "A:B", "rows A to B of a table, from 0, B left out"},
    {"out", 0, Takes::Value, "FILE", "write there instead of to standard output"},
};
OptionTable get_options() { return kGetOptions; }

constexpr std::int64_t kRowsMax = std::int64_t(1) << 40;
constexpr std::int64_t kShown = 1000;  // rows of a table on a terminal, when nobody says how many

Result<std::string> job_path(Context& context) {
  const Result<std::string> word = context.word(0, "the job's id");
  if (!word) return fail(word.error());
  const Result<OneJob> job = one_job(context, *word);
  if (!job) return fail(job.error());
  if (job->element)
    return fail(Errc::BadInput, "\"" + *word + "\" is an element, and only statements have results",
                "this command takes one job: 12, or last", "JOB");
  return job->path() + "/results";
}

std::vector<Column> result_columns() {
  std::vector<Column> columns(6);
  const char* const titles[] = {"N", "KIND", "NAME", "ROWS", "BYTES", "WHOLE"};
  const char* const paths[] = {"index", "kind", "name", "rows", "bytes", "complete"};
  for (std::size_t i = 0; i < columns.size(); ++i) {
    columns[i].title = titles[i];
    columns[i].path = paths[i];
    columns[i].right = i == 0 || i == 3 || i == 4;
  }
  return columns;
}

Result<int> run_ls(Context& context) {
  const Result<bool> words = context.at_most_words(1);
  if (!words) return fail(words.error());
  const Result<std::string> path = job_path(context);
  if (!path) return fail(path.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> answer = (*api)->read(*path);
  if (!answer) return fail(answer.error());
  std::vector<Json> rows;
  for (const Json& row : member(*answer, "results")) rows.push_back(row);
  return context.print_rows(std::move(rows), result_columns(), "results", "index");
}

struct Rows {
  std::int64_t from = 0, count = -1;  // -1 = all
};

// "10:20", ":20", "10:"
Result<Rows> read_rows(const std::string& text) {
  Rows rows;
  const std::size_t colon = text.find(':');
  const auto wrong = [&] {
    return fail(Errc::BadInput, "--rows " + text + " is no range", "for example --rows 0:100",
                "rows");
  };
  if (colon == std::string::npos) return wrong();
  const std::string first = text.substr(0, colon), last = text.substr(colon + 1);
  if (!first.empty()) {
    const auto from = parse_integer(first, 0, kRowsMax, "rows");
    if (!from) return wrong();
    rows.from = *from;
  }
  if (last.empty()) return rows;
  const auto to = parse_integer(last, rows.from, kRowsMax, "rows");
  if (!to) return wrong();
  rows.count = *to - rows.from;
  return rows;
}

// Pages as a table. The columns are as wide as the first page wants.
Result<int> show_table(Context& context, ApiClient& api, const std::string& path, Rows rows) {
  const std::int64_t wanted = rows.count < 0 ? kShown : std::min(rows.count, std::int64_t(100'000));
  const Result<Json> page =
      api.read(with_query(path, {{"offset", std::to_string(rows.from)},
                                 {"limit", std::to_string(std::max<std::int64_t>(wanted, 1))}}));
  if (!page) return fail(page.error());
  Json shown = Json::array();
  for (const Json& row : member(*page, "rows"))
    if (std::int64_t(shown.size()) < wanted) shown.push_back(row);
  const Json table{{"kind", "table"},
                   {"columns", member(*page, "columns")},
                   {"preview", shown},
                   {"rows", shown.size()},
                   {"complete", true}};
  const Json answer{{"results", {{"results", Json::array({table})}}}};
  context.out(render_results(answer, context.style()));
  const std::int64_t end = rows.from + std::int64_t(shown.size());
  if (rows.count < 0 && number_of(*page, "total") > end)
    context.note("rows " + std::to_string(rows.from) + " to " + std::to_string(end) + " of " +
                 text_of(*page, "total") + "; more with --rows A:B, all with --format csv");
  return kOk;
}

Result<int> fetch(Context& context, ApiClient& api, const std::string& target, bool is_json) {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(nullptr, &std::fclose);
  const Arguments& arguments = context.arguments();
  if (arguments.has("out")) {
    file.reset(std::fopen(arguments.text("out").c_str(), "wbe"));
    if (!file) return fail(Errc::Io, "cannot write " + arguments.text("out"), "check --out", "out");
  }
  std::FILE* to = file ? file.get() : stdout;
  const Result<std::string> tail = fetch_result(api, target, to);
  if (!tail) return fail(tail.error());
  if (!is_json) return kOk;
  if ((!tail->ends_with('\n') && std::fputc('\n', to) == EOF) || std::fflush(to) != 0)
    return fail(Errc::Io, "the result could not be written wholly", "is the disk full?");
  // A page has a limit: whoever did not ask for a range must hear of it.
  const std::size_t at = tail->find("\"next\":");
  if (!arguments.has("rows") && at != std::string::npos && tail->find("null", at) != at + 7)
    context.note(
        "this is one page, and \"next\" is where the rows go on: --rows N:, or all of "
        "them with --format jsonl");
  return kOk;
}

Result<int> run_get(Context& context) {
  const Result<bool> words = context.at_most_words(2);
  if (!words) return fail(words.error());
  Result<std::string> path = job_path(context);
  if (!path) return fail(path.error());
  const Arguments& arguments = context.arguments();
  const std::string number = arguments.words.size() > 1 ? arguments.words[1] : "0";
  if (const auto good = parse_integer(number, 0, 1'000'000, "N"); !good) return fail(good.error());
  auto rows = arguments.has("rows") ? read_rows(arguments.text("rows")) : Result<Rows>(Rows{});
  if (!rows) return fail(rows.error());
  std::string format = arguments.has("format") ? arguments.text("format") : "";
  if (format.empty()) format = arguments.has("out") ? "csv" : "table";
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const Result<Json> list = (*api)->read(*path);
  if (!list) return fail(list.error());
  Json result;
  for (const Json& row : member(*list, "results"))
    if (text_of(row, "index") == number) result = row;
  if (result.is_null())
    return fail(Errc::NotFound, "the job has no result " + number,
                "drover result ls JOB lists them");
  *path += "/" + number;
  // At the end, where it is seen, and also when the part that was asked for is whole.
  const auto told = [&](Result<int> code) {
    if (const std::string cut = describe_cut(result); code && !cut.empty()) context.warn(cut);
    return code;
  };
  const bool is_table = text_of(result, "kind") == "table";
  if (is_table && format == "table") return told(show_table(context, **api, *path, *rows));
  Query query{{"format", is_table ? format : format == "table" || format == "csv" ? "" : format}};
  if (rows->from > 0) query.emplace_back("offset", std::to_string(rows->from));
  if (rows->count >= 0)
    query.emplace_back("limit", std::to_string(std::max<std::int64_t>(rows->count, 1)));
  return told(fetch(context, **api, with_query(*path, query), is_table && format == "json"));
}

}  // namespace

const Command kResultLs = {.noun = "result",
                           .verb = "ls",
                           .operands = "JOB",
                           .summary = "list what a statement left: tables, texts, pictures",
                           .examples = "drover result ls 12",
                           .run = run_ls};
const Command kResultGet = {.noun = "result",
                            .verb = "get",
                            .operands = "JOB [N]",
                            .summary = "show or fetch one result of a statement",
                            .examples =
                                "drover result get 12\n"
                                "drover result get last --rows 0:20\n"
                                "drover result get 12 1 --format csv --rows 0:1000\n"
                                "drover result get 12 --out table.csv",
                            .options = get_options,
                            .run = run_get};

}  // namespace drover::cli
