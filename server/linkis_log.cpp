// server/linkis_log.cpp - counts lines in a file that is read piece by piece.
// SPDX-License-Identifier: Apache-2.0
#include "server/linkis_log.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "linkis/log_text.hpp"
#include "linkis/state_name.hpp"
#include "server/linkis_desk.hpp"
#include "server/result_place.hpp"

namespace drover::server {
namespace {

using linkis::Level;
using linkis::log_line;

constexpr std::int64_t kHeadLines = 2;  // before those of the file

class LogReading : public std::enable_shared_from_this<LogReading> {
 public:
  LogReading(Services& services, LinkisTask task, std::int64_t from, std::int64_t count,
             std::function<void(const Result<LogSlice>&)> done)
      : services_(services),
        task_(std::move(task)),
        from_(from),
        count_(std::clamp<std::int64_t>(count, 0, kLogLinesMax)),
        done_(std::move(done)) {
    ++services_.streams;
  }
  ~LogReading() { --services_.streams; }
  LogReading(const LogReading&) = delete;
  LogReading& operator=(const LogReading&) = delete;

  void begin() {
    const sched::JobRecord& record = task_.record;
    const std::string id = std::to_string(raw(record.id));
    add(log_line(
        record.submitted, Level::Info,
        "Task " + id + " is accepted as " + linkis::short_id(task_name(task_.spec, record.id))));
    if (!record.started.is_set()) return end_of_body();
    add(log_line(record.started, Level::Info, "Task " + id + " runs on engine " + task_.engine));
    auto place = result_place(services_, task_.spec, record.id);
    if (!place) return end_of_body();
    files_.emplace(services_, sched::files_owner(task_.spec), *std::move(place));
    if (const auto mark = services_.linkis->mark_before(mark_key(), from_)) {
      line_ = mark->line;
      offset_ = mark->offset;
    }
    next_piece();
  }

 private:
  TextKey mark_key() const { return {task_.record.id, TextKey::kLog, task_.record.started}; }
  bool is_full() const {
    return std::int64_t(slice_.lines.size()) >= count_ || bytes_ >= kLogBytesMax;
  }
  // The next line of the whole log.
  void add(std::string line) {
    if (line_ >= from_ && !is_full()) {
      bytes_ += line.size();
      slice_.lines.push_back(std::move(line));
    }
    ++line_;
  }

  void next_piece() {
    if (is_full()) return finish();
    files_->read(
        files_->place().log, offset_ + std::int64_t(carry_.size()), PlacedFiles::kPiece,
        [self = shared_from_this()](const Result<LogPiece>& piece) { self->on_piece(piece); });
  }

  void on_piece(const Result<LogPiece>& piece) {
    if (!piece) return finish();  // it may be there at the next call
    if (piece->not_found) return end_of_body();
    if (piece->size < offset_) {  // a later attempt writes it anew: its lines are counted anew
      offset_ = 0;
      line_ = kHeadLines;
      carry_.clear();
      return services_.loop.post([self = shared_from_this()] { self->next_piece(); });
    }
    const bool at_end =
        piece->data.empty() || piece->offset + std::int64_t(piece->data.size()) >= piece->size;
    carry_ += piece->data;
    take_lines();
    if (is_full()) return finish();
    if (!at_end) {
      // A new frame of the loop for each piece: a long log does not grow the stack.
      return services_.loop.post([self = shared_from_this()] { self->next_piece(); });
    }
    if (!sched::is_final(task_.record.state)) return finish();  // its last line may still grow
    if (!carry_.empty()) {
      offset_ += std::int64_t(carry_.size());
      if (carry_.back() == '\r') carry_.pop_back();
      add(std::exchange(carry_, {}));
    }
    if (is_full()) return finish();
    end_of_body();
  }

  // A line ends with \n, \r\n or \r alone, as a bar of progress has it: so clients count them.
  void take_lines() {
    std::size_t at = 0;
    while (!is_full() && at < carry_.size()) {
      const std::size_t end = std::min(carry_.find_first_of("\r\n", at), at + kLogLineMax);
      if (end >= carry_.size() || (carry_[end] == '\r' && end + 1 == carry_.size())) break;
      add(line_ >= from_ ? carry_.substr(at, end - at) : std::string());
      at = end;
      if (carry_[at] == '\r') ++at;
      if (carry_[at] == '\n') ++at;
    }
    carry_.erase(0, at);
    offset_ += std::int64_t(at);
    body_ = {line_, offset_};
  }

  void end_of_body() {
    const sched::JobRecord& record = task_.record;
    if (sched::is_final(record.state)) {
      if (const auto snapshot = services_.store.snapshot())
        if (const TaskEnd end = end_of(*snapshot, task_); !end.failure.empty())
          add(log_line(record.ended, Level::Error, end.failure));
      add(log_line(record.ended, Level::Info,
                   "Task " + std::to_string(raw(record.id)) +
                       " has ended: " + std::string(linkis::state_name(record.state)) + " after " +
                       std::to_string((record.ended - record.submitted).us / 1000) + " ms"));
    }
    finish();
  }

  void finish() {
    if (std::exchange(finished_, true)) return;
    if (body_.line > 0) services_.linkis->set_mark(mark_key(), body_);
    slice_.next = from_ + std::int64_t(slice_.lines.size());
    done_(slice_);
  }

  Services& services_;
  LinkisTask task_;
  std::int64_t from_, count_;
  std::function<void(const Result<LogSlice>&)> done_;
  std::optional<PlacedFiles> files_;
  LogSlice slice_;
  LineMark body_{};
  std::string carry_;
  std::size_t bytes_ = 0;
  std::int64_t line_ = 0, offset_ = 0;  // of the next line, in the log and in the file
  bool finished_ = false;
};

}  // namespace

void read_task_log(Services& services, LinkisTask task, std::int64_t from, std::int64_t count,
                   std::function<void(const Result<LogSlice>&)> done) {
  if (services.streams >= std::size_t(services.config.streams))
    return done(fail(Errc::Unavailable, "too many logs are being read", "try again in a moment"));
  std::make_shared<LogReading>(services, std::move(task), std::max<std::int64_t>(from, 0), count,
                               std::move(done))
      ->begin();
}

}  // namespace drover::server
