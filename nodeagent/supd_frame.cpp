// nodeagent/supd_frame.cpp - encode and decode; a decoder never trusts a length.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/supd_frame.hpp"

#include "nodeagent/bytes.hpp"

namespace drover::nodeagent {
namespace {

constexpr std::size_t kHeaderBytes = 8;
constexpr std::uint32_t kAppendOutput = 1, kNoNewPrivs = 2, kMakeDirectory = 4;

// Writes the header with a size of zero; Scope fills it in when the body is complete.
class Scope {
 public:
  Scope(std::string& out, MessageKind kind) : out_(out), start_(out.size()) {
    put(out_, std::uint32_t{0});
    put(out_, static_cast<std::uint16_t>(kind));
    put(out_, std::uint16_t{0});
  }
  ~Scope() {
    const auto size = static_cast<std::uint32_t>(out_.size() - start_);
    std::memcpy(out_.data() + start_, &size, sizeof(size));
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  std::string& out_;
  std::size_t start_;
};

tl::unexpected<Error> malformed(std::string_view what) {
  return fail(Errc::BadInput, "malformed " + std::string(what) + " message",
              "agent and supd must be of the same release");
}

void put_c_string(std::string& out, const char* text) { out.append(text, std::strlen(text) + 1); }

}  // namespace

Result<std::optional<Message>> next_message(std::string_view& payload) {
  if (payload.empty()) return std::optional<Message>{};
  Reader reader(payload);
  const auto size = reader.number<std::uint32_t>();
  const auto kind = reader.number<std::uint16_t>();
  const auto zero = reader.number<std::uint16_t>();
  if (!reader.ok() || size < kHeaderBytes || size > payload.size() || zero != 0)
    return malformed("supd");
  const Message message{static_cast<MessageKind>(kind),
                        payload.substr(kHeaderBytes, size - kHeaderBytes)};
  payload.remove_prefix(size);
  return std::optional<Message>{message};
}

void append_hello(std::string& out) {
  Scope scope(out, MessageKind::Hello);
  put(out, kSupdProtocol);
}

Result<std::uint32_t> decode_hello(std::string_view body) {
  Reader reader(body);
  const auto protocol = reader.number<std::uint32_t>();
  if (!reader.finished()) return malformed("hello");
  return protocol;
}

void append_launch(std::string& out, const LaunchFrame& launch) {
  Scope scope(out, MessageKind::Launch);
  put_id(out, launch.id);
  put(out, launch.uid);
  put(out, launch.gid);
  put(out, launch.mem_limit_bytes);
  put(out, launch.time_limit_us);
  put(out, launch.warn_signal);
  put(out, launch.warn_before_s);
  put(out, launch.kill_grace_s);
  put(out, (launch.append_output ? kAppendOutput : 0) | (launch.no_new_privs ? kNoNewPrivs : 0) |
               (launch.make_directory ? kMakeDirectory : 0));
  put(out, static_cast<std::uint32_t>(launch.groups.size()));
  put(out, static_cast<std::uint32_t>(launch.pus.size()));
  put(out, static_cast<std::uint32_t>(launch.argv.size()));
  put(out, static_cast<std::uint32_t>(launch.env.size()));
  for (const std::uint32_t group : launch.groups) put(out, group);
  for (const std::uint32_t pu : launch.pus) put(out, pu);
  for (const char* text : {launch.file, launch.cwd, launch.out, launch.err, launch.in})
    put_c_string(out, text);
  for (const char* text : launch.argv) put_c_string(out, text);
  for (const char* text : launch.env) put_c_string(out, text);
}

Result<void> decode_launch(std::string_view body, LaunchFrame& out) {
  Reader reader(body);
  out.id = reader.id();
  out.uid = reader.number<std::uint32_t>();
  out.gid = reader.number<std::uint32_t>();
  out.mem_limit_bytes = reader.number<std::int64_t>();
  out.time_limit_us = reader.number<std::int64_t>();
  out.warn_signal = reader.number<std::int32_t>();
  out.warn_before_s = reader.number<std::int32_t>();
  out.kill_grace_s = reader.number<std::int32_t>();
  const auto flags = reader.number<std::uint32_t>();
  out.append_output = (flags & kAppendOutput) != 0;
  out.make_directory = (flags & kMakeDirectory) != 0;
  out.no_new_privs = (flags & kNoNewPrivs) != 0;
  const auto groups = reader.number<std::uint32_t>();
  const auto pus = reader.number<std::uint32_t>();
  const auto argc = reader.number<std::uint32_t>();
  const auto envc = reader.number<std::uint32_t>();
  if (!reader.ok() || groups > kLaunchGroupsMax || pus > kLaunchPusMax || argc == 0 ||
      argc > kLaunchStringsMax || envc > kLaunchStringsMax || out.mem_limit_bytes < 0 ||
      out.time_limit_us < 0 || out.warn_signal < 0 || out.warn_signal > 64 ||
      out.warn_before_s < 0 || out.kill_grace_s < 0)
    return malformed("launch");
  // Each entry takes at least 4 (number) or 1 (string) bytes: no count can make us reserve more
  // than the peer has sent.
  if (reader.left() < std::size_t{groups + pus} * 4 + argc + envc + 5) return malformed("launch");
  out.groups.clear();
  out.pus.clear();
  out.argv.clear();
  out.env.clear();
  for (std::uint32_t i = 0; i < groups; ++i) out.groups.push_back(reader.number<std::uint32_t>());
  for (std::uint32_t i = 0; i < pus; ++i) out.pus.push_back(reader.number<std::uint32_t>());
  out.file = reader.c_string();
  out.cwd = reader.c_string();
  out.out = reader.c_string();
  out.err = reader.c_string();
  out.in = reader.c_string();
  for (std::uint32_t i = 0; i < argc; ++i) out.argv.push_back(reader.c_string());
  for (std::uint32_t i = 0; i < envc; ++i) out.env.push_back(reader.c_string());
  if (!reader.finished()) return malformed("launch");
  return {};
}

void append_kill(std::string& out, const KillFrame& kill) {
  Scope scope(out, MessageKind::Kill);
  put_id(out, kill.id);
  put(out, kill.signal);
}

Result<KillFrame> decode_kill(std::string_view body) {
  Reader reader(body);
  KillFrame kill;
  kill.id = reader.id();
  kill.signal = reader.number<std::int32_t>();
  if (!reader.finished() || kill.signal < 0 || kill.signal > 64) return malformed("kill");
  return kill;
}

void append_ack(std::string& out, const AttemptId& id) {
  Scope scope(out, MessageKind::Ack);
  put_id(out, id);
}

void append_pause(std::string& out, const AttemptId& id, bool suspended) {
  Scope scope(out, suspended ? MessageKind::Suspend : MessageKind::Resume);
  put_id(out, id);
}

void append_limit(std::string& out, const LimitFrame& limit) {
  Scope scope(out, MessageKind::Limit);
  put_id(out, limit.id);
  put(out, limit.time_limit_us);
}

Result<LimitFrame> decode_limit(std::string_view body) {
  Reader reader(body);
  LimitFrame limit;
  limit.id = reader.id();
  limit.time_limit_us = reader.number<std::int64_t>();
  if (!reader.finished() || limit.time_limit_us < 0) return malformed("limit");
  return limit;
}

Result<AttemptId> decode_ack(std::string_view body) {
  Reader reader(body);
  const AttemptId id = reader.id();
  if (!reader.finished()) return malformed("ack");
  return id;
}

void append_list(std::string& out) { Scope scope(out, MessageKind::List); }
void append_list_end(std::string& out) { Scope scope(out, MessageKind::ListEnd); }

void append_welcome(std::string& out, const WelcomeFrame& welcome) {
  Scope scope(out, MessageKind::Welcome);
  put(out, welcome.protocol);
  put(out, welcome.pid);
  out += welcome.facts;
}

Result<WelcomeFrame> decode_welcome(std::string_view body) {
  Reader reader(body);
  WelcomeFrame welcome;
  welcome.protocol = reader.number<std::uint32_t>();
  welcome.pid = reader.number<std::int32_t>();
  if (!reader.ok() || reader.left() > 65536) return malformed("welcome");
  welcome.facts = reader.bytes(reader.left());
  return welcome;
}

void append_held(std::string& out, const HeldReport& held) {
  Scope scope(out, MessageKind::Held);
  put_id(out, held.id);
  put(out, std::uint32_t{held.started});
}

Result<HeldReport> decode_held(std::string_view body) {
  Reader reader(body);
  HeldReport held;
  held.id = reader.id();
  held.started = reader.number<std::uint32_t>() != 0;
  if (!reader.finished()) return malformed("held");
  return held;
}

void append_started(std::string& out, std::uint64_t seq, const StartReport& report) {
  Scope scope(out, MessageKind::Started);
  put(out, seq);
  put_id(out, report.id);
  put(out, report.at_us);
  put(out, report.pid);
}

Result<StartedFrame> decode_started(std::string_view body) {
  Reader reader(body);
  StartedFrame started;
  started.seq = reader.number<std::uint64_t>();
  started.report.id = reader.id();
  started.report.at_us = reader.number<std::int64_t>();
  started.report.pid = reader.number<std::int32_t>();
  if (!reader.finished()) return malformed("started");
  return started;
}

void append_end_body(std::string& out, const EndReport& report) {
  put_id(out, report.id);
  put(out, static_cast<std::uint32_t>(report.cause));
  put(out, report.exit_code);
  put(out, report.term_signal);
  put(out, std::uint32_t{report.never_started});
  put(out, report.started_us);
  put(out, report.ended_us);
  put(out, report.user_us);
  put(out, report.system_us);
  put(out, report.max_rss_kib);
  out += report.message;
}

Result<EndReport> decode_end_body(std::string_view body) {
  Reader reader(body);
  EndReport report;
  report.id = reader.id();
  const auto cause = reader.number<std::uint32_t>();
  report.exit_code = reader.number<std::int32_t>();
  report.term_signal = reader.number<std::int32_t>();
  report.never_started = reader.number<std::uint32_t>() != 0;
  report.started_us = reader.number<std::int64_t>();
  report.ended_us = reader.number<std::int64_t>();
  report.user_us = reader.number<std::int64_t>();
  report.system_us = reader.number<std::int64_t>();
  report.max_rss_kib = reader.number<std::int64_t>();
  if (!reader.ok() || cause >= kEndCauses || reader.left() > 65536) return malformed("ended");
  report.cause = static_cast<EndCause>(cause);
  report.message = reader.bytes(reader.left());
  return report;
}

void append_ended(std::string& out, std::uint64_t seq, const EndReport& report) {
  Scope scope(out, MessageKind::Ended);
  put(out, seq);
  append_end_body(out, report);
}

Result<EndedFrame> decode_ended(std::string_view body) {
  Reader reader(body);
  EndedFrame ended;
  ended.seq = reader.number<std::uint64_t>();
  if (!reader.ok()) return malformed("ended");
  auto report = decode_end_body(body.substr(sizeof(ended.seq)));
  if (!report) return fail(std::move(report.error()));
  ended.report = std::move(*report);
  return ended;
}

}  // namespace drover::nodeagent
