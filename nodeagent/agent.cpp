// nodeagent/agent.cpp - wires the table, supd, the controller, logs and health together.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/agent.hpp"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "nodeagent/log_messages.hpp"
#include "nodeagent/node_report.hpp"
#include "nodeagent/session_use.hpp"
#include "proto/agent.pb.h"

namespace drover::nodeagent {
namespace {

constexpr Duration kHealthEvery = seconds(5), kRepeatEvery = seconds(30);
constexpr std::size_t kLoadsMax = 10'000;  // told at a time
constexpr std::int64_t kFirstPauseUs = 50'000, kLastPauseUs = 5'000'000;

}  // namespace

Result<std::unique_ptr<Agent>> Agent::make(net::Loop& loop, AgentOptions options) {
  // Two agents of one node would evict each other from the controller for ever.
  const int lock =
      ::open(options.paths.agent_lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  net::Fd held(lock);
  if (lock < 0 || ::flock(lock, LOCK_EX | LOCK_NB) != 0)
    return fail(Errc::Conflict, "another drover-agent has " + options.paths.data,
                "one agent serves a data directory; stop the other one first");
  auto topology = discover_topology(options.topology);
  if (!topology) return fail(std::move(topology.error()));
  auto scripts = Scripts::open(options.paths.agent_dir(), instance_of(options.paths.data),
                               net::Loop::now().mono.us);
  if (!scripts) return fail(std::move(scripts.error()));
  auto key = EngineKey::open(options.paths.engine_key());
  if (!key) return fail(std::move(key.error()));
  std::unique_ptr<Agent> agent(new Agent(loop, std::move(options), std::move(*topology),
                                         std::move(*scripts), std::move(*key)));
  agent->lock_ = std::move(held);
  const AgentOptions& given = agent->options_;
  auto engines = EngineLinks::listen(given.paths.engine_socket(), agent->engine_key_,
                                     {loop, agent->logs_, agent->accounts_, given.name,
                                      given.paths.agent_socket(), agent->boot_id_});
  if (!engines) return fail(std::move(engines.error()));
  agent->engines_ = std::move(*engines);
  return agent;
}

Agent::Agent(net::Loop& loop, AgentOptions options, NodeTopology topology, Scripts scripts,
             EngineKey key)
    : loop_(loop),
      options_(std::move(options)),
      topology_(std::move(topology)),
      boot_id_(read_boot_id()),
      scripts_(std::move(scripts)),
      engine_key_(std::move(key)),
      builder_({options_.name, ::geteuid(), topology_.bindable, !topology_.gpus.empty(),
                options_.paths.engine_socket()},
               scripts_, engine_key_),
      logs_(loop),
      redial_supd_(loop, [this] { dial_supd(); }),
      redial_controller_(loop, [this] { dial_controller(); }),
      health_(loop, [this] { send_health(); }),
      repeat_(loop,
              [this] {
                table_.repeat_ends();
                engines_->repeat_ends();
                sweep_scripts();
              }),
      look_(loop, [this] { send_loads(); }),
      jitter_(std::uint64_t(net::Loop::now().wall.us) ^ (std::uint64_t(::getpid()) << 40)),
      report_(std::make_unique<proto::AgentMessage>()),
      orders_(std::make_unique<proto::ControllerMessage>()) {}

Agent::~Agent() {
  // Before the first list nobody knows what runs: then everything stays.
  if (!table_.is_synced()) return;
  const std::set<JobId> jobs = running_jobs();
  scripts_.close([&](JobId job) { return jobs.count(job) != 0; });
}

void Agent::start() {
  spdlog::info("node {}: {} cores, {} GPUs, topology from {}", options_.name,
               topology_.cores.size(), topology_.gpus.size(), topology_.source);
  loop_.after_io([this] { flush(); });
  health_.start(kHealthEvery, kHealthEvery);
  repeat_.start(kRepeatEvery, kRepeatEvery);
  look_.start(options_.look_every, options_.look_every);
  dial_supd();
}

Duration Agent::pause(int& failures) {
  const std::int64_t full = std::min(kFirstPauseUs << std::min(failures, 10), kLastPauseUs);
  ++failures;
  return {full / 2 + std::int64_t(jitter_.below(std::uint64_t(full / 2)))};
}

// ---- supd

void Agent::dial_supd() {
  net::frame_connect(loop_, options_.paths.supd_socket(), [this](auto connection) {
    if (connection) return on_supd(std::move(*connection));
    if (supd_failures_ == 5)
      spdlog::warn("{}; trying on. Is drover-supd running?", connection.error().message);
    redial_supd_.start(pause(supd_failures_));
  });
}

void Agent::on_supd(std::unique_ptr<net::FrameConnection> connection) {
  supd_ = std::move(connection);
  table_.on_list_begin();
  supd_->set_hooks({[this](std::string_view frame) { on_supd_frame(frame); },
                    [this](const Error& why) { on_supd_lost(why); }});
  std::string hello;
  append_hello(hello);
  supd_->send(hello);
}

void Agent::on_supd_lost(const Error& why) {
  spdlog::warn("supd: {}; connecting again", why.message);
  table_.on_supd_lost();
  // The connection is calling us: it goes when its callback is over.
  loop_.post([gone = std::shared_ptr<net::FrameConnection>(std::move(supd_))] {});
  redial_supd_.start(pause(supd_failures_));
}

void Agent::on_supd_frame(std::string_view payload) {
  while (supd_ != nullptr) {
    auto next = next_message(payload);
    if (next && !*next) return;
    if (!next) {
      const auto connection = std::shared_ptr<net::FrameConnection>(std::move(supd_));
      connection->close();
      supd_.reset();
      table_.on_supd_lost();
      loop_.post([connection] {});
      spdlog::error("supd: {}", next.error().message);
      redial_supd_.start(pause(supd_failures_));
      return;
    }
    on_supd_message((*next)->kind, (*next)->body);
  }
}

void Agent::on_supd_message(MessageKind kind, std::string_view body) {
  if (kind == MessageKind::Ended) {
    auto ended = decode_ended(body);
    if (ended) table_.on_ended(std::move(ended->report));
  } else if (kind == MessageKind::Started) {
    const auto started = decode_started(body);
    if (started) table_.on_started(started->report);
  } else if (kind == MessageKind::Held) {
    const auto held = decode_held(body);
    if (held) table_.on_held(*held);
  } else if (kind == MessageKind::Welcome) {
    const auto welcome = decode_welcome(body);
    if (!welcome) return;
    supd_pid_ = welcome->pid;
    supd_facts_ = parse_facts(welcome->facts);
  } else if (kind == MessageKind::ListEnd) {
    supd_failures_ = 0;
    table_.on_list_end(net::Loop::now().wall.us);
    spdlog::info("supd (pid {}) has {} attempts", supd_pid_, table_.running_count());
    if (controller_ == nullptr) dial_controller();
  }
}

// ---- controller

void Agent::dial_controller() {
  if (controller_ != nullptr || !table_.is_synced()) return;
  redial_controller_.stop();
  net::frame_connect(loop_, options_.paths.agent_socket(), [this](auto connection) {
    if (controller_ != nullptr) return;
    if (connection) return on_controller(std::move(*connection));
    if (controller_failures_ == 5)
      spdlog::warn("{}; trying on. Is droverd running?", connection.error().message);
    redial_controller_.start(pause(controller_failures_));
  });
}

void Agent::on_controller(std::unique_ptr<net::FrameConnection> connection) {
  controller_ = std::move(connection);
  controller_->set_hooks({[this](std::string_view frame) { on_controller_frame(frame); },
                          [this](const Error& why) { on_controller_lost(why); }});
  send_hello();
}

void Agent::on_controller_lost(const Error& why) {
  spdlog::warn("controller: {}; connecting again", why.message);
  table_.on_controller_lost();
  report_->Clear();
  loop_.post([gone = std::shared_ptr<net::FrameConnection>(std::move(controller_))] {});
  redial_controller_.start(pause(controller_failures_));
}

void Agent::send_hello() {
  proto::AgentMessage message;
  proto::Hello& hello = *message.mutable_hello();
  hello.set_protocol(1);
  fill_node(*hello.mutable_node(), topology_);
  hello.mutable_node()->set_name(options_.name);
  hello.mutable_node()->set_boot_id(boot_id_);
  hello.mutable_node()->set_version(DROVER_VERSION);
  for (const auto& [name, value] : options_.labels)
    (*hello.mutable_node()->mutable_labels())[name] = value;
  for (const auto& [name, count] : options_.resources)
    (*hello.mutable_node()->mutable_resources())[name] = count;
  for (const auto& [name, value] : node_capabilities(topology_, supd_facts_))
    (*hello.mutable_node()->mutable_capabilities())[name] = value;
  for (const HeldReport& held : table_.running()) {
    proto::Held& out = *hello.add_running();
    fill_ref(*out.mutable_id(), held.id);
    out.set_started(held.started);
  }
  controller_->send(message.SerializeAsString());
}

void Agent::on_controller_frame(std::string_view bytes) {
  proto::ControllerMessage& message = *orders_;
  if (!message.ParseFromArray(bytes.data(), int(bytes.size()))) {
    spdlog::error("controller: a message is not readable");
    controller_->close();
    return on_controller_lost({Errc::Corrupt, "closed", "", ""});
  }
  if (!message.refused().empty()) {
    spdlog::error("the controller refuses this node: {}", message.refused());
    controller_failures_ = std::max(controller_failures_, 7);  // nothing changes within a second
    return;                                                    // it closes the connection
  }
  const SessionId session{message.session()};
  if (message.welcome()) {
    controller_failures_ = 0;
    spdlog::info("registered with the controller, session {}", message.session());
    table_.on_welcome(session);
    send_health();
  }
  for (const proto::AttemptRef& id : message.ack_ended()) table_.on_ack(session, to_attempt_id(id));
  for (const proto::PauseOrder& pause : message.pause())
    table_.on_pause(session, to_attempt_id(pause.id()), pause.suspended());
  for (const proto::LimitOrder& limit : message.limit())
    table_.on_limit(session, to_attempt_id(limit.id()),
                    std::max<std::int64_t>(0, limit.time_limit_us()));
  if (message.launch_size() > 0) on_launches(message);
  for (const proto::KillOrder& kill : message.kill())
    table_.on_kill(session, to_attempt_id(kill.id()), std::clamp(kill.signal(), 0, 64),
                   net::Loop::now().wall.us);
  if (session != table_.session()) return;
  for (const proto::LogRequest& request : message.logs()) on_log_request(request);
}

void Agent::on_launches(const proto::ControllerMessage& message) {
  const SessionId session{message.session()};
  const Now now = net::Loop::now();
  for (const proto::LaunchOrder& order : message.launch()) {
    const AttemptId id = to_attempt_id(order.id());
    if (session != table_.session()) {  // counted; not worth a script file
      (void)table_.on_launch(session, id, {});
      continue;
    }
    std::string payload;
    auto built = builder_.build(order, now.mono.us, payload);
    if (built)
      (void)table_.on_launch(session, id, std::move(payload));
    else
      (void)table_.on_bad_launch(session, id, std::move(built.error().message), now.wall.us);
  }
}

void Agent::on_log_request(const proto::LogRequest& request) {
  logs_.read(to_query(request, accounts_, net::Loop::now().mono.us),
             [this, number = request.request(), session = table_.session()](LogPiece piece) {
               if (session != table_.session() || controller_ == nullptr) return;
               fill_chunk(*report_->add_logs(), number, std::move(piece));
             });
}

void Agent::send_health() {
  if (controller_ == nullptr || raw(table_.session()) == 0) return;
  proto::Health& health = *report_->mutable_health();
  fill_health(health, supd_pid_);
  health.set_at_us(net::Loop::now().wall.us);
  health.set_running(std::uint32_t(table_.running_count()));
}

// Short jobs are not looked at: the pass over /proc is for those that run twice as long.
void Agent::send_loads() {
  if (controller_ == nullptr || raw(table_.session()) == 0) return;
  const std::int64_t now_us = net::Loop::now().wall.us;
  std::vector<StartReport> running = table_.running_since(now_us, {options_.look_every.us * 2});
  if (running.empty()) return;
  running.resize(std::min(running.size(), kLoadsMax));
  const std::int64_t tick_us = 1'000'000 / ::sysconf(_SC_CLK_TCK);
  const std::int64_t page_kib = ::sysconf(_SC_PAGESIZE) / 1024;
  const SessionUses uses = use_of_sessions();
  for (const StartReport& one : running) {
    const auto use = uses.find(one.pid);
    if (use == uses.end()) continue;
    proto::Load& load = *report_->add_loads();
    fill_ref(*load.mutable_id(), one.id);
    load.set_at_us(now_us);
    load.set_started_us(one.at_us);
    load.set_cpu_us(use->second.cpu_ticks * tick_us);
    load.set_rss_kib(use->second.rss_pages * page_kib);
    load.set_processes(use->second.processes);
  }
}

void Agent::flush() {
  AttemptTable::Outputs& out = table_.out();
  if (!out.to_supd.empty() && supd_ != nullptr) {
    supd_->send(out.to_supd);
    out.to_supd.clear();
  }
  if (controller_ == nullptr || raw(table_.session()) == 0) {
    out.started.clear();  // Hello tells them
    out.ended.clear();    // on_welcome repeats them
    return;
  }
  if (out.started.empty() && out.ended.empty() && !report_->has_health() &&
      report_->logs_size() == 0 && report_->loads_size() == 0)
    return;
  report_->set_session(raw(table_.session()));
  for (const StartReport& started : out.started) fill_started(*report_->add_started(), started);
  for (const EndReport& ended : out.ended) fill_ended(*report_->add_ended(), ended);
  out.started.clear();
  out.ended.clear();
  if (!controller_->send(report_->SerializeAsString()))
    spdlog::warn("the controller does not read: reports wait for the next repetition");
  report_->Clear();
}

std::set<JobId> Agent::running_jobs() const {
  std::set<JobId> jobs;
  for (const HeldReport& held : table_.running()) jobs.insert(held.id.task.job);
  return jobs;
}

void Agent::sweep_scripts() {
  const std::set<JobId> jobs = running_jobs();
  scripts_.sweep([&](JobId job) { return jobs.count(job) != 0; }, net::Loop::now().mono.us);
}

}  // namespace drover::nodeagent
