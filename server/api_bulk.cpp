// server/api_bulk.cpp - many jobs in one call: JSON lines in and out, memory bounded.
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "server/api.hpp"
#include "server/json_writer.hpp"
#include "server/problem.hpp"
#include "server/statement_reuse.hpp"

namespace drover::server::api {
namespace {

constexpr std::size_t kLineMax = 4 << 20;
constexpr std::size_t kAnswerBacklog =
    1 << 20;  // the client reads its answers slower than it sends lines

// One bulk call. Lives as long as the body comes or answers are due.
class Bulk : public std::enable_shared_from_this<Bulk> {
 public:
  Bulk(Services& services, ExchangePtr exchange, net::BodyFlow flow)
      : services_(services),
        exchange_(std::move(exchange)),
        flow_(std::move(flow)),
        key_(exchange_->request.header("idempotency-key")),
        retry_(services.loop, [this] { go_on(); }) {}

  void begin() { exchange_->answer->begin_stream(200, "application/x-ndjson", {}); }

  void on_data(std::string_view data) {
    buffer_.append(data);
    read_lines();
  }
  void on_end() {
    ended_ = true;
    read_lines();
  }
  void on_abort() {  // lines that were read are jobs all the same; their answers go nowhere
    aborted_ = true;
    buffer_.clear();
    retry_.stop();
  }

 private:
  bool is_busy() const {
    return in_flight_ >= std::size_t(services_.config.bulk_in_flight) || services_.turn.is_full() ||
           exchange_->answer->buffered() + out_.size() > kAnswerBacklog;
  }

  void read_lines() {
    if (aborted_ || finished_) return;
    std::optional<store::Snapshot> snapshot;  // one for all lines of this moment
    std::size_t at = 0;
    buffer_.reserve(buffer_.size() + kJsonPadding);
    while (at < buffer_.size() && !is_busy()) {
      const std::size_t newline = buffer_.find('\n', at);
      if (newline == std::string::npos && !ended_) break;
      const std::size_t end = newline == std::string::npos ? buffer_.size() : newline;
      read_line(std::string_view(buffer_).substr(at, end - at), snapshot);
      at = newline == std::string::npos ? buffer_.size() : newline + 1;
    }
    buffer_.erase(0, at);
    if (buffer_.size() > kLineMax && buffer_.find('\n') == std::string::npos) {
      ++line_;
      answer_error(line_,
                   {Errc::Limit, "the line is longer than 4 MiB", "submit this job alone", ""});
      buffer_.clear();
      ended_ = true;  // where the next line begins cannot be known in time
      flow_.pause();
    }
    flush();
    pace();
    finish_when_done();
  }

  void read_line(std::string_view text, std::optional<store::Snapshot>& snapshot) {
    ++line_;
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) return;
    auto spec = services_.reader.read_padded(text, net::Loop::now().wall);
    if (!spec) {
      services_.metrics.add(metrics::FamilyId::JobsRejected, {to_string(spec.error().code)});
      return answer_error(line_, spec.error());
    }
    ++in_flight_;
    std::string key = key_.empty() ? std::string() : key_ + ":" + std::to_string(line_);
    services_.admission.submit(
        std::move(*spec), exchange_->caller, std::move(key), text, snapshot,
        [self = shared_from_this(), line = line_](const Result<Admitted>& result) {
          self->on_result(line, result);
        });
  }

  void on_result(std::uint64_t line, const Result<Admitted>& result) {
    --in_flight_;
    if (!result) {
      answer_error(line, result.error());
    } else {
      ++accepted_;
      out_ += "{\"line\":";
      out_ += std::to_string(line);
      out_ += ",\"id\":";
      out_ += std::to_string(raw(result->job));
      if (result->reused_from.is_set()) out_ += ",\"reused\":" + reused_json(*result);
      out_ += "}\n";
    }
    if (in_flight_ == 0 || out_.size() > (256 << 10)) flush();
    // Answers of one commit come together: carry on after them, not between them.
    if (!std::exchange(resume_posted_, true))
      services_.loop.post([self = shared_from_this()] {
        self->resume_posted_ = false;
        self->flush();
        self->read_lines();
      });
  }

  void answer_error(std::uint64_t line, const Error& error) {
    ++refused_;
    JsonWriter out(out_);
    out.begin_object();
    out.field("line", line);
    out.key("error");
    append_error(out.raw(), error, exchange_->request_id);
    out.end_object();
    out_ += '\n';
  }

  void flush() {
    if (!out_.empty() && !aborted_) exchange_->answer->write(out_);
    out_.clear();
  }

  // Reads the body only as fast as jobs become durable and answers are taken.
  void pace() {
    const bool busy = is_busy();
    if (busy && !std::exchange(paused_, true)) flow_.pause();
    if (busy) retry_.start(millis(5));  // for what no answer of ours will announce
    if (!busy && std::exchange(paused_, false)) flow_.resume();
  }
  void go_on() {
    if (!finished_) read_lines();
  }

  void finish_when_done() {
    if (!ended_ || !buffer_.empty() || in_flight_ > 0 || finished_) return;
    finished_ = true;
    retry_.stop();
    exchange_->answer->write("{\"done\":true,\"accepted\":" + std::to_string(accepted_) +
                             ",\"refused\":" + std::to_string(refused_) + "}\n");
    exchange_->answer->end();
  }

  Services& services_;
  ExchangePtr exchange_;
  net::BodyFlow flow_;
  std::string key_, buffer_, out_;
  std::uint64_t line_ = 0, accepted_ = 0, refused_ = 0;
  std::size_t in_flight_ = 0;
  bool ended_ = false, aborted_ = false, finished_ = false, paused_ = false, resume_posted_ = false;
  net::Timer retry_;
};

struct BulkSink : net::BodySink {
  explicit BulkSink(std::shared_ptr<Bulk> b) : bulk(std::move(b)) {}
  void on_data(std::string_view data) override { bulk->on_data(data); }
  void on_end() override { bulk->on_end(); }
  void on_abort() override { bulk->on_abort(); }
  std::shared_ptr<Bulk> bulk;
};

}  // namespace

std::unique_ptr<net::BodySink> submit_bulk(Services& services, ExchangePtr exchange,
                                           const net::BodyFlow& flow) {
  auto bulk = std::make_shared<Bulk>(services, std::move(exchange), flow);
  bulk->begin();
  return std::make_unique<BulkSink>(std::move(bulk));
}

}  // namespace drover::server::api
