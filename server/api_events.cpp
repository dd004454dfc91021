// server/api_events.cpp - the event log with a cursor: a page, or server-sent events.
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "base/units.hpp"
#include "server/api.hpp"
#include "server/job_json_out.hpp"

namespace drover::server::api {
namespace {

constexpr std::size_t kBatch = 1000;
constexpr std::size_t kBacklog = 256 << 10;
constexpr Duration kHeartbeat = seconds(15);

struct EventQuery {
  EventSeq since{};
  JobId job{};
  Caller caller;
  std::size_t limit = kBatch;

  // Node events belong to everybody; a job's events to its owner and to operators.
  bool shows(const sched::Event& event) const {
    if (raw(job) != 0 && event.job != job) return false;
    return caller.is_operator || raw(event.job) == 0 || event.uid == caller.uid;
  }
};

struct EventPage {
  EventQuery query;
  std::vector<sched::Event> events;
  EventSeq last{};
  Result<void> result;

  void read(const store::Store& store, std::size_t scan) {
    auto snapshot = store.snapshot();
    if (!snapshot) {
      result = fail(snapshot.error());
      return;
    }
    last = query.since;
    for (std::size_t scanned = 0; scanned < scan && events.size() < query.limit;) {
      auto batch = snapshot->events(last, kBatch);
      if (!batch) {
        result = fail(batch.error());
        return;
      }
      for (sched::Event& event : *batch) {
        if (events.size() >= query.limit) return;
        last = event.seq;
        ++scanned;
        if (query.shows(event)) events.push_back(std::move(event));
      }
      if (batch->size() < kBatch) return;
    }
  }
};

// One follower. Its cursor moves only over what was handed to the connection: slow readers lose
// nothing.
class EventStream : public std::enable_shared_from_this<EventStream> {
 public:
  EventStream(Services& services, ExchangePtr exchange, EventQuery query)
      : services_(services),
        exchange_(std::move(exchange)),
        query_(std::move(query)),
        beat_(services.loop, [this] { beat(); }),
        retry_(services.loop, [this] { pump(); }) {
    ++services_.streams;
  }
  ~EventStream() { --services_.streams; }
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  void begin() {
    follower_ = services_.events.follow([self = shared_from_this()] { self->pump(); });
    exchange_->answer->on_gone([weak = weak_from_this()] {
      if (const auto stream = weak.lock()) stream->stop();
    });
    exchange_->answer->begin_stream(
        200, "text/event-stream",
        {{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}});
    write(": drover events\n\n");
    beat_.start(kHeartbeat, kHeartbeat);
    pump();
  }

 private:
  void pump() {
    const auto alive = shared_from_this();
    if (stopped_ || reading_) return;
    if (exchange_->answer->buffered() > kBacklog) return retry_.start(millis(50));
    std::string text;
    bool full = false;
    const bool in_memory =
        services_.events.visit_since(query_.since, [&](const sched::Event& event) {
          query_.since = event.seq;
          if (query_.shows(event)) append(text, event);
          full = text.size() > kBacklog;
          return !full;
        });
    if (!text.empty() && !write(text)) return;
    if (!in_memory) return read_store();
    if (full) retry_.start(millis(5));
  }

  void read_store() {
    reading_ = true;
    auto page = std::make_shared<EventPage>();
    page->query = query_;
    const store::Store& store = services_.store;
    services_.loop.offload([page, &store] { page->read(store, 20 * kBatch); },
                           [page, self = shared_from_this()] { self->on_page(*page); });
  }
  void on_page(const EventPage& page) {
    reading_ = false;
    if (stopped_) return;
    if (!page.result) {
      exchange_->answer->end();
      return stop();
    }
    std::string text;
    for (const sched::Event& event : page.events) append(text, event);
    const bool moved = raw(page.last) > raw(query_.since);
    query_.since =
        moved ? page.last : services_.events.before_kept();  // older ones were trimmed away
    if (!text.empty() && !write(text)) return;
    pump();
  }

  void append(std::string& text, const sched::Event& event) {
    text += "id: " + std::to_string(raw(event.seq)) + "\nevent: ";
    text += to_string(event.kind);
    text += "\ndata: ";
    JsonWriter out(text);
    append_event(out, event);
    text += "\n\n";
  }
  bool write(std::string_view text) {
    if (exchange_->answer->write(text)) return true;
    stop();
    return false;
  }
  void beat() {
    const auto alive = shared_from_this();
    write(": still here\n\n");
  }
  void stop() {
    if (std::exchange(stopped_, true)) return;
    beat_.stop();
    retry_.stop();
    // unfollow() drops what may be our last owner: the loop keeps us until this call is over.
    services_.loop.post([self = shared_from_this()] {});
    services_.events.unfollow(follower_);
  }

  Services& services_;
  ExchangePtr exchange_;
  EventQuery query_;
  EventHub::FollowerId follower_ = 0;
  bool reading_ = false, stopped_ = false;
  net::Timer beat_, retry_;
};

void answer_page(const Exchange& exchange, const EventPage& page) {
  if (!page.result) return exchange.refuse(page.result.error());
  std::string body;
  JsonWriter out(body);
  out.begin_object();
  out.field("v", 1);
  out.key("events");
  out.begin_array();
  for (const sched::Event& event : page.events) append_event(out, event);
  out.end_array();
  out.field("last", raw(page.last));
  out.end_object();
  exchange.json(std::move(body));
}

}  // namespace

void follow_events(Services& services, ExchangePtr exchange) {
  const bool stream =
      exchange->request.header("accept").find("text/event-stream") != std::string_view::npos;
  const std::string_view resumed = exchange->request.header("last-event-id");
  const auto since = exchange->number("since", 0, INT64_MAX, -1);
  if (!since) return exchange->refuse(since.error());
  const auto job = exchange->number("job", 0, INT64_MAX, 0);
  if (!job) return exchange->refuse(job.error());
  const auto limit = exchange->number("limit", 1, 1000, 100);
  if (!limit) return exchange->refuse(limit.error());
  EventQuery query;
  query.caller = exchange->caller;
  query.job = JobId(std::uint64_t(*job));
  query.limit = std::size_t(*limit);
  // Without a cursor a follower starts with what happens next; a page starts with the oldest.
  query.since = *since >= 0 ? EventSeq(std::uint64_t(*since))
                : stream    ? services.events.last()
                            : EventSeq{};
  if (!stream) {
    auto page = std::make_shared<EventPage>();
    page->query = std::move(query);
    const store::Store& store = services.store;
    const auto scan = std::size_t(services.config.page_scan);
    return services.loop.offload([page, &store, scan] { page->read(store, scan); },
                                 [page, exchange] { answer_page(*exchange, *page); });
  }
  if (*since < 0 && !resumed.empty()) {  // a browser's way to come back
    const auto last = parse_integer(resumed, 0, INT64_MAX, "Last-Event-ID");
    if (!last) return exchange->refuse(last.error());
    query.since = EventSeq(std::uint64_t(*last));
  }
  if (services.streams >= std::size_t(services.config.streams))
    return exchange->refuse({Errc::Unavailable, "too many followers", "try again in a moment", ""});
  query.limit = kBatch;
  std::make_shared<EventStream>(services, exchange, std::move(query))->begin();
}

}  // namespace drover::server::api
