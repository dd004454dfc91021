// server/api_results.cpp - what a statement left: the list, pages of tables, and whole results.
//
// The files are read through the agent with the owner's identity, from the directory that the
// server computes; of the stored list only plain names count. One chunk is in memory at a time.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <deque>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "server/api.hpp"
#include "server/result_place.hpp"
#include "server/result_table.hpp"

namespace drover::server::api {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kPiece = 1 << 20, kPageRows = 1000, kPageRowsMax = 100'000;
constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max() / 4;
constexpr std::size_t kPageBytes = 8 << 20, kBacklog = 512 << 10, kWrite = 256 << 10;

// {"outcome":..,"results":[..]}; nothing of what is no statement, or has not ended.
Result<std::string> stored_list(const Services& services, const Exchange& exchange) {
  auto snapshot = services.store.snapshot();
  if (!snapshot) return fail(snapshot.error());
  auto list = snapshot->results(exchange.job);
  if (list && (list->empty() || list->front() != '{')) *list = R"({"outcome":null,"results":[]})";
  return list;
}

std::string text_of(const Json& item, const char* name) {
  const auto found = item.find(name);
  return found != item.end() && found->is_string() ? found->get<std::string>() : std::string();
}
std::int64_t number_of(const Json& item, const char* name) {
  const auto found = item.find(name);
  return found != item.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

Result<Json> stored_item(const Services& services, const Exchange& exchange) {
  auto list = stored_list(services, exchange);
  if (!list) return fail(list.error());
  const Json all = Json::parse(*list, nullptr, false);
  const auto results = all.is_object() ? all.find("results") : all.end();
  std::int64_t number = -1;
  const char* const end = exchange.name.data() + exchange.name.size();
  const auto [at, error] = std::from_chars(exchange.name.data(), end, number);
  if (error == std::errc{} && at == end && all.is_object() && results != all.end() &&
      results->is_array())
    for (const Json& item : *results)
      if (item.is_object() && item.contains("index") && number_of(item, "index") == number)
        return item;
  return fail(Errc::NotFound, "there is no result " + exchange.name.substr(0, 40),
              "GET .../results lists them, numbered from 0", "name");
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name.front() != '.' &&
         name.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz.") == std::string_view::npos;
}

// Reads one file piece by piece, each when it is asked for.
class ResultStream : public std::enable_shared_from_this<ResultStream> {
 public:
  enum class Form { Page, Csv, Lines, Bytes };

  ResultStream(Services& services, ExchangePtr exchange, Json item, ResultPlace place, Form form)
      : services_(services),
        exchange_(std::move(exchange)),
        item_(std::move(item)),
        place_(std::move(place)),
        form_(form),
        timer_(services.loop, [this] { step(); }) {
    ++services_.streams;
  }
  ~ResultStream() { --services_.streams; }
  ResultStream(const ResultStream&) = delete;
  ResultStream& operator=(const ResultStream&) = delete;

  std::int64_t offset = 0, limit = kAll;
  std::string content_type;
  std::vector<std::pair<std::string, std::string>> headers;

  void begin() {
    self_ = shared_from_this();  // until finish()
    exchange_->answer->on_gone([weak = weak_from_this()] {
      if (const auto stream = weak.lock()) stream->finish();
    });
    total_ = number_of(item_, "rows");
    row_ = std::min(offset, std::max<std::int64_t>(total_, 0));
    end_ = std::min(total_, row_ + std::min(limit, kAll));
    if (form_ == Form::Csv) out_ = header_line();
    step();
  }

 private:
  using OnData = void (ResultStream::*)(const LogPiece&);

  // What is written goes first; then rows of the chunk at hand, the next chunk, more of the index.
  void step() {
    const auto alive = shared_from_this();
    if (done_) return;
    if (form_ != Form::Page) {
      if (!flush()) return;
      if (done_) return;
    }
    if (form_ == Form::Bytes) return next_bytes();
    while (true) {
      if (row_ >= end_ || (form_ == Form::Page && out_.size() >= kPageBytes)) return complete();
      if (has_chunk_ && row_ < chunk_.row + chunk_.rows) {
        take_rows();
        if (form_ == Form::Page) continue;
        return again();
      }
      break;
    }
    has_chunk_ = false;
    if (places_.empty())
      return read(text_of(item_, "file"), index_at_, kPiece, &ResultStream::on_index);
    chunk_ = places_.front();
    places_.pop_front();
    packed_.clear();
    next_packed();
  }
  void again() {
    services_.loop.post([stream = shared_from_this()] { stream->step(); });
  }

  void read(const std::string& file, std::int64_t from, std::int64_t most, OnData then) {
    if (!is_plain_name(file))
      return refuse({Errc::Corrupt, "the result's file has no plain name", "run it again", ""});
    LogRead read;
    read.owner = sched::files_owner(*exchange_->spec);
    read.path = place_.directory + "/" + file;
    read.offset = from;
    read.limit = std::uint32_t(std::min(most, kPiece));
    services_.agents.read_log(
        place_.nodes[node_at_], read,
        [stream = shared_from_this(), file, from, most, then](const Result<LogPiece>& piece) {
          stream->on_piece(piece, file, from, most, then);
        });
  }
  void on_piece(const Result<LogPiece>& piece, const std::string& file, std::int64_t from,
                std::int64_t most, OnData then) {
    if (done_) return;
    if (piece && !piece->not_found) {
      has_read_ = true;
      return (this->*then)(*piece);
    }
    if (!has_read_ && node_at_ + 1 < place_.nodes.size()) {
      ++node_at_;
      return read(file, from, most, then);
    }
    if (!piece) return refuse(piece.error());
    refuse({Errc::NotFound, "the result's file does not exist",
            "it was removed or moved: run the statement again", ""});
  }
  void damaged(const char* what) {
    refuse({Errc::Corrupt, std::string("the result's files are damaged: ") + what,
            "they were changed after the statement wrote them; run it again", ""});
  }

  void on_index(const LogPiece& piece) {
    if (piece.data.empty()) return damaged("the index ends too early");
    index_at_ += std::int64_t(piece.data.size());
    std::vector<ChunkPlace> found;
    if (auto good = index_.feed(piece.data, row_, found); !good) return refuse(good.error());
    places_.assign(found.begin(), found.end());
    again();
  }

  void next_packed() {
    std::string rows = text_of(item_, "file");
    if (!rows.ends_with(".index")) return damaged("its name");
    rows.replace(rows.size() - 5, 5, "rows");
    const auto have = std::int64_t(packed_.size());
    read(rows, chunk_.offset + have, chunk_.bytes - have, &ResultStream::on_packed);
  }
  void on_packed(const LogPiece& piece) {
    if (piece.data.empty()) return damaged("the rows end too early");
    packed_ += piece.data;
    if (std::int64_t(packed_.size()) < chunk_.bytes) return next_packed();
    const auto alive = shared_from_this();
    services_.loop.offload(
        [alive] { alive->unpacked_ = alive->rows_.read(alive->packed_, alive->chunk_.rows); },
        [alive] {
          if (alive->done_) return;
          if (!alive->unpacked_) return alive->refuse(alive->unpacked_.error());
          alive->has_chunk_ = true;
          alive->step();
        });
  }

  // As many as may be written at once, at least one.
  void take_rows() {
    const std::size_t most = form_ == Form::Page ? kPageBytes : kWrite;
    const std::int64_t last = std::min(end_, chunk_.row + chunk_.rows);
    do {
      const auto at = std::size_t(row_ - chunk_.row);
      if (form_ == Form::Csv) {
        rows_.append_csv(at, out_);
      } else {
        if (form_ == Form::Page && !out_.empty()) out_ += ',';
        rows_.append_json(at, out_);
        if (form_ == Form::Lines) out_ += '\n';
      }
      ++row_;
    } while (row_ < last && out_.size() < most);
  }

  void next_bytes() {
    if (at_end_) return complete();
    read(text_of(item_, "file"), bytes_at_, kWrite, &ResultStream::on_bytes);
  }
  void on_bytes(const LogPiece& piece) {
    bytes_at_ += std::int64_t(piece.data.size());
    at_end_ = piece.data.empty() || bytes_at_ >= piece.size;
    out_ = piece.data;
    open_stream();
    again();
  }

  // False: it goes on when the reader has taken some.
  bool flush() {
    while (!out_.empty()) {
      if (exchange_->answer->buffered() > kBacklog) {
        timer_.start(millis(5));
        return false;
      }
      if (form_ != Form::Bytes && !open_ && row_ < end_ && !has_chunk_) return true;
      open_stream();
      const std::size_t size = std::min(out_.size() - written_, kWrite);
      if (!exchange_->answer->write(std::string_view(out_).substr(written_, size))) {
        finish();
        return false;
      }
      written_ += size;
      if (written_ == out_.size()) {
        out_.clear();
        written_ = 0;
      }
    }
    return true;
  }

  std::string header_line() const {
    std::string line;
    const auto columns = item_.find("columns");
    if (columns == item_.end() || !columns->is_array()) return line;
    for (const Json& column : *columns) {
      if (!line.empty()) line += ',';
      append_csv_cell(column.is_object() ? text_of(column, "name") : "", line);
    }
    return line + "\r\n";
  }

  void open_stream() {
    if (std::exchange(open_, true)) return;
    exchange_->answer->begin_stream(200, content_type, headers);
  }
  void complete() {
    if (form_ == Form::Page) return send_page();
    open_stream();
    finish();
  }
  void send_page() {
    const auto columns = item_.find("columns");
    std::string body = "{\"v\":1,\"columns\":";
    body += columns == item_.end() ? "[]"
                                   : columns->dump(-1, ' ', false, Json::error_handler_t::replace);
    body += ",\"offset\":" + std::to_string(offset) + ",\"rows\":[" + out_ + "],\"next\":";
    body += row_ < total_ ? std::to_string(row_) : "null";
    body += ",\"total\":" + std::to_string(total_) + "}";
    done_ = true;
    exchange_->json(std::move(body));
    finish();
  }
  // A stream that has begun goes without its end: the connection breaks off, and nobody takes it
  // for whole.
  void refuse(const Error& error) {
    done_ = true;
    if (!open_) exchange_->refuse(error);
    finish();
  }
  void finish() {
    timer_.stop();
    if (!std::exchange(done_, true) && open_) exchange_->answer->end();
    // We may be in our timer's callback: the last owner goes after it.
    if (self_) services_.loop.post([last = std::exchange(self_, nullptr)] {});
  }

  Services& services_;
  ExchangePtr exchange_;
  Json item_;
  ResultPlace place_;
  Form form_;
  net::Timer timer_;
  std::shared_ptr<ResultStream> self_;
  IndexReader index_;
  std::deque<ChunkPlace> places_;
  ChunkPlace chunk_;
  ChunkRows rows_;
  Result<void> unpacked_;
  std::string packed_, out_;
  std::size_t written_ = 0, node_at_ = 0;
  std::int64_t total_ = 0, row_ = 0, end_ = 0, index_at_ = 0, bytes_at_ = 0;
  bool has_chunk_ = false, at_end_ = false, open_ = false, done_ = false;
  bool has_read_ = false;
};

using Form = ResultStream::Form;

// An engine says what its image is: only what browsers show as an image counts.
std::string type_of(const Json& item, bool is_raw) {
  const std::string kind = text_of(item, "kind"), mime = text_of(item, "mime");
  if (kind == "html" && is_raw) return "text/html; charset=utf-8";
  if (kind != "image") return "text/plain; charset=utf-8";
  for (const char* known : {"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"})
    if (mime == known) return mime;
  return "application/octet-stream";
}

void answer_preview(const Exchange& exchange, const Json& item, std::string type,
                    std::vector<std::pair<std::string, std::string>> headers) {
  net::HttpResponse response;
  response.content_type = std::move(type);
  response.headers = std::move(headers);
  response.body = text_of(item, "preview");
  exchange.answer->send(std::move(response));
}

Result<Form> form_of(const Exchange& exchange, bool is_table) {
  const std::string_view format = exchange.request.query_value("format");
  if (!is_table && (format.empty() || format == "raw")) return Form::Bytes;
  if (is_table && (format.empty() || format == "json")) return Form::Page;
  if (is_table && format == "csv") return Form::Csv;
  if (is_table && format == "jsonl") return Form::Lines;
  return fail(Errc::BadInput, "this result has no such format",
              is_table ? "a table has json, csv and jsonl" : "what is no table has raw", "format");
}

}  // namespace

void list_results(Services& services, ExchangePtr exchange) {
  auto list = stored_list(services, *exchange);
  if (!list) return exchange->refuse(list.error());
  exchange->json("{\"v\":1," + list->substr(1));
}

void read_result(Services& services, ExchangePtr exchange) {
  const auto offset = exchange->number("offset", 0, kAll, 0);
  if (!offset) return exchange->refuse(offset.error());
  auto item = stored_item(services, *exchange);
  if (!item) return exchange->refuse(item.error());
  const bool is_table = text_of(*item, "kind") == "table";
  const auto form = form_of(*exchange, is_table);
  if (!form) return exchange->refuse(form.error());
  const bool is_page = *form == Form::Page;
  const auto limit =
      exchange->number("limit", 1, is_page ? kPageRowsMax : kAll, is_page ? kPageRows : kAll);
  if (!limit) return exchange->refuse(limit.error());
  const bool is_raw = exchange->request.query_value("format") == "raw";
  std::string type = *form == Form::Csv     ? "text/csv; charset=utf-8"
                     : *form == Form::Lines ? "application/x-ndjson"
                                            : type_of(*item, is_raw);
  std::vector<std::pair<std::string, std::string>> headers{{"X-Content-Type-Options", "nosniff"},
                                                           {"Content-Security-Policy", "sandbox"}};
  if (!is_table && text_of(*item, "file").empty())
    return answer_preview(*exchange, *item, std::move(type), std::move(headers));
  auto place = result_place(services, *exchange->spec, exchange->job);
  if (!place) return exchange->refuse(place.error());
  if (services.streams >= std::size_t(services.config.streams))
    return exchange->refuse(
        {Errc::Unavailable, "too many logs are being read", "try again in a moment", ""});
  auto stream = std::make_shared<ResultStream>(services, std::move(exchange), *std::move(item),
                                               *std::move(place), *form);
  stream->offset = *offset;
  stream->limit = *limit;
  stream->content_type = std::move(type);
  stream->headers = std::move(headers);
  stream->begin();
}

}  // namespace drover::server::api
