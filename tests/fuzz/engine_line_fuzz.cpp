// tests/fuzz/engine_line_fuzz.cpp - whatever an engine sends is read or refused, within limits.
// SPDX-License-Identifier: Apache-2.0
// LINK: drover::nodeagent
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/check.hpp"
#include "nodeagent/engine_lines.hpp"
#include "nodeagent/engine_token.hpp"

namespace {

using namespace drover::nodeagent;

void look_at(const EngineLine& line, std::size_t size) {
  if (const auto* progress = std::get_if<EngineProgress>(&line)) {
    DROVER_CHECK(progress->thousandths >= 0 && progress->thousandths <= 1000, "a fraction");
    DROVER_CHECK(progress->done >= 0 && progress->total >= 0, "amounts");
    DROVER_CHECK(progress->text.size() <= 200, "cut");
  } else if (const auto* end = std::get_if<EngineEnd>(&line)) {
    DROVER_CHECK(end->report.message.size() <= 1000, "cut");
    DROVER_CHECK(end->report.exit_code >= 0 && end->report.exit_code <= 255, "a code");
    DROVER_CHECK(nlohmann::json::accept(end->results), "it goes on as JSON");
  } else if (const auto* hello = std::get_if<EngineHello>(&line)) {
    DROVER_CHECK(hello->running.size() <= size && hello->pid >= 0, "within the line");
    static const EngineKey key(std::string(32, 'k'));
    (void)key.verify(hello->token).has_value();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static EngineLineReader reader;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  LineSplitter splitter(1000);
  std::size_t taken = 0;
  (void)splitter
      .feed(bytes,
            [&](std::string_view line) {
              taken += line.size() + 1;
              DROVER_CHECK(line.size() <= 1000, "the limit holds");
              const auto read = reader.read(line);
              if (read) look_at(*read, line.size());
            })
      .has_value();
  DROVER_CHECK(taken <= size, "lines come from the stream");
  return 0;
}
