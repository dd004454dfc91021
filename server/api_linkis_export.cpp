// server/api_linkis_export.cpp - filesystem: result sets as csv, xlsx and dolphin files.
//
// Nothing is held whole: rows go out batch by batch, or into a workbook on the disk.
// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "linkis/charset.hpp"
#include "linkis/csv.hpp"
#include "linkis/export_name.hpp"
#include "server/api_linkis.hpp"
#include "server/directories.hpp"
#include "server/linkis_answer.hpp"
#include "server/linkis_desk.hpp"
#include "server/linkis_log.hpp"
#include "server/linkis_results.hpp"
#include "server/outflow.hpp"
#include "server/sheet_file.hpp"

namespace drover::server::api::linkis {
namespace {

using drover::linkis::Cell;
using drover::linkis::CsvStyle;
using drover::linkis::Encoder;
using drover::linkis::ResultType;
using drover::linkis::Row;
using Kind = drover::linkis::ResultPath::Kind;

constexpr std::int64_t kRowsUsual = 5'000, kRowsMax = 1'000'000'000;
constexpr std::size_t kPieceMax = 1 << 20;

// Of downloads: whoever saves the answer to a file sees what is wrong, too.
void refuse_plain(const Exchange& exchange, const Error& error) {
  net::HttpResponse response;
  response.status = drover::linkis::http_code(drover::linkis::status_of(error.code));
  response.content_type = "text/plain; charset=utf-8";
  response.body = "error(" + std::to_string(file_code(error)) + "): " + error.message +
                  (error.hint.empty() ? "" : "; " + error.hint);
  exchange.answer->send(std::move(response));
}

struct Wishes {
  CsvStyle style;
  std::shared_ptr<const Encoder> encoder;  // of csv
  bool is_workbook = false;
  std::int64_t limit = kRowsUsual;
  std::string name, sheet;
};

Result<Wishes> wishes_of(const Exchange& exchange) {
  const net::HttpRequest& request = exchange.request;
  Wishes wishes;
  const std::string_view type = request.query_value("outputFileType");
  if (!type.empty() && type != "csv" && type != "xlsx")
    return fail(Errc::BadInput, "outputFileType is csv or xlsx", "outputFileType=csv",
                "outputFileType");
  wishes.is_workbook = type == "xlsx";
  if (!wishes.is_workbook) {  // which says its own charset
    auto encoder = Encoder::open(request.query_value("charset"));
    if (!encoder) return fail(encoder.error());
    wishes.encoder = std::make_shared<Encoder>(*std::move(encoder));
  }
  std::string_view separator = request.query_value("csvSeparator");
  if (separator.empty()) separator = request.query_value("csvSeperator");  // as it was once spelled
  if (!separator.empty()) {
    auto parsed = drover::linkis::parse_separator(separator);
    if (!parsed) return fail(parsed.error());
    wishes.style.separator = *std::move(parsed);
  }
  wishes.style.quote_all = request.query_value("quoteRetouchEnable") == "true";
  wishes.style.keep_newlines = request.query_value("keepNewline") != "false";
  if (const auto null = request.query_value("nullValue"); !null.empty()) wishes.style.null = null;
  if (wishes.style.null == "BLANK" || wishes.style.null == drover::linkis::kDolphinNull)
    wishes.style.null.clear();
  const auto limit = exchange.number("limit", 0, kRowsMax, 0);
  if (!limit) return fail(limit.error());
  if (*limit > 0) wishes.limit = *limit;
  wishes.name = request.query_value("outputFileName");
  if (wishes.name.empty()) wishes.name = "downloadResultset";
  wishes.sheet = request.query_value("sheetName");
  return wishes;
}

// What an export can hold. A page or a picture is no rows.
Result<void> check_type(ResultType type) {
  if (type == ResultType::Table || type == ResultType::Text) return {};
  return fail(Errc::Unsupported, "a page or a picture has no rows", "filesystem/download gives it");
}

// ---- rows, formatted as they come

using Format = std::function<void(const Row&, std::string&)>;

struct RowFlow : std::enable_shared_from_this<RowFlow> {
  std::shared_ptr<ResultRows> rows;
  Format format;
  std::shared_ptr<const Encoder> encoder;  // null: UTF-8
  std::int64_t next = 0, until = kRowsMax, batch_end = 0;
  Row row;
  std::string out;

  // A piece of the batch, which may come to much more than it was: a null is a text here.
  void take(const RowBatch& batch) {
    batch_end = batch.first + std::int64_t(batch.size());
    const std::int64_t end = std::min(until, batch_end);
    for (; next < end && out.size() <= kPieceMax; ++next) {
      batch.read(std::size_t(next - batch.first), row);
      format(row, out);
    }
    if (encoder) encoder->encode(out);
  }
  void step(const std::shared_ptr<Outflow>& flow) {
    if (next >= until) return flow->finish();
    const auto self = shared_from_this();
    const auto work = [self](const RowBatch& batch) { self->take(batch); };
    const auto done = [self, flow](const Result<bool>& more) {
      if (!more) return flow->fail(more.error());
      if (!*more) return flow->finish();
      flow->put(std::exchange(self->out, {}));
    };
    if (next < batch_end) return rows->again(work, done);
    rows->next(work, done);
  }
};

void send_rows(const std::shared_ptr<Outflow>& flow, std::shared_ptr<ResultRows> rows,
               std::int64_t limit, Format format,
               std::shared_ptr<const Encoder> encoder = nullptr) {
  auto rows_flow = std::make_shared<RowFlow>();
  rows_flow->rows = std::move(rows);
  rows_flow->until = limit;
  rows_flow->format = std::move(format);
  rows_flow->encoder = std::move(encoder);
  flow->begin([rows_flow](const std::shared_ptr<Outflow>& self) { rows_flow->step(self); });
}

void send_csv(Services& services, ExchangePtr exchange, const LinkisPath& found, Wishes wishes) {
  auto rows = open_rows(services, *found.task, found.result(), 0);
  if (!rows) return refuse_plain(*exchange, rows.error());
  auto flow = std::make_shared<Outflow>(
      services, std::move(exchange), "text/csv; charset=" + wishes.encoder->name(), refuse_plain);
  flow->headers.emplace_back("Content-Disposition", drover::linkis::attachment(wishes.name, "csv"));
  if (!found.result().columns.empty())
    append_csv_head(wishes.style, found.result().columns, flow->head);
  wishes.encoder->encode(flow->head);
  const std::int64_t limit = wishes.limit;
  send_rows(
      flow, *std::move(rows), limit,
      [style = std::move(wishes.style)](const Row& row, std::string& out) {
        append_csv_row(style, row, out);
      },
      std::move(wishes.encoder));
}

// ---- workbooks

// Sheet by sheet into a file, then the file goes out.
class WorkbookMaking : public std::enable_shared_from_this<WorkbookMaking> {
 public:
  WorkbookMaking(Services& services, ExchangePtr exchange, LinkisTask task,
                 std::vector<StoredResult> results, Wishes wishes, std::shared_ptr<void> permit,
                 std::shared_ptr<void> share)
      : services_(services),
        exchange_(std::move(exchange)),
        task_(std::move(task)),
        results_(std::move(results)),
        wishes_(std::move(wishes)),
        permit_(std::move(permit)),
        share_(std::move(share)) {}

  void begin() {
    const std::string& directory = services_.linkis->exports();
    if (auto made = make_private_directory(directory); !made) return refuse(made.error());
    auto file = SheetFile::create(directory);
    if (!file) return refuse(file.error());
    file_ = *std::move(file);
    next_sheet();
  }

 private:
  void refuse(const Error& error) { refuse_plain(*exchange_, error); }

  void next_sheet() {
    if (at_ >= results_.size()) return close();
    const StoredResult& result = results_[at_];
    const std::string usual = results_.size() == 1 ? "result" : "sheet" + std::to_string(at_);
    const std::string wished = results_.size() == 1 ? wishes_.sheet : "";
    if (auto good = file_->begin_sheet(drover::linkis::sheet_name(wished, usual), result.columns);
        !good)
      return refuse(good.error());
    next_ = 0;
    auto rows = open_rows(services_, task_, result, 0);
    if (!rows) return refuse(rows.error());
    rows_ = *std::move(rows);
    next_batch();
  }

  void next_batch() {
    if (exchange_->answer->is_gone()) return;
    if (next_ >= wishes_.limit) return end_sheet();
    const auto self = shared_from_this();
    rows_->next([self](const RowBatch& batch) { self->take(batch); },
                [self](const Result<bool>& more) {
                  if (!more) return self->refuse(more.error());
                  if (!self->added_) return self->refuse(self->added_.error());
                  if (!*more) return self->end_sheet();
                  self->next_batch();
                });
  }
  void end_sheet() {
    rows_ = nullptr;
    ++at_;
    // A result without rows has ended at once: many of them must not grow the stack.
    services_.loop.post([self = shared_from_this()] { self->next_sheet(); });
  }

  void take(const RowBatch& batch) {
    const std::int64_t end = std::min(wishes_.limit, batch.first + std::int64_t(batch.size()));
    for (; next_ < end && added_; ++next_) {
      batch.read(std::size_t(next_ - batch.first), row_);
      for (Cell& cell : row_)
        if (cell.kind == Cell::Kind::Null) cell = {Cell::Kind::Text, wishes_.style.null};
      added_ = file_->add(row_);
    }
  }

  void close() {
    const auto self = shared_from_this();
    services_.loop.offload([self] { self->added_ = self->file_->close(); },
                           [self] {
                             if (!self->added_) return self->refuse(self->added_.error());
                             self->send();
                           });
  }

  void send() {
    permit_ = nullptr;  // a slow reader is in nobody's way but its own
    auto flow = std::make_shared<Outflow>(services_, exchange_, kWorkbook, refuse_plain);
    flow->headers.emplace_back("Content-Disposition",
                               drover::linkis::attachment(wishes_.name, "xlsx"));
    flow->begin([self = shared_from_this()](const std::shared_ptr<Outflow>& out) {
      self->next_piece(out);
    });
  }

  void next_piece(const std::shared_ptr<Outflow>& flow) {
    constexpr std::size_t kPiece = 256 << 10;
    const auto self = shared_from_this();
    services_.loop.offload(
        [self] {
          self->piece_.resize(kPiece);
          self->got_ = ::pread(self->file_->fd(), self->piece_.data(), kPiece, self->offset_);
          self->piece_.resize(self->got_ > 0 ? std::size_t(self->got_) : 0);
        },
        [self, flow] {
          if (self->got_ < 0)
            return flow->fail(
                {Errc::Io, std::string("reading a workbook: ") + std::strerror(errno), "", ""});
          if (self->got_ == 0) return flow->finish();
          self->offset_ += self->got_;
          flow->put(std::move(self->piece_));
        });
  }

  Services& services_;
  ExchangePtr exchange_;
  LinkisTask task_;
  std::vector<StoredResult> results_;
  Wishes wishes_;
  std::shared_ptr<void> permit_, share_;
  std::unique_ptr<SheetFile> file_;
  std::shared_ptr<ResultRows> rows_;
  Result<void> added_;
  Row row_;
  std::string piece_;
  std::size_t at_ = 0;
  std::int64_t next_ = 0, offset_ = 0;
  ssize_t got_ = 0;
};

void send_workbook(Services& services, ExchangePtr exchange, LinkisTask task,
                   std::vector<StoredResult> results, Wishes wishes) {
  if (results.size() > SheetFile::kSheetsMax)
    return refuse_plain(*exchange, {Errc::Limit, "a workbook has at most 255 sheets",
                                    "export the results one by one", ""});
  auto permit = services.linkis->large_answer();
  auto share = services.linkis->workbook(exchange->caller.uid);
  if (!permit || !share)
    return refuse_plain(*exchange, {Errc::Unavailable, "too many exports are being made",
                                    "try again in a moment", ""});
  std::make_shared<WorkbookMaking>(services, std::move(exchange), std::move(task),
                                   std::move(results), std::move(wishes), std::move(permit),
                                   std::move(share))
      ->begin();
}

// ---- downloads

void send_dolphin(Services& services, ExchangePtr exchange, const LinkisPath& found) {
  const StoredResult& result = found.result();
  auto rows = open_rows(services, *found.task, result, 0);
  if (!rows) return refuse_plain(*exchange, rows.error());
  auto flow = std::make_shared<Outflow>(services, std::move(exchange), "application/octet-stream",
                                        refuse_plain);
  flow->headers.emplace_back(
      "Content-Disposition",
      drover::linkis::attachment("_" + std::to_string(found.path.index), "dolphin"));
  append_dolphin_head(result.type, result.columns, flow->head);
  const bool is_table = result.type == ResultType::Table;
  send_rows(flow, *std::move(rows), kRowsMax, [is_table](const Row& row, std::string& out) {
    if (is_table) return append_dolphin_row(row, out);
    drover::linkis::append_dolphin_record(row.front().text, out);
  });
}

struct LogFlow : std::enable_shared_from_this<LogFlow> {
  LogFlow(Services& s, LinkisTask t) : services(s), task(std::move(t)) {}
  void step(const std::shared_ptr<Outflow>& flow) {
    read_task_log(services, task, next, kLogLinesMax,
                  [self = shared_from_this(), flow](const Result<LogSlice>& slice) {
                    if (!slice) return flow->fail(slice.error());
                    if (slice->lines.empty()) return flow->finish();
                    self->next = slice->next;
                    std::string text;
                    for (const std::string& line : slice->lines) text += line + "\n";
                    flow->put(std::move(text));
                  });
  }
  Services& services;
  LinkisTask task;
  std::int64_t next = 0;
};

void send_log(Services& services, ExchangePtr exchange, LinkisPath found) {
  auto flow = std::make_shared<Outflow>(services, std::move(exchange), "text/plain; charset=utf-8",
                                        refuse_plain);
  flow->headers.emplace_back("Content-Disposition",
                             drover::linkis::attachment(std::to_string(found.path.task), "log"));
  auto log = std::make_shared<LogFlow>(services, *std::move(found.task));
  flow->begin([log](const std::shared_ptr<Outflow>& self) { log->step(self); });
}

}  // namespace

void export_result(Services& services, ExchangePtr exchange) {
  auto found = find_path(services, *exchange, exchange->request.query_value("path"));
  if (!found) return refuse_plain(*exchange, found.error());
  auto wishes = wishes_of(*exchange);
  if (!wishes) return refuse_plain(*exchange, wishes.error());
  if (found->path.kind != Kind::Result)
    return refuse_plain(*exchange, {Errc::Unsupported, "this is no result set",
                                    "a path that ends in .dolphin", ""});
  if (auto good = check_type(found->result().type); !good)
    return refuse_plain(*exchange, good.error());
  if (!wishes->is_workbook)
    return send_csv(services, std::move(exchange), *found, *std::move(wishes));
  send_workbook(services, std::move(exchange), *found->task, {found->result()}, *std::move(wishes));
}

// A sheet for each table and text; the others have no rows.
void export_results(Services& services, ExchangePtr exchange) {
  auto found = find_path(services, *exchange, exchange->request.query_value("path"));
  if (!found) return refuse_plain(*exchange, found.error());
  auto wishes = wishes_of(*exchange);
  if (!wishes) return refuse_plain(*exchange, wishes.error());
  std::erase_if(found->results,
                [](const StoredResult& result) { return !check_type(result.type); });
  if (found->path.kind != Kind::Results || found->results.empty())
    return refuse_plain(*exchange, {Errc::Unsupported, "there is no table and no text at this path",
                                    "take resultLocation", ""});
  send_workbook(services, std::move(exchange), *std::move(found->task), std::move(found->results),
                *std::move(wishes));
}

void download(Services& services, ExchangePtr exchange) {
  const auto body = linkis_body(*exchange);
  if (!body) return refuse_plain(*exchange, body.error());
  const auto charset = Encoder::open(drover::linkis::text_of(*body, "charset"));
  if (!charset) return refuse_plain(*exchange, charset.error());
  if (!charset->is_utf8())
    return refuse_plain(*exchange, {Errc::Unsupported, "downloads are in UTF-8",
                                    "resultsetToExcel writes csv in gbk and gb18030", "charset"});
  auto found = find_path(services, *exchange, drover::linkis::text_of(*body, "path"));
  if (!found) return refuse_plain(*exchange, found.error());
  if (found->path.kind == Kind::Result) return send_dolphin(services, std::move(exchange), *found);
  if (found->path.kind == Kind::Log)
    return send_log(services, std::move(exchange), *std::move(found));
  refuse_plain(*exchange, {Errc::Unsupported, "a folder cannot be downloaded",
                           "getDirFileTrees lists what is in it", ""});
}

}  // namespace drover::server::api::linkis
