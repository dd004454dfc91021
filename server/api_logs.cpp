// server/api_logs.cpp - what a task wrote: by offset, the last lines, or followed until its end.
//
// The path comes from the spec and the task's record, never from the client; the node's agent reads
// it with the owner's identity.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>
#include <utility>

#include "base/name_list.hpp"
#include "server/api.hpp"
#include "server/launch_order.hpp"
#include "server/problem.hpp"

namespace drover::server::api {
namespace {

constexpr std::uint32_t kPiece = 256 << 10;
constexpr std::int64_t kTailFirst = 64 << 10, kTailMax = 8 << 20;
constexpr std::uint32_t kFollowWaitMs = 150;  // also how late the end of the task is noticed
constexpr std::size_t kBacklog = 512 << 10;

class LogStream : public std::enable_shared_from_this<LogStream> {
 public:
  LogStream(Services& services, ExchangePtr exchange)
      : services_(services),
        exchange_(std::move(exchange)),
        timer_(services.loop, [this] { step(); }) {
    ++services_.streams;
  }
  ~LogStream() { --services_.streams; }
  LogStream(const LogStream&) = delete;
  LogStream& operator=(const LogStream&) = delete;

  TaskIndex task{};
  bool err = false, follow = false;
  std::int64_t offset = 0, tail = 0;
  std::int64_t remaining = std::numeric_limits<std::int64_t>::max();

  void begin() {
    self_ = shared_from_this();  // until finish()
    exchange_->answer->on_gone([weak = weak_from_this()] {
      if (const auto stream = weak.lock()) stream->finish();
    });
    tail_bytes_ = kTailFirst;
    step();
  }

 private:
  void step() {
    const auto alive = shared_from_this();
    if (done_) return;
    if (exchange_->answer->buffered() > kBacklog) return timer_.start(millis(20));
    auto snapshot = services_.store.snapshot();
    if (!snapshot) return refuse(snapshot.error());
    auto record = snapshot->task({exchange_->job, task});
    if (!record) return refuse(record.error());
    auto job = snapshot->job(exchange_->job);
    if (!job) return refuse(job.error());
    const bool started = *record && !(*record)->node.empty();
    closed_ = *record ? sched::is_final((*record)->state) : sched::is_final(job->state);
    if (!started) {
      if (!follow || closed_) return finish_empty();
      return timer_.start(millis(100));
    }
    request(**record);
  }

  void request(const sched::TaskRecord& record) {
    auto files = task_files(*exchange_->spec, record.id, record.node);
    if (!files) return refuse(files.error());
    LogRead read;
    read.owner = sched::files_owner(*exchange_->spec);
    read.path = err && !files->err.empty() ? files->err : files->out;
    read.offset = tail > 0 ? -tail_bytes_ : offset;
    read.limit = tail > 0 ? std::uint32_t(tail_bytes_)
                          : std::uint32_t(std::min<std::int64_t>(kPiece, remaining));
    read.wait_ms = follow && !closed_ && tail == 0 ? kFollowWaitMs : 0;
    services_.agents.read_log(
        first_name(record.node), read,
        [stream = shared_from_this()](const Result<LogPiece>& piece) { stream->on_piece(piece); });
  }

  void on_piece(const Result<LogPiece>& piece) {
    if (done_) return;
    if (!piece) return refuse(piece.error());
    if (piece->not_found) {
      if (follow && !closed_) return timer_.start(millis(100));
      return refuse({Errc::NotFound, "the output file does not exist",
                     "it was moved, or the job could not create it: drover show names it", ""});
    }
    if (tail > 0) return on_tail(*piece);
    const bool was_open = open_;
    open_stream(piece->offset, piece->size);
    if (piece->size < offset && !(follow && was_open)) return finish();  // asked past the end
    if (piece->size < offset) {  // written anew by a later attempt
      offset = 0;
      return step();
    }
    const std::string_view data =
        std::string_view(piece->data)
            .substr(0, std::size_t(std::min<std::int64_t>(remaining, kPiece)));
    offset = piece->offset + std::int64_t(data.size());
    remaining -= std::int64_t(data.size());
    if (!data.empty() && !exchange_->answer->write(data)) return finish();
    const bool at_end = data.empty() || (!follow && offset >= piece->size);
    if (remaining <= 0 || (at_end && (!follow || closed_))) return finish();
    services_.loop.post([stream = shared_from_this()] { stream->step(); });
  }

  // Enough lines, or the whole file, or as much as we are ready to read: then it goes on as a read
  // by offset.
  void on_tail(const LogPiece& piece) {
    std::size_t at = piece.data.size();
    std::int64_t lines = 0;
    if (at > 0 && piece.data[at - 1] == '\n') --at;  // the end of the last line is no line
    while (at > 0) {
      if (piece.data[at - 1] == '\n' && ++lines == tail) break;
      --at;
    }
    const bool enough = at > 0 || piece.offset == 0 || tail_bytes_ >= kTailMax;
    if (!enough) {
      tail_bytes_ *= 4;
      return step();
    }
    tail = 0;
    offset = piece.offset + std::int64_t(at);
    step();
  }

  void open_stream(std::int64_t from, std::int64_t size) {
    if (std::exchange(open_, true)) return;
    exchange_->answer->begin_stream(200, "text/plain; charset=utf-8",
                                    {{"X-Content-Type-Options", "nosniff"},
                                     {"X-Drover-Offset", std::to_string(from)},
                                     {"X-Drover-Size", std::to_string(size)}});
  }
  void finish_empty() {
    open_stream(0, 0);
    finish();
  }
  void refuse(const Error& error) {
    if (!open_) {
      done_ = true;
      exchange_->refuse(error);
    }
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
  net::Timer timer_;
  std::shared_ptr<LogStream> self_;
  std::int64_t tail_bytes_ = 0;
  bool closed_ = false, open_ = false, done_ = false;
};

}  // namespace

void read_log(Services& services, ExchangePtr exchange) {
  const net::HttpRequest& request = exchange->request;
  const std::string_view which = request.query_value("stream");
  if (!which.empty() && which != "out" && which != "err")
    return exchange->refuse({Errc::BadInput, "stream must be out or err", "", "stream"});
  const auto task = exchange->number("task", 0, UINT32_MAX, -1);
  if (!task) return exchange->refuse(task.error());
  const auto offset =
      exchange->number("offset", 0, std::numeric_limits<std::int64_t>::max() / 2, 0);
  if (!offset) return exchange->refuse(offset.error());
  const auto limit = exchange->number("limit", 1, std::numeric_limits<std::int64_t>::max() / 2,
                                      std::numeric_limits<std::int64_t>::max() / 2);
  if (!limit) return exchange->refuse(limit.error());
  const auto tail = exchange->number("tail", 1, 1'000'000, 0);
  if (!tail) return exchange->refuse(tail.error());
  const auto follow = exchange->flag("follow");
  if (!follow) return exchange->refuse(follow.error());
  const sched::JobSpec& spec = *exchange->spec;
  if (*task < 0 && spec.is_array)
    return exchange->refuse({Errc::BadInput, "which element of the array?",
                             "task=N, one of " + spec.array.to_string(), "task"});
  const std::uint32_t index = *task < 0 ? 0 : std::uint32_t(*task);
  if (!spec.array.contains(index))
    return exchange->refuse({Errc::NotFound, "the job has no element " + std::to_string(index),
                             "its elements are " + spec.array.to_string(), "task"});
  // One who does not follow is soon done, and has places of his own.
  if (services.streams >= std::size_t(services.config.streams) * (*follow ? 1 : 2))
    return exchange->refuse(
        {Errc::Unavailable, "too many logs are being read", "try again in a moment", ""});
  const bool err = which == "err";
  auto stream = std::make_shared<LogStream>(services, std::move(exchange));
  stream->task = TaskIndex{index};
  stream->err = err;
  stream->follow = *follow;
  stream->offset = *offset;
  stream->remaining = *limit;
  stream->tail = *tail;
  stream->begin();
}

}  // namespace drover::server::api
