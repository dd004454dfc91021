// nodeagent/engine_lines.cpp - simdjson for what engines say, plain text for what they are told.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/engine_lines.hpp"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "proto/agent.pb.h"

namespace drover::nodeagent {
namespace {

using Element = simdjson::dom::element;
constexpr std::size_t kRunningMax = 2'000, kLanguagesMax = 100, kTextMax = 200, kMessageMax = 1000;
constexpr std::int64_t kConcurrencyMax = 1000;
constexpr std::size_t kResultsMax = 192 << 10;  // of one end, JSON

tl::unexpected<Error> bad(const std::string& what) {
  return fail(Errc::BadInput, "the engine's line is not of the protocol: " + what);
}

// Missing members are empty or 0: an engine of another release may leave some out.
std::string_view text_of(const Element& object, std::string_view name) {
  std::string_view text;
  return object[name].get(text) == simdjson::SUCCESS ? text : std::string_view{};
}

std::int64_t number_of(const Element& object, std::string_view name) {
  std::int64_t number = 0;
  if (object[name].get(number) == simdjson::SUCCESS) return std::max<std::int64_t>(0, number);
  double real = 0;
  if (object[name].get(real) != simdjson::SUCCESS || !(real > 0)) return 0;
  return real < 9e18 ? std::int64_t(real) : std::numeric_limits<std::int64_t>::max();
}

std::string cut(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return std::string(text);
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80) --limit;
  return std::string(text.substr(0, limit));
}

// The code unit of a `\uXXXX` that begins there; -1 if none does.
int unit_at(std::string_view text, std::size_t at) {
  if (at > text.size() || !text.substr(at).starts_with("\\u") || text.size() - at < 6) return -1;
  unsigned unit = 0;
  const char* const end = text.data() + at + 6;
  return std::from_chars(text.data() + at + 2, end, unit, 16).ptr == end ? int(unit) : -1;
}

// Strings of some languages may hold half a pair of surrogates, which is no text to us: what is
// replaced is as long. False: there is none, and `mended` is as it was.
bool mend_surrogates(std::string_view text, std::string& mended) {
  bool has_any = false;
  for (std::size_t at = text.find('\\'); at < text.size(); at = text.find('\\', at)) {
    const int unit = unit_at(text, at);
    const int next = unit >= 0xd800 && unit < 0xdc00 ? unit_at(text, at + 6) : -1;
    if (next >= 0xdc00 && next < 0xe000) {
      at += 12;
      continue;
    }
    if (unit >= 0xd800 && unit < 0xe000) {
      if (!std::exchange(has_any, true)) mended = text;
      mended.replace(at, 6, "\\ufffd");
    }
    at += unit < 0 ? 2 : 6;
  }
  return has_any;
}

EngineOutput read_output(const Element& line) {
  return {std::int32_t(std::min<std::int64_t>(number_of(line, "fd"), 1 << 30)),
          std::uint64_t(number_of(line, "pipe"))};
}

EngineLine read_hello(const Element& line) {
  EngineHello hello;
  hello.token = text_of(line, "token");
  hello.type = cut(text_of(line, "engine"), kTextMax);
  hello.version = cut(text_of(line, "version"), kTextMax);
  hello.pid =
      std::int32_t(std::min<std::int64_t>(number_of(line, "pid"), std::numeric_limits<int>::max()));
  hello.concurrency =
      std::uint32_t(std::clamp<std::int64_t>(number_of(line, "concurrency"), 1, kConcurrencyMax));
  hello.uses = std::uint64_t(std::max<std::int64_t>(number_of(line, "uses"), 0));
  Element output;
  if (line["output"].get(output) == simdjson::SUCCESS && output.is_object())
    hello.output = read_output(output);
  simdjson::dom::array array;
  if (line["languages"].get(array) == simdjson::SUCCESS)
    for (const Element language : array) {
      std::string_view text;
      if (language.get(text) == simdjson::SUCCESS && hello.languages.size() < kLanguagesMax)
        hello.languages.push_back(cut(text, kTextMax));
    }
  if (line["running"].get(array) == simdjson::SUCCESS)
    for (const Element id : array) {
      std::string_view text;
      AttemptId known;
      if (id.get(text) == simdjson::SUCCESS && read_statement_id(text, known) &&
          hello.running.size() < kRunningMax)
        hello.running.push_back(known);
    }
  return hello;
}

// Kinds are labels of metrics: others than the protocol's are left out.
EngineLine read_health(const Element& line) {
  EngineHealth health{number_of(line, "rss_kib"), number_of(line, "running"), {}};
  simdjson::dom::array array;
  if (line["pollers"].get(array) != simdjson::SUCCESS) return health;
  for (const Element one : array) {
    const std::string_view kind = text_of(one, "kind");
    const bool is_second = std::ranges::any_of(
        health.pollers, [&](const EnginePollers& other) { return other.kind == kind; });
    if ((kind != "status" && kind != "metrics") || is_second) continue;
    health.pollers.push_back(
        {std::string(kind), cut(text_of(one, "slowest"), kTextMax), number_of(one, "threads"),
         number_of(one, "busy"), number_of(one, "items"), number_of(one, "lag_ms"),
         number_of(one, "polls"), number_of(one, "errors"), number_of(one, "slowest_ms")});
  }
  return health;
}

EngineLine read_progress(const Element& line, const AttemptId& id) {
  EngineProgress progress;
  progress.id = id;
  double fraction = 0;
  if (line["fraction"].get(fraction) == simdjson::SUCCESS && fraction > 0)
    progress.thousandths = std::int32_t(std::min(fraction, 1.0) * 1000);
  progress.done = number_of(line, "done");
  progress.total = number_of(line, "total");
  progress.text = cut(text_of(line, "text"), kTextMax);
  return progress;
}

// How an outcome of the protocol is an end of an attempt.
void set_cause(EndReport& report, std::string_view outcome) {
  const std::int32_t code = report.exit_code;
  report.cause = EndCause::Exited;
  if (outcome == "cancelled") {
    report.cause = EndCause::Killed;
  } else if (outcome == "timeout") {
    report.cause = EndCause::TimeLimit;
  } else if (outcome == "never_started" || outcome == "returned") {
    report.cause = EndCause::LaunchFailed;
    report.never_started = true;
  } else if (outcome == "died" && code > 128 && code < 128 + 65) {
    report.cause = EndCause::Signalled;
    report.term_signal = code - 128;
    report.exit_code = 0;
  } else if (outcome != "ok" && code == 0) {
    report.exit_code = 1;  // whatever the engine says: a failure is no success
  } else if (outcome == "ok") {
    report.exit_code = 0;
  }
}

std::string printable(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

EngineLine read_ended(const Element& line, const AttemptId& id) {
  EngineEnd end;
  EndReport& report = end.report;
  report.id = id;
  report.exit_code = std::int32_t(std::min<std::int64_t>(number_of(line, "exit_code"), 255));
  report.started_us = number_of(line, "started_us");
  report.ended_us = number_of(line, "ended_us");
  const std::string_view outcome = text_of(line, "outcome");
  set_cause(report, outcome);
  end.returned = outcome == "returned";
  Element part;
  if (line["usage"].get(part) == simdjson::SUCCESS) {
    report.user_us = number_of(part, "user_us");
    report.system_us = number_of(part, "system_us");
    report.max_rss_kib = number_of(part, "max_rss_kib");
  }
  end.results = "{\"outcome\":" + printable(cut(outcome, kTextMax));
  if (line["error"].get(part) == simdjson::SUCCESS && part.is_object()) {
    const std::string_view name = text_of(part, "name");
    if (outcome == "died" && name == "OutOfMemory") report.cause = EndCause::OutOfMemory;
    report.message =
        cut(std::string(name) + (name.empty() ? "" : ": ") + std::string(text_of(part, "message")),
            kMessageMax);
    end.results += ",\"error\":" + simdjson::minify(part);
    bool permanent = false;
    end.permanent = part["permanent"].get(permanent) == simdjson::SUCCESS && permanent;
  }
  std::string list;
  if (line["results"].get(part) == simdjson::SUCCESS && part.is_array())
    list = ",\"results\":" + std::string(simdjson::minify(part));
  // What would not be taken whole is left out: how it ended is told in any case.
  if (end.results.size() + list.size() > kResultsMax) list = ",\"results\":[]";
  end.results += list + "}";
  if (end.results.size() > kResultsMax + 64 ||
      !simdjson::validate_utf8(end.results.data(), end.results.size()))
    end.results = "{\"outcome\":\"error\",\"results\":[]}";
  return end;
}

}  // namespace

Result<void> LineSplitter::feed(std::string_view bytes,
                                const std::function<void(std::string_view)>& on_line) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    if (buffer_.size() + piece.size() > line_max_)
      return fail(Errc::BadInput, "the engine's line is longer than the protocol allows");
    if (end == std::string_view::npos) {
      buffer_ += piece;
      return {};
    }
    bytes.remove_prefix(end + 1);
    if (buffer_.empty()) {
      on_line(piece);
      continue;
    }
    buffer_ += piece;
    on_line(std::exchange(buffer_, {}));
  }
  return {};
}

struct EngineLineReader::Parser {
  simdjson::dom::parser parser{kEngineLineMax + 1};
};

EngineLineReader::EngineLineReader() : parser_(std::make_unique<Parser>()) {}
EngineLineReader::~EngineLineReader() = default;

Result<EngineLine> EngineLineReader::read(std::string_view text) {
  Element line;
  std::string mended;
  if (mend_surrogates(text, mended)) text = mended;
  if (const auto error = parser_->parser.parse(text.data(), text.size()).get(line))
    return bad(simdjson::error_message(error));
  if (!line.is_object()) return bad("not an object");
  const std::string_view type = text_of(line, "type");
  if (type == "hello") return read_hello(line);
  if (type == "health") return read_health(line);
  if (type == "output") return read_output(line);
  AttemptId id;
  if (!read_statement_id(text_of(line, "id"), id)) return UnknownLine{};
  if (type == "started") return StartReport{id, number_of(line, "at_us"), 0};
  if (type == "progress") return read_progress(line, id);
  if (type == "ended") return read_ended(line, id);
  return UnknownLine{};
}

std::string statement_id(const AttemptId& id) {
  return std::to_string(raw(id.task.job)) + "." + std::to_string(raw(id.task.index)) + "." +
         std::to_string(raw(id.number)) + "." + std::to_string(raw(id.epoch));
}

bool read_statement_id(std::string_view text, AttemptId& id) {
  std::uint64_t parts[4] = {};
  for (std::size_t k = 0; k < 4; ++k) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parts[k]);
    const bool is_last = k == 3;
    if (error != std::errc{} || is_last != (end == text.data() + text.size())) return false;
    if (is_last) break;
    if (*end != '.') return false;
    text.remove_prefix(std::size_t(end - text.data()) + 1);
  }
  if (parts[1] > 0xffffffffu || parts[2] > 0xffffffffu) return false;
  id = {{JobId{parts[0]}, TaskIndex{std::uint32_t(parts[1])}},
        AttemptNo{std::uint32_t(parts[2])},
        Epoch{parts[3]}};
  return true;
}

namespace {

// Code is bytes to us: what is no UTF-8 is replaced, as an editor would show it. Most texts are
// plain, and a line is written for each statement.
void add_text(std::string& line, std::string_view text) {
  const bool is_plain = std::ranges::all_of(
      text, [](char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; });
  if (is_plain)
    line.append("\"").append(text).append("\"");
  else
    line += printable(std::string(text));
}

void add(std::string& line, std::string_view name, std::string_view text) {
  line.append(",\"").append(name).append("\":");
  add_text(line, text);
}

void add(std::string& line, std::string_view name, std::int64_t number) {
  line.append(",\"").append(name).append("\":").append(std::to_string(number));
}

std::string line_about(std::string_view type, const AttemptId& id) {
  std::string line;
  line.reserve(64);
  return line.append("{\"type\":\"").append(type).append("\",\"id\":\"").append(statement_id(id)) +
         '"';
}

}  // namespace

std::string execute_line(const proto::LaunchOrder& order) {
  const proto::Statement& statement = order.statement();
  std::string line = line_about("execute", {{JobId{order.id().job()}, TaskIndex{order.id().task()}},
                                            AttemptNo{order.id().attempt()},
                                            Epoch{order.id().epoch()}});
  line.reserve(512 + order.script().size());
  add(line, "language", statement.language());
  add(line, "code", order.script());
  add(line, "cwd", order.cwd());
  std::map<std::string_view, std::string_view> env;  // of two entries of one name the last holds
  for (const std::string_view entry : order.env()) {
    const std::size_t equals = entry.find('=');
    if (equals != 0 && equals != std::string_view::npos)
      env[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  line += ",\"env\":{";
  for (const auto& [name, value] : env) {
    if (line.back() != '{') line += ',';
    add_text(line, name);
    line += ':';
    add_text(line, value);
  }
  line += '}';
  add(line, "log", order.out());
  if (order.id().attempt() > 1) line += ",\"log_append\":true";
  add(line, "results", statement.results());
  add(line, "reset", statement.reset().empty() ? "none" : statement.reset());
  add(line, "time_limit_s",
      (std::max<std::int64_t>(0, order.time_limit_us()) + 999'999) / 1'000'000);
  add(line, "log_bytes", std::max<std::int64_t>(0, statement.log_bytes()));
  add(line, "result_bytes", std::max<std::int64_t>(0, statement.result_bytes()));
  add(line, "result_rows", std::max<std::int64_t>(0, statement.result_rows()));
  add(line, "preview_bytes", std::max<std::int64_t>(0, statement.preview_bytes()));
  add(line, "return_after_ms", std::max<std::int64_t>(0, statement.return_after_ms()));
  return line.append("}\n");
}

std::string cancel_line(const AttemptId& id, std::int32_t grace_s) {
  std::string line = line_about("cancel", id);
  add(line, "grace_s", std::max(0, grace_s));
  return line.append("}\n");
}

std::string note_line(const AttemptId& id, std::string_view text) {
  std::string line = line_about("note", id);
  add(line, "text", text);
  return line.append("}\n");
}

std::string ack_line(const AttemptId& id) { return line_about("ack", id).append("}\n"); }

std::string refused_line(std::string_view why) {
  std::string line = "{\"type\":\"refused\"";
  add(line, "message", why);
  return line.append("}\n");
}

}  // namespace drover::nodeagent
