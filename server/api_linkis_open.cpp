// server/api_linkis_open.cpp - filesystem/openFile: a page of a result; openLog: a task's log.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "linkis/log_text.hpp"
#include "server/api_linkis.hpp"
#include "server/json_writer.hpp"
#include "server/linkis_answer.hpp"
#include "server/linkis_desk.hpp"
#include "server/linkis_log.hpp"
#include "server/linkis_results.hpp"
#include "server/outflow.hpp"

namespace drover::server::api::linkis {
namespace {

using drover::linkis::Cell;
using drover::linkis::Column;
using drover::linkis::Json;
using drover::linkis::ResultType;
using Kind = drover::linkis::ResultPath::Kind;

constexpr std::int64_t kRowsUsual = 5'000, kRowsMax = 100'000, kColumnsMax = 500;
constexpr std::int64_t kPagesMax = 1'000'000'000;
constexpr std::size_t kWholeMax = 4 << 20, kPieceMax = 1 << 20, kCellLimit = 10'000;
constexpr std::size_t kLogMax = 30 << 20;

struct Page {
  std::int64_t page = 1, size = kRowsUsual;
  std::int64_t column_page = 1, columns = kColumnsMax;
  std::string null = "NULL";  // LINKIS_NULL: a JSON null
  bool is_limited = false;    // long cells are cut; half a page or picture is none
  std::int64_t from() const { return (page - 1) * size; }
};

Result<Page> page_of(const Exchange& exchange, ResultType type) {
  Page page;
  const auto read = [&](const char* name, std::int64_t most, std::int64_t& into) -> Result<void> {
    auto number = exchange.number(name, 1, most, into);
    if (!number) {
      Error error = number.error();
      error.field = name;
      return fail(std::move(error));
    }
    into = *number;
    return {};
  };
  for (auto good : {read("page", kPagesMax, page.page), read("pageSize", kRowsMax, page.size),
                    read("columnPage", kPagesMax, page.column_page),
                    read("columnPageSize", kColumnsMax, page.columns)})
    if (!good) return fail(good.error());
  if (const auto null = exchange.request.query_value("nullValue"); !null.empty()) page.null = null;
  page.is_limited = exchange.request.query_value("enableLimit") == "true" &&
                    (type == ResultType::Table || type == ResultType::Text);
  return page;
}

// The rows of one page, written as they come.
class PageReading : public std::enable_shared_from_this<PageReading> {
 public:
  PageReading(Services& services, ExchangePtr exchange, TextKey key,
              std::shared_ptr<ResultRows> rows, Page page)
      : services_(services),
        exchange_(std::move(exchange)),
        key_(key),
        rows_(std::move(rows)),
        page_(std::move(page)),
        next_(page_.from()),
        until_(page_.from() + page_.size) {
    first_column_ = std::size_t((page_.column_page - 1) * page_.columns);
  }

  // A text is read from where readers have been, if that helps.
  void begin() {
    if (is_long_text())
      if (const auto mark = services_.linkis->mark_before(key_, next_)) {
        mark_ = *mark;
        rows_->begin_at(mark_.line, mark_.offset);
      }
    step();
  }

 private:
  bool is_long_text() const {
    return rows_->result().type == ResultType::Text && rows_->result().has_file();
  }

  void step() {
    if (exchange_->answer->is_gone()) return;
    if (next_ >= until_) return end();
    const auto self = shared_from_this();
    const auto work = [self](const RowBatch& batch) { self->take(batch); };
    const auto done = [self](const Result<bool>& more) { self->on_batch(more); };
    if (next_ < batch_end_) return rows_->again(work, done);
    rows_->next(work, done);
  }

  std::size_t most() const { return flow_ ? kPieceMax : kWholeMax; }

  // On the pool. As many rows as make a piece; there may be more in the batch.
  void take(const RowBatch& batch) {
    mark_ = {batch.first, batch.offset};
    batch_end_ = batch.first + std::int64_t(batch.size());
    const std::int64_t end = std::min(until_, batch_end_);
    for (next_ = std::max(next_, batch.first); next_ < end && list_.size() <= most(); ++next_) {
      batch.read(std::size_t(next_ - batch.first), row_);
      append_row();
    }
  }

  void on_batch(const Result<bool>& more) {
    if (!more) return flow_ ? flow_->fail(more.error()) : refuse_file(*exchange_, more.error());
    if (!*more) return end();
    if (next_ >= until_ || list_.size() <= most()) return step();
    if (flow_) return flow_->put(std::exchange(list_, {}));
    begin_flow();
  }

  void append_row() {
    if (count_++ > 0) list_ += ',';
    JsonWriter out(list_);
    out.begin_array();
    const std::size_t end = std::min(row_.size(), first_column_ + std::size_t(page_.columns));
    for (std::size_t i = first_column_; i < end; ++i) {
      const Cell& cell = row_[i];
      if (cell.kind == Cell::Kind::Null) {
        if (page_.null == drover::linkis::kDolphinNull)
          out.null();
        else
          out.value(page_.null);
        continue;
      }
      std::string_view text = cell.text;
      if (page_.is_limited) text = text.substr(0, kCellLimit);
      out.value(text);
    }
    out.end_array();
  }

  // A short page goes out whole, with its length. A longer one goes piece by piece, as fast as its
  // reader takes it: then an error breaks the answer off.
  void begin_flow() {
    flow_ = std::make_shared<Outflow>(services_, exchange_, "application/json", refuse_file);
    flow_->head = head();
    flow_->begin([self = shared_from_this()](const std::shared_ptr<Outflow>& flow) {
      if (self->at_end_) return flow->finish();
      if (self->list_.empty()) return self->step();
      flow->put(std::exchange(self->list_, {}));
    });
  }

  void end() {
    // The last batch begins before the next page, or with it.
    if (is_long_text()) services_.linkis->set_mark(key_, mark_);
    at_end_ = true;
    std::string text = std::exchange(list_, {}) + "],\"page\":" + std::to_string(page_.page) +
                       ",\"totalLine\":" + std::to_string(count_) + ",\"totalPage\":0" +
                       columns_left_out() + "}}";
    if (flow_) return flow_->put(std::move(text));
    net::HttpResponse response;
    response.body = head() + text;
    exchange_->answer->send(std::move(response));
  }

  // What pages show above a table that has more columns than they got.
  std::string columns_left_out() const {
    const std::size_t all = rows_->result().columns.size();
    if (all <= std::size_t(page_.columns)) return {};
    const std::string total = std::to_string(all), shown = std::to_string(page_.columns);
    return ",\"totalColumn\":" + total +
           ",\"column_limit_display\":true,\"en_msg\":\"The result has " + total + " columns, " +
           shown + " are shown at once.\",\"zh_msg\":\"结果集共 " + total + " 列，每次最多显示 " +
           shown + " 列。\"";
  }

  std::string head() const {
    const StoredResult& result = rows_->result();
    std::string metadata = "\"NULL\"";
    if (result.type == ResultType::Table) {
      Json columns = Json::array();
      const std::size_t end =
          std::min(result.columns.size(), first_column_ + std::size_t(page_.columns));
      for (std::size_t i = first_column_; i < end; ++i) {
        Json column;
        column["columnName"] = result.columns[i].name;
        column["comment"] = "";
        column["dataType"] = result.columns[i].type;
        columns.push_back(std::move(column));
      }
      metadata = drover::linkis::dump(columns);
    }
    return R"({"method":"/api/filesystem/openFile","status":0,"message":"OK","data":{"type":")" +
           std::to_string(int(result.type)) + "\",\"metadata\":" + metadata + ",\"fileContent\":[";
  }

  Services& services_;
  ExchangePtr exchange_;
  TextKey key_;
  LineMark mark_{};
  std::shared_ptr<ResultRows> rows_;
  Page page_;
  std::int64_t next_, until_, batch_end_ = 0, count_ = 0;
  std::size_t first_column_ = 0;
  drover::linkis::Row row_;
  std::string list_;               // of rows that have not gone out
  std::shared_ptr<Outflow> flow_;  // of a long page; it and this hold each other until it is over
  bool at_end_ = false;
};

// Slice after slice until the end, or until it is too much.
class LogOpening : public std::enable_shared_from_this<LogOpening> {
 public:
  LogOpening(Services& services, ExchangePtr exchange, LinkisTask task,
             std::shared_ptr<void> permit)
      : services_(services),
        exchange_(std::move(exchange)),
        task_(std::move(task)),
        permit_(std::move(permit)) {}

  void step() {
    read_task_log(
        services_, task_, next_, kLogLinesMax,
        [self = shared_from_this()](const Result<LogSlice>& slice) { self->take(slice); });
  }

 private:
  void take(const Result<LogSlice>& slice) {
    if (!slice) return refuse_file(*exchange_, slice.error());
    if (slice->lines.empty()) return send();
    for (const std::string& line : slice->lines) {
      bytes_ += line.size() + 1;
      lines_.push_back(line);
    }
    next_ = slice->next;
    if (bytes_ > kLogMax)
      return refuse_file(*exchange_,
                         {Errc::Limit, "the log has more than 30 MB",
                          "read it in parts: entrance/{id}/log, or filesystem/download", ""});
    services_.loop.post([self = shared_from_this()] { self->step(); });
  }

  // Beside the loop: it may be 30 MB, several times over.
  void send() {
    const auto self = shared_from_this();
    services_.loop.offload([self] { self->put_together(); },
                           [self] { self->exchange_->answer->send(std::move(self->response_)); });
  }

  void put_together() {
    const std::vector<std::string_view> lines(lines_.begin(), lines_.end());
    auto logs = drover::linkis::split_log(lines, true);
    // One level alone: its lines are then all there are.
    static constexpr const char* kLevels[] = {"error", "warn", "info"};
    std::string wanted(exchange_->request.query_value("logLevel"));
    for (char& c : wanted)
      if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
    for (std::size_t i = 0; i < 3; ++i)
      if (wanted == kLevels[i]) {
        for (std::size_t other = 0; other < 3; ++other)
          if (other != i) logs[other].clear();
        logs[3] = logs[i];
      }
    lines_ = {};
    // As with the original: by the lines that it has, a client tells what it has not shown yet.
    for (std::string& log : logs)
      if (!log.empty()) log += '\n';
    Json data;
    Json& parts = data["log"] = Json::array();
    for (std::string& log : logs) parts.push_back(std::move(log));
    response_ = linkis_response(exchange_->linkis, drover::linkis::Status::Ok, "OK", data);
  }

  Services& services_;
  ExchangePtr exchange_;
  LinkisTask task_;
  std::shared_ptr<void> permit_;
  std::vector<std::string> lines_;
  net::HttpResponse response_;
  std::size_t bytes_ = 0;
  std::int64_t next_ = 0;
};

}  // namespace

void open_file(Services& services, ExchangePtr exchange) {
  auto found = find_path(services, *exchange, exchange->request.query_value("path"));
  if (!found) return refuse_file(*exchange, found.error());
  if (found->path.kind != Kind::Result)
    return refuse_file(*exchange,
                       {Errc::Unsupported, "this is no result set",
                        found->path.kind == Kind::Log ? "openLog reads logs"
                                                      : "getDirFileTrees lists what is in it",
                        ""});
  auto page = page_of(*exchange, found->result().type);
  if (!page) return refuse_file(*exchange, page.error());
  auto rows = open_rows(services, *found->task, found->result(), page->from());
  if (!rows) return refuse_file(*exchange, rows.error());
  const TextKey key{found->task->record.id, found->path.index, found->task->record.started};
  std::make_shared<PageReading>(services, std::move(exchange), key, *std::move(rows),
                                *std::move(page))
      ->begin();
}

void open_log(Services& services, ExchangePtr exchange) {
  auto found = find_path(services, *exchange, exchange->request.query_value("path"));
  if (!found) return refuse_file(*exchange, found.error());
  if (found->path.kind != Kind::Log)
    return refuse_file(*exchange, {Errc::Unsupported, "this is no log", "take logPath", ""});
  auto permit = services.linkis->large_answer();
  if (!permit)
    return refuse_file(*exchange, {Errc::Unavailable, "too many logs are being read",
                                   "try again in a moment", ""});
  std::make_shared<LogOpening>(services, std::move(exchange), *std::move(found->task),
                               std::move(permit))
      ->step();
}

}  // namespace drover::server::api::linkis
