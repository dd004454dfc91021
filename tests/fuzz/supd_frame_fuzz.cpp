// tests/fuzz/supd_frame_fuzz.cpp - arbitrary bytes as supd's frames and as its journal.
// SPDX-License-Identifier: Apache-2.0
// LINK: drover::supd_core
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "nodeagent/cgroups.hpp"
#include "nodeagent/supd_frame.hpp"
#include "nodeagent/supd_journal.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace drover::nodeagent;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string_view rest = bytes;
  LaunchFrame launch;
  while (true) {
    const auto next = next_message(rest);
    if (!next || !*next) break;
    const std::string_view body = (*next)->body;
    if (decode_launch(body, launch)) {
      // What was decoded must encode to the same bytes, apart from flags nobody knows.
      std::string again;
      append_launch(again, launch);
      if (again.size() != body.size() + 8) std::abort();
      std::size_t letters = 0;
      for (const char* text : launch.argv) letters += std::strlen(text);
      for (const char* text : launch.env) letters += std::strlen(text);
      if (letters > body.size()) std::abort();
    }
    (void)decode_hello(body).has_value();
    (void)decode_kill(body).has_value();
    (void)decode_ack(body).has_value();
    (void)decode_welcome(body).has_value();
    (void)decode_held(body).has_value();
    (void)decode_started(body).has_value();
    (void)decode_ended(body).has_value();
  }
  const JournalState state = replay_journal(bytes, "boot");
  if (state.damaged_bytes > size) std::abort();
  (void)is_cgroup_name(bytes);
  (void)parse_cgroup_mounts(bytes, bytes);
  return 0;
}
