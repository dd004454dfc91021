// nodeagent/supd_frame.hpp - messages between agent and supd: fixed layouts, checked bounds, no IO.
// SPDX-License-Identifier: Apache-2.0
//
// A stream is frames: u32 length, then a payload of that size (the framing of net/frame.hpp).
//
// A payload is one or more messages, so that a batch is one write. A message is u32 size (of the
// whole message), u16 kind, u16 zero, body.
//
// Numbers are little-endian. Strings of a Launch are one table of NUL-terminated strings, so supd
// can hand pointers into the received bytes to execve(2) without copying any of them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "nodeagent/reports.hpp"

namespace drover::nodeagent {

inline constexpr std::uint32_t kSupdProtocol = 1;
inline constexpr std::size_t kSupdFrameMax = 16 << 20;     // payload
inline constexpr std::uint32_t kLaunchStringsMax = 65536;  // argv + env entries
inline constexpr std::uint32_t kLaunchGroupsMax = 65536;   // NGROUPS_MAX
inline constexpr std::uint32_t kLaunchPusMax = 4096;

enum class MessageKind : std::uint16_t {
  Hello = 1,     // agent: protocol version
  Launch = 2,    // agent
  Kill = 3,      // agent: signal 0 = TERM, grace, KILL; other = deliver that signal only
  Ack = 4,       // agent: the controller has the end
  List = 5,      // agent: send the table again
  Suspend = 6,   // agent: stop it where it is, and its clock
  Resume = 7,    // agent: let it go on
  Limit = 8,     // agent: its time limit is another one now
  Welcome = 16,  // supd: its state; the table follows
  Held = 17,     // supd: one accepted attempt of the table
  ListEnd = 18,  // supd: the table is complete; events follow
  Started = 19,  // supd
  Ended = 20,    // supd: repeated after each connect until acked
};

// What the child needs. Pointers refer to memory of the maker (encode) or to the payload (decode).
struct LaunchFrame {
  AttemptId id;
  std::uint32_t uid = 0, gid = 0;
  std::int64_t mem_limit_bytes = 0;  // 0 = none
  std::int64_t time_limit_us = 0;    // 0 = none
  std::int32_t warn_signal = 0, warn_before_s = 0, kill_grace_s = 30;
  bool append_output = false;
  bool make_directory = false;  // of `out`, when it is missing; of engines, whose place we choose
  bool no_new_privs = true;
  const char* file = "";  // executed; empty = argv[0], looked up in the job's PATH
  const char* cwd = "/";
  const char* out = "";               // empty = /dev/null
  const char* err = "";               // empty = same as out
  const char* in = "";                // empty = /dev/null
  std::vector<std::uint32_t> groups;  // supplementary groups
  std::vector<std::uint32_t> pus;     // empty = not bound
  std::vector<const char*> argv, env;
};

struct KillFrame {
  AttemptId id;
  std::int32_t signal = 0;
};
struct LimitFrame {
  AttemptId id;
  std::int64_t time_limit_us = 0;  // since its start; 0 = none
};
struct WelcomeFrame {
  std::uint32_t protocol = 0;
  std::int32_t pid = 0;
  std::string facts;  // "key=value\n" lines: what supd can do on this node
};
struct StartedFrame {
  std::uint64_t seq = 0;
  StartReport report;
};
struct EndedFrame {
  std::uint64_t seq = 0;
  EndReport report;
};

struct Message {
  MessageKind kind{};
  std::string_view body;
};

// Takes the next message off `payload`; nothing when it is used up. BadInput: close the connection.
Result<std::optional<Message>> next_message(std::string_view& payload);

void append_hello(std::string& out);
void append_launch(std::string& out, const LaunchFrame& launch);
void append_kill(std::string& out, const KillFrame& kill);
void append_ack(std::string& out, const AttemptId& id);
void append_pause(std::string& out, const AttemptId& id, bool suspended);  // Suspend or Resume
void append_limit(std::string& out, const LimitFrame& limit);
void append_list(std::string& out);
void append_welcome(std::string& out, const WelcomeFrame& welcome);
void append_held(std::string& out, const HeldReport& held);
void append_list_end(std::string& out);
void append_started(std::string& out, std::uint64_t seq, const StartReport& report);
void append_ended(std::string& out, std::uint64_t seq, const EndReport& report);

// The body of each kind. All answer BadInput for a body that is too short, too long or out of
// range.
Result<std::uint32_t> decode_hello(std::string_view body);
Result<void> decode_launch(std::string_view body, LaunchFrame& out);  // reuses out's vectors
Result<KillFrame> decode_kill(std::string_view body);
Result<AttemptId> decode_ack(std::string_view body);  // likewise of Suspend and Resume
Result<LimitFrame> decode_limit(std::string_view body);
Result<WelcomeFrame> decode_welcome(std::string_view body);
Result<HeldReport> decode_held(std::string_view body);
Result<StartedFrame> decode_started(std::string_view body);
Result<EndedFrame> decode_ended(std::string_view body);

// The body of an end report; the journal stores the same bytes.
void append_end_body(std::string& out, const EndReport& report);
Result<EndReport> decode_end_body(std::string_view body);

}  // namespace drover::nodeagent
