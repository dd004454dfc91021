// nodeagent/engine_lines.hpp - the engine protocol's lines (docs/engine-protocol.md), read and
// written.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "nodeagent/reports.hpp"

namespace drover::proto {
class LaunchOrder;
}  // namespace drover::proto

namespace drover::nodeagent {

inline constexpr std::size_t kEngineLineMax = 8 << 20;

struct EngineOutput {  // the pipe with what statements print, of the engine's own process
  std::int32_t fd = -1;
  std::uint64_t inode = 0;
};
struct EngineHello {
  std::string token, type, version;
  std::vector<std::string> languages;
  std::int32_t pid = 0;
  std::uint32_t concurrency = 1;   // statements at once
  std::vector<AttemptId> running;  // whose end is not acknowledged
  std::uint64_t uses = 0;          // statements that it has begun since its start
  EngineOutput output;
};
struct EngineProgress {
  AttemptId id;
  std::int32_t thousandths = 0;
  std::int64_t done = 0, total = 0;
  std::string text;
};
struct EngineEnd {
  EndReport report;
  std::string results;     // JSON: outcome, error, results
  bool returned = false;   // not begun, and given back
  bool permanent = false;  // another try would end in the same way
};
struct EnginePollers {  // of an adapter; one kind of them
  std::string kind, slowest;
  std::int64_t threads = 0, busy = 0, items = 0, lag_ms = 0, polls = 0, errors = 0, slowest_ms = 0;
};
struct EngineHealth {
  std::int64_t rss_kib = 0, running = 0;
  std::vector<EnginePollers> pollers;
};
struct UnknownLine {};  // a type or an id that we do not know: ignored
using EngineLine = std::variant<UnknownLine, EngineHello, StartReport, EngineProgress, EngineEnd,
                                EngineHealth, EngineOutput>;

// Sans-IO: feed bytes, take lines. BadInput when a line is too long: close the connection.
class LineSplitter {
 public:
  explicit LineSplitter(std::size_t line_max = kEngineLineMax) : line_max_(line_max) {}
  Result<void> feed(std::string_view bytes, const std::function<void(std::string_view)>& on_line);

 private:
  std::size_t line_max_;
  std::string buffer_;  // the head of an incomplete line
};

class EngineLineReader {
 public:
  EngineLineReader();
  ~EngineLineReader();
  // BadInput: not JSON, or a member of the wrong type. Numbers out of range are clamped.
  Result<EngineLine> read(std::string_view line);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

// "12.0.1.345": job, task, attempt, epoch. The engine's name for a statement.
std::string statement_id(const AttemptId& id);
bool read_statement_id(std::string_view text, AttemptId& id);

// Lines to the engine, each with its end.
std::string execute_line(const proto::LaunchOrder& order);
std::string cancel_line(const AttemptId& id, std::int32_t grace_s);
std::string note_line(const AttemptId& id, std::string_view text);
std::string ack_line(const AttemptId& id);
std::string refused_line(std::string_view why);
inline constexpr std::string_view kWelcomeLine = "{\"type\":\"welcome\"}\n";

}  // namespace drover::nodeagent
