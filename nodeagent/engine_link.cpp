// nodeagent/engine_link.cpp - orders down to the engine, reports up to the controller.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/engine_link.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "nodeagent/launch_builder.hpp"
#include "nodeagent/log_messages.hpp"
#include "nodeagent/node_report.hpp"
#include "proto/agent.pb.h"

namespace drover::nodeagent {
namespace {

constexpr std::int64_t kFirstPauseUs = 50'000, kLastPauseUs = 5'000'000;
constexpr std::int64_t kHealthUs = 30'000'000;
constexpr int kRefusedFailures = 7;            // nothing changes within a second
constexpr int kLogsOfFrame = 8;                // pieces of a MiB
constexpr std::size_t kEndsOfFrame = 4 << 20;  // well below net::kFrameMax, with one end beyond it

}  // namespace

EngineLink::EngineLink(EngineHostParts& parts, EngineLineReader& reader, EngineClaims claims,
                       Changed changed)
    : parts_(parts),
      reader_(reader),
      claims_(std::move(claims)),
      changed_(std::move(changed)),
      last_output_(parts.loop),
      report_(std::make_unique<proto::AgentMessage>()),
      redial_(parts.loop, [this] { dial(); }),
      jitter_(std::uint64_t(net::Loop::now().wall.us) ^ (raw(claims_.job.epoch) << 20)) {}

EngineLink::~EngineLink() { *alive_ = false; }

// ---- the engine

void EngineLink::take(std::unique_ptr<LineConnection> engine, const EngineHello& hello) {
  // The connection that it replaces may be the one that is calling.
  if (engine_ != nullptr)
    parts_.loop.post([gone = std::shared_ptr<LineConnection>(std::move(engine_))] {});
  engine_ = std::move(engine);
  hello_ = hello;
  last_output_.stop();
  hold_output(hello.output);  // before it gets statements
  launched_ = table_.launched();
  engine_->set_hooks({[this](std::string_view line) { on_engine_line(line); },
                      [this](const Error& why) { lose_engine(why.message); }});
  engine_->send(kWelcomeLine);
  table_.on_engine(hello.running, net::Loop::now().wall.us);
  changed_();
  if (controller_ == nullptr) dial();
}

void EngineLink::lose_engine(const std::string& why) {
  if (engine_ == nullptr) return;
  spdlog::info("engine {}: {}", claims_.name, why);
  engine_->close();
  parts_.loop.post([gone = std::shared_ptr<LineConnection>(std::move(engine_))] {});
  lost_us_ = net::Loop::now().mono.us;
  const LogPlace log = table_.log_of_running();
  last_output_.drain(log.path, log.limit);
  table_.on_engine_lost();
}

std::int64_t EngineLink::heard_us() const {
  return engine_ != nullptr ? engine_->heard_us() : lost_us_;
}

void EngineLink::on_engine_line(std::string_view text) {
  auto line = reader_.read(text);
  if (!line) return lose_engine(line.error().message);
  if (const auto* started = std::get_if<StartReport>(&*line))
    table_.on_started(*started);
  else if (auto* progress = std::get_if<EngineProgress>(&*line))
    table_.on_progress(std::move(*progress));
  else if (auto* end = std::get_if<EngineEnd>(&*line))
    table_.on_ended(std::move(*end));
  else if (const auto* health = std::get_if<EngineHealth>(&*line))
    send_health(*health);
  else if (const auto* told = std::get_if<EngineOutput>(&*line))
    hold_output(*told);
  changed_();
}

void EngineLink::hold_output(const EngineOutput& told) {
  if (told.inode == 0 || !engine_->peer().credentials) return;
  const net::Credentials& who = *engine_->peer().credentials;
  LogQuery owner;
  owner.uid = who.uid;
  owner.gid = who.gid;
  owner.groups = parts_.accounts.find(who.uid, who.gid, net::Loop::now().mono.us)->groups;
  last_output_.hold(std::move(owner), {who.pid, told.fd, told.inode});
}

void EngineLink::send_health(const EngineHealth& health) {
  if (controller_ == nullptr || raw(table_.session()) == 0) return;
  // Engines are many, and the controller hears of a lost one by its connection.
  const std::int64_t now_us = net::Loop::now().mono.us;
  if (health.pollers.empty() && health.running == told_running_ && now_us - told_us_ < kHealthUs)
    return;
  told_running_ = health.running;
  told_us_ = now_us;
  proto::Health& out = *report_->mutable_health();
  out.set_at_us(net::Loop::now().wall.us);
  out.set_running(std::uint32_t(std::min<std::int64_t>(health.running, 1 << 20)));
  out.set_supd_rss_kib(std::uint64_t(health.rss_kib));
  out.clear_pollers();
  const auto small = [](std::int64_t number) {
    return std::uint32_t(std::min<std::int64_t>(number, 1 << 30));
  };
  for (const EnginePollers& pollers : health.pollers) {
    proto::PollerHealth& told = *out.add_pollers();
    told.set_kind(pollers.kind);
    told.set_threads(small(pollers.threads));
    told.set_busy(small(pollers.busy));
    told.set_items(small(pollers.items));
    told.set_lag_ms(pollers.lag_ms);
    told.set_polls(std::uint64_t(pollers.polls));
    told.set_errors(std::uint64_t(pollers.errors));
    told.set_slowest(pollers.slowest);
    told.set_slowest_ms(pollers.slowest_ms);
  }
}

// ---- the controller

void EngineLink::dial() {
  redial_.stop();
  if (controller_ != nullptr) return;
  // Nothing to tell, and nobody to take anything: it registers when the engine comes back.
  if (engine_ == nullptr && table_.is_empty()) return;
  net::frame_connect(parts_.loop, parts_.agent_socket, [this, alive = alive_](auto connection) {
    if (!*alive || controller_ != nullptr) return;
    if (connection) return on_controller(std::move(*connection));
    dial_later();
  });
}

void EngineLink::dial_later() {
  const std::int64_t full = std::min(kFirstPauseUs << std::min(failures_, 10), kLastPauseUs);
  ++failures_;
  redial_.start({full / 2 + std::int64_t(jitter_.below(std::uint64_t(full / 2)))});
}

void EngineLink::on_controller(std::unique_ptr<net::FrameConnection> connection) {
  controller_ = std::move(connection);
  controller_->set_hooks({[this](std::string_view frame) { on_controller_frame(frame); },
                          [this](const Error& why) { on_controller_lost(why); }});
  send_hello();
}

void EngineLink::on_controller_lost(const Error& why) {
  spdlog::debug("engine {}: controller: {}", claims_.name, why.message);
  table_.on_controller_lost();
  report_->Clear();
  parts_.loop.post([gone = std::shared_ptr<net::FrameConnection>(std::move(controller_))] {});
  dial_later();
}

void EngineLink::send_hello() {
  proto::AgentMessage message;
  proto::Hello& hello = *message.mutable_hello();
  hello.set_protocol(1);
  proto::NodeInfo& node = *hello.mutable_node();
  node.set_name(claims_.name);
  // Another process under the same name is another engine, whatever the machine is.
  node.set_boot_id(parts_.boot_id + "/" + statement_id(claims_.job));
  node.set_version(DROVER_VERSION);
  node.add_numa_mem_mib(0);  // an engine has no resources of its own: its job holds them
  auto& labels = *node.mutable_labels();
  labels["pool"] = claims_.pool;
  labels["engine"] = claims_.type;
  proto::EngineInfo& engine = *node.mutable_engine();
  fill_ref(*engine.mutable_job(), claims_.job);
  engine.set_type(claims_.type);
  engine.set_version(hello_.version);
  engine.set_host(parts_.node);
  engine.set_pid(hello_.pid);
  engine.set_concurrency(hello_.concurrency);
  engine.set_uses(hello_.uses + table_.launched() - launched_);
  for (const HeldReport& held : table_.running()) {
    proto::Held& out = *hello.add_running();
    fill_ref(*out.mutable_id(), held.id);
    out.set_started(held.started);
  }
  controller_->send(message.SerializeAsString());
}

void EngineLink::on_controller_frame(std::string_view bytes) {
  proto::ControllerMessage message;
  if (!message.ParseFromArray(bytes.data(), int(bytes.size()))) {
    controller_->close();
    return on_controller_lost({Errc::Corrupt, "a message is not readable", "", ""});
  }
  if (!message.refused().empty()) {
    spdlog::warn("the controller refuses engine {}: {}", claims_.name, message.refused());
    failures_ = std::max(failures_, kRefusedFailures);
    return;  // it closes the connection
  }
  const SessionId session{message.session()};
  if (message.welcome()) {
    failures_ = 0;
    table_.on_welcome(session);
    told_running_ = -1;
    send_health({0, std::int64_t(table_.running_count()), {}});
  }
  on_orders(message, session);
  changed_();
}

void EngineLink::on_orders(const proto::ControllerMessage& message, SessionId session) {
  const Now now = net::Loop::now();
  for (const proto::AttemptRef& id : message.ack_ended()) table_.on_ack(session, to_attempt_id(id));
  for (const proto::LaunchOrder& order : message.launch()) {
    const AttemptId id = to_attempt_id(order.id());
    if (!order.has_statement() || order.uid() != claims_.uid) {
      table_.on_bad_launch(session, id, "an engine runs statements of its own user", now.wall.us);
      continue;
    }
    std::string line = execute_line(order);
    if (line.size() > kEngineLineMax)
      table_.on_bad_launch(session, id, "the code is longer than an engine takes (8 MiB)",
                           now.wall.us);
    else
      table_.on_launch(session, id, std::move(line), order.kill_grace_s(), now.wall.us,
                       {order.out(), order.statement().log_bytes()});
  }
  for (const proto::KillOrder& kill : message.kill())
    table_.on_kill(session, to_attempt_id(kill.id()), kill.signal(), now.wall.us);
  for (const proto::NoteOrder& note : message.notes())
    table_.on_note(session, to_attempt_id(note.id()), note.text());
  if (raw(session) == 0 || session != table_.session()) return;
  for (const proto::LogRequest& request : message.logs())
    parts_.logs.read(to_query(request, parts_.accounts, now.mono.us),
                     [this, alive = alive_, session, number = request.request()](LogPiece piece) {
                       if (!*alive || session != table_.session() || controller_ == nullptr) return;
                       fill_chunk(*report_->add_logs(), number, std::move(piece));
                       if (report_->logs_size() >= kLogsOfFrame) send_report();
                       changed_();
                     });
}

// ---- once per loop round

void EngineLink::flush() {
  EngineTable::Outputs& out = table_.out();
  if (!out.to_engine.empty() && engine_ != nullptr) {
    const bool is_taken = engine_->send(out.to_engine);
    out.to_engine.clear();
    if (!is_taken) lose_engine("it does not read");
  }
  const bool has_session = controller_ != nullptr && raw(table_.session()) != 0;
  const bool is_idle = out.started.empty() && out.ended.empty() && out.progress.empty() &&
                       !report_->has_health() && report_->logs_size() == 0;
  if (has_session && !is_idle) {
    for (const StartReport& started : out.started) fill_started(*report_->add_started(), started);
    for (EngineProgress& progress : out.progress) {
      proto::Progress& told = *report_->add_progress();
      fill_ref(*told.mutable_id(), progress.id);
      told.set_thousandths(progress.thousandths);
      told.set_done(progress.done);
      told.set_total(progress.total);
      told.set_text(std::move(progress.text));
    }
    std::size_t bytes = 0;
    for (EngineEnd& end : out.ended) {
      bytes += end.results.size();
      proto::Ended& told = *report_->add_ended();
      fill_ended(told, end.report);
      told.set_permanent(end.permanent);
      if (end.returned)
        told.set_returned(true);
      else
        told.set_results(std::move(end.results));
      if (bytes < kEndsOfFrame) continue;
      send_report();  // a frame has its limit; ends that are told anew may be many
      bytes = 0;
    }
    send_report();
  }
  out.started.clear();
  out.ended.clear();
  out.progress.clear();
}

void EngineLink::send_report() {
  report_->set_session(raw(table_.session()));
  if (!controller_->send(report_->SerializeAsString()))
    spdlog::warn("engine {}: the controller does not read", claims_.name);
  report_->Clear();
}

void EngineLink::repeat_ends() {
  table_.repeat_ends();
  changed_();
}

}  // namespace drover::nodeagent
