// server/result_rows.cpp - reads a result's files through the agent, unpacks beside the loop.
// SPDX-License-Identifier: Apache-2.0
#include "server/result_rows.hpp"

#include <algorithm>
#include <utility>

#include "linkis/base64.hpp"

namespace drover::server {
namespace {

using linkis::Cell;
using linkis::ResultType;

tl::unexpected<Error> damaged(const char* what) {
  return fail(Errc::Corrupt, std::string("the result's files are damaged: ") + what,
              "they were changed after the statement wrote them; run it again");
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name.front() != '.' &&
         name.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz.") == std::string_view::npos;
}

Cell cell_of(simdjson::dom::element value) {
  Cell cell;
  std::string_view text;
  if (value.is_null()) return cell;
  if (value.get_string().get(text) == simdjson::SUCCESS) {
    cell.text = text;
    cell.kind = Cell::Kind::Text;
    return cell;
  }
  cell.kind = value.is_number() ? Cell::Kind::Number : Cell::Kind::Other;
  cell.text = simdjson::minify(value);
  return cell;
}

}  // namespace

void RowBatch::read(std::size_t row, linkis::Row& into) const {
  into.clear();
  if (!is_table_) return into.push_back({Cell::Kind::Text, lines_[row]});
  for (const simdjson::dom::element value : simdjson::dom::array(table_.row(row)))
    into.push_back(cell_of(value));
  linkis::use_client_words(columns_, into);
}

ResultRows::ResultRows(Services& services, Owner owner, ResultPlace place, StoredResult result,
                       std::int64_t first)
    : services_(services),
      files_(services, owner, std::move(place)),
      result_(std::move(result)),
      first_(first) {
  ++services_.streams;
  batch_.is_table_ = result_.type == ResultType::Table;
  batch_.columns_ = result_.columns;
}
ResultRows::~ResultRows() { --services_.streams; }

void ResultRows::begin_at(std::int64_t row, std::int64_t offset) {
  row_ = row;
  at_ = offset;
}

void ResultRows::next(Work work, Done done) {
  work_ = std::move(work);
  done_ = std::move(done);
  if (batch_.is_table_) return next_table();
  if (!result_.has_file() && !std::exchange(at_end_, true)) {
    packed_ = result_.preview;
    return take_lines();
  }
  if (at_end_) return end(false);
  next_piece();
}

void ResultRows::again(Work work, Done done) {
  work_ = std::move(work);
  done_ = std::move(done);
  give([]() -> Result<void> { return {}; });
}

// `done_` goes first: it may ask for the next batch.
void ResultRows::end(const Result<bool>& how) {
  work_ = nullptr;
  const Done done = std::exchange(done_, nullptr);
  done(how);
}

void ResultRows::read(const std::string& file, std::int64_t offset, std::int64_t limit,
                      void (ResultRows::*then)(const LogPiece&)) {
  if (!is_plain_name(file))
    return end(fail(Errc::Corrupt, "the result's file has no plain name", "run it again"));
  files_.read(files_.place().directory + "/" + file, offset, limit,
              [self = shared_from_this(), then](const Result<LogPiece>& piece) {
                if (!piece) return self->end(fail(piece.error()));
                if (piece->not_found)
                  return self->end(fail(Errc::NotFound, "the result's file does not exist any more",
                                        "it was removed or moved: run the statement again"));
                ((*self).*then)(*piece);
              });
}

// Prepares the batch and works on it, on the pool.
void ResultRows::give(std::function<Result<void>()> prepare) {
  auto how = std::make_shared<Result<void>>();
  const auto self = shared_from_this();
  services_.loop.offload(
      [self, how, prepare = std::move(prepare)] {
        *how = prepare();
        if (*how && self->batch_.size() > 0) self->work_(self->batch_);
      },
      [self, how] {
        if (!*how) return self->end(fail(how->error()));
        if (self->batch_.size() > 0) return self->end(true);
        if (self->at_end_) return self->end(false);
        self->next_piece();  // no whole line yet
      });
}

// ---- tables

void ResultRows::next_table() {
  if (row_ >= result_.rows || first_ >= result_.rows) return end(false);
  if (places_.empty())
    return read(result_.file, index_at_, PlacedFiles::kPiece, &ResultRows::on_index);
  chunk_ = places_.front();
  places_.pop_front();
  packed_.clear();
  next_packed();
}

void ResultRows::on_index(const LogPiece& piece) {
  if (piece.data.empty()) return end(damaged("the index ends too early"));
  index_at_ += std::int64_t(piece.data.size());
  std::vector<ChunkPlace> found;
  if (auto good = index_.feed(piece.data, first_, found); !good) return end(fail(good.error()));
  places_.assign(found.begin(), found.end());
  services_.loop.post([self = shared_from_this()] { self->next_table(); });
}

void ResultRows::next_packed() {
  std::string rows = result_.file;
  if (!rows.ends_with(".index")) return end(damaged("its name"));
  rows.replace(rows.size() - 5, 5, "rows");
  const auto have = std::int64_t(packed_.size());
  read(rows, chunk_.offset + have, std::min(chunk_.bytes - have, PlacedFiles::kPiece),
       &ResultRows::on_packed);
}

void ResultRows::on_packed(const LogPiece& piece) {
  if (piece.data.empty()) return end(damaged("the rows end too early"));
  packed_ += piece.data;
  if (std::int64_t(packed_.size()) < chunk_.bytes) return next_packed();
  batch_.first = chunk_.row;
  row_ = chunk_.row + chunk_.rows;
  give([this] { return batch_.table_.read(packed_, chunk_.rows); });
}

// ---- texts, pages and pictures

void ResultRows::next_piece() {
  if (result_.is_log) return read_log();
  read(result_.file, at_, PlacedFiles::kPiece, &ResultRows::on_piece);
}

// There is none when nothing was printed.
void ResultRows::read_log() {
  files_.read(files_.place().log, at_, PlacedFiles::kPiece,
              [self = shared_from_this()](const Result<LogPiece>& piece) {
                if (!piece) return self->end(fail(piece.error()));
                self->on_piece(piece->not_found ? LogPiece{} : *piece);
              });
}

void ResultRows::on_piece(const LogPiece& piece) {
  const bool is_whole = result_.type != ResultType::Text;
  if (is_whole && piece.size > kWholeMax)
    return end(fail(Errc::Limit, "a page or picture of more than 8 MiB is not shown this way",
                    "drover result get gives it", "size"));
  at_ += std::int64_t(piece.data.size());
  packed_ += piece.data;
  at_end_ = piece.data.empty() || at_ >= piece.size;
  if (is_whole && !at_end_) return next_piece();
  take_lines();
}

void ResultRows::take_lines() {
  batch_.first = row_;
  batch_.offset = at_ - std::int64_t(packed_.size());
  give([this]() -> Result<void> {
    batch_.lines_.clear();
    if (result_.type != ResultType::Text) {
      batch_.lines_.push_back(result_.type == ResultType::Picture
                                  ? linkis::picture_element(result_.mime, packed_)
                                  : std::move(packed_));
      packed_.clear();
    }
    const char* const ends = result_.is_log ? "\r\n" : "\n";  // a bar of progress has lines, too
    std::size_t at = 0;
    while (at < packed_.size()) {
      const std::size_t end = std::min(packed_.find_first_of(ends, at), at + kLineMax);
      const bool is_open =
          end >= packed_.size() || (packed_[end] == '\r' && end + 1 == packed_.size());
      if (is_open && !at_end_) break;
      batch_.lines_.push_back(packed_.substr(at, end - at));
      at = std::min(end, packed_.size());
      if (result_.is_log && at < packed_.size() && packed_[at] == '\r') ++at;
      if (at < packed_.size() && packed_[at] == '\n') ++at;
    }
    packed_.erase(0, at);
    row_ += std::int64_t(batch_.lines_.size());
    return {};
  });
}

}  // namespace drover::server
