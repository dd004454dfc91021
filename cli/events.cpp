// cli/events.cpp - `drover events`: the event log, read or followed.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "base/units.hpp"
#include "cli/command.hpp"
#include "cli/job_view.hpp"
#include "cli/waiting.hpp"

namespace drover::cli {
namespace {

constexpr Option kOptions[] = {
    {"follow", 'f', Takes::Nothing, "", "go on with new events"},
    {"since", 0, Takes::Value, "SEQ", "only events behind this number"},
    {"job", 'j', Takes::Value, "ID", "only events of this job", "", Support::Yes, "job"},
    {"limit", 'n', Takes::Value, "N", "without --follow: at most N (default 1000)"},
};
OptionTable options() { return kOptions; }

const std::vector<Column>& event_columns() {
  static const std::vector<Column> columns = [] {
    std::vector<Column> made;
    for (const char* name :
         {"seq", "at", "kind", "job", "task", "attempt", "node", "state", "reason", "exit_code"}) {
      Column column{name, name};
      made.push_back(column);
    }
    const char* const titles[] = {"SEQ",     "AT",   "KIND",  "JOB",    "TASK",
                                  "ATTEMPT", "NODE", "STATE", "REASON", "EXIT"};
    for (std::size_t i = 0; i < made.size(); ++i) made[i].title = titles[i];
    return made;
  }();
  return columns;
}

std::string event_line(const Json& event) {
  std::string line =
      text_of(event, "seq") + "  " + text_of(event, "at") + "  " + text_of(event, "kind");
  const std::string job = text_of(event, "job");
  if (!job.empty()) line += "  job " + job;
  for (const char* name : {"task", "attempt", "node", "state", "reason", "exit_code"}) {
    const std::string value = text_of(event, name);
    if (!value.empty()) line += std::string("  ") + name + "=" + value;
  }
  return clean_line(line) + '\n';
}

// Splits a server-sent event stream into data lines.
class SseReader {
 public:
  explicit SseReader(std::function<void(const Json&)> on_event) : on_event_(std::move(on_event)) {}
  bool add(std::string_view bytes) {
    buffer_ += bytes;
    std::size_t start = 0;
    for (std::size_t end; (end = buffer_.find('\n', start)) != std::string::npos; start = end + 1) {
      std::string_view line = std::string_view(buffer_).substr(start, end - start);
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (!line.starts_with("data:")) continue;
      line.remove_prefix(line.starts_with("data: ") ? 6 : 5);
      if (const Result<Json> event = parse_json(line, "event"); event && event->is_object())
        on_event_(*event);
    }
    buffer_.erase(0, start);
    return buffer_.size() < (1u << 20);
  }

 private:
  std::function<void(const Json&)> on_event_;
  std::string buffer_;
};

Result<int> follow(Context& context, ApiClient& api, std::string since, const std::string& job) {
  std::int64_t lost_at = 0;
  for (;;) {
    SseReader reader([&](const Json& event) {
      since = text_of(event, "seq");
      lost_at = 0;
      const bool json = context.globals().json();
      context.out(json ? to_text(event) + '\n' : event_line(event));
      std::fflush(stdout);
    });
    net::HttpClient::Call call;
    call.target = with_query("/api/v1/events", {{"since", since}, {"job", job}});
    call.headers.emplace_back("Accept", "text/event-stream");
    call.on_data = [&reader](std::string_view bytes) { return reader.add(bytes); };
    const Result<net::ClientResponse> response = api.call(call);
    if (!response) {
      const Errc code = response.error().code;
      if (code != Errc::Io && code != Errc::Unavailable) return fail(response.error());
      // The cursor makes a restart of the daemon invisible, if it comes back.
      if (lost_at == 0) lost_at = monotonic_us();
      if (since.empty() || monotonic_us() - lost_at > 60'000'000) return fail(response.error());
    }
    sleep_ms(300);
  }
}

Result<int> run_events(Context& context) {
  const Result<bool> words = context.at_most_words(0);
  if (!words) return fail(words.error());
  const Arguments& arguments = context.arguments();
  for (const char* name : {"since", "limit"}) {
    if (!arguments.has(name)) continue;
    const auto value = parse_integer(arguments.text(name), 0, INT64_MAX, name);
    if (!value) return fail(value.error());
  }
  std::string job;
  if (arguments.has("job")) {
    const Result<OneJob> one = one_job(context, arguments.text("job"));
    if (!one) return fail(one.error());
    job = std::to_string(one->id);
  }
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  const std::string since = arguments.text("since");
  if (arguments.has("follow")) return follow(context, **api, since, job);
  const Result<Json> answer =
      (*api)->read(with_query("/api/v1/events", {{"since", since.empty() ? "0" : since},
                                                 {"job", job},
                                                 {"limit", arguments.text("limit", "1000")}}));
  if (!answer) return fail(answer.error());
  std::vector<Json> events;
  for (const Json& event : member(*answer, "events")) events.push_back(event);
  return context.print_rows(std::move(events), event_columns(), "events", "seq");
}

}  // namespace

const Command kEvents = {
    .verb = "events",
    .summary = "print or follow the event log",
    .about = "Events are numbered without gaps; --since N goes on behind number N.",
    .examples = "drover events -f\ndrover events --job 12\ndrover events --since 1000 -o jsonl",
    .options = options,
    .run = run_events,
};

}  // namespace drover::cli
