// server/agents.cpp - registration, reports, grouped orders and log requests of agent sessions.
// SPDX-License-Identifier: Apache-2.0
#include "server/agents.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "proto/agent.pb.h"
#include "server/agent_reports.hpp"
#include "server/launch_order.hpp"

namespace drover::server {
namespace {

constexpr std::size_t kFrameAim = 4 << 20;  // a frame is sent when it grows past this
constexpr std::size_t kLogRequestsMax = 1000;
constexpr std::int64_t kCpuMaxUs = std::int64_t(1) << 55, kRssMaxKib = std::int64_t(1) << 45;
constexpr std::size_t kResultsMax = 256 << 10;  // bytes of one statement's list
constexpr std::size_t kSessionsMax = 10'000;
constexpr std::uint32_t kProtocol = 1;
constexpr std::uint64_t kUsesMax = std::uint64_t(1) << 53;

Error gone(const std::string& node) {
  return {Errc::Unavailable, "the agent of node " + node + " is not connected",
          "drover node ls; the agent connects again by itself", ""};
}

}  // namespace

struct Agents::Session {
  SessionId id{};
  std::unique_ptr<net::FrameConnection> connection;  // null once closed
  std::string node;                                  // empty until Hello
  NodeId node_id{};
  bool welcomed = false;
  proto::ControllerMessage out;
  std::size_t out_bytes = 0;
  bool dirty = false;
  std::map<std::uint64_t, OnPiece> log_requests;
};

Agents::Agents(net::Loop& loop, Turn& turn, SpecCache& specs, Users& users,
               metrics::Metrics& metrics, std::uint32_t daemon_uid, std::int64_t kill_grace_s)
    : loop_(loop),
      turn_(turn),
      specs_(specs),
      users_(users),
      metrics_(metrics),
      daemon_uid_(daemon_uid),
      kill_grace_s_(kill_grace_s),
      // Starts from the clock, so that sessions of an earlier life of this daemon are never met
      // again.
      next_session_(std::uint64_t(net::Loop::now().wall.us)) {}

Agents::~Agents() = default;

Result<void> Agents::listen(const std::string& path) {
  auto listener = net::FrameListener::listen(
      loop_, path, 0600,
      [this](std::unique_ptr<net::FrameConnection> c) { on_connection(std::move(c)); });
  if (!listener) return fail(listener.error());
  listener_ = std::move(*listener);
  return {};
}

void Agents::on_connection(std::unique_ptr<net::FrameConnection> connection) {
  const auto& peer = connection->peer().credentials;
  if (!peer || (peer->uid != 0 && peer->uid != daemon_uid_) || sessions_.size() >= kSessionsMax) {
    spdlog::warn("agent connection refused: uid {}", peer ? peer->uid : ~0u);
    return;  // closes
  }
  auto session = std::make_unique<Session>();
  const SessionId id = session->id = SessionId(next_session_++);
  session->connection = std::move(connection);
  net::FrameConnection::Hooks hooks;
  hooks.on_frame = [this, id](std::string_view frame) { on_frame(id, frame); };
  hooks.on_close = [this, id](const Error&) { on_close(id); };
  auto* raw_connection = session->connection.get();
  sessions_.emplace(id, std::move(session));
  raw_connection->set_hooks(std::move(hooks));
}

Agents::Session* Agents::find(SessionId id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second.get();
}

void Agents::on_frame(SessionId id, std::string_view frame) {
  Session* session = find(id);
  if (session == nullptr || session->connection == nullptr) return;
  proto::AgentMessage message;
  if (!message.ParseFromArray(frame.data(), int(frame.size())))
    return refuse(*session, "the message is not readable");
  if (message.has_hello()) return on_hello(*session, message);
  if (!session->welcomed || message.session() != raw(id)) {
    metrics_.add(metrics::FamilyId::MessagesStale, {});
    return;
  }
  on_reports(*session, message);
}

void Agents::on_hello(Session& session, const proto::AgentMessage& message) {
  const proto::Hello& hello = message.hello();
  if (!session.node.empty()) return refuse(session, "this connection has registered already");
  if (hello.protocol() != kProtocol) return refuse(session, "the protocol must be version 1");
  auto spec = to_node_spec(hello.node());
  if (!spec) return refuse(session, spec.error().message);
  session.node = spec->name;
  if (const auto older = by_name_.find(session.node); older != by_name_.end()) {
    spdlog::info("node {} registers again; its earlier session ends", session.node);
    on_close(older->second);
  }
  by_name_[session.node] = session.id;
  AgentView& view = seen_[session.node];
  view.connected = false;  // until welcomed
  if (view.boot_id != hello.node().boot_id()) {
    view.pollers.clear();  // another engine counts anew
    view.since = net::Loop::now().wall;
  }
  view.boot_id = hello.node().boot_id();
  view.version = hello.node().version();
  view.is_engine = hello.node().has_engine();
  view.engine_type = hello.node().engine().type();
  view.capabilities.clear();
  for (const auto& [name, value] : hello.node().capabilities()) view.capabilities[name] = value;
  view.heard = net::Loop::now().wall;

  sched::NodeUp up;
  up.spec = std::move(*spec);
  up.boot_id = hello.node().boot_id();
  up.session = session.id;
  for (const proto::Held& held : hello.running())
    up.running.push_back({to_attempt(held.id()), held.started()});
  if (view.is_engine) up.host = JobId{hello.node().engine().job().job()};
  turn_.push(std::move(up));
  if (const proto::EngineInfo& engine = hello.node().engine(); view.is_engine && engine.uses() > 0)
    turn_.engines(
        pool::TellUses{session.node, JobId{engine.job().job()}, std::min(engine.uses(), kUsesMax)},
        [](const Result<sched::Done>&) {});
}

void Agents::on_reports(Session& session, const proto::AgentMessage& message) {
  AgentView& view = seen_[session.node];
  view.heard = net::Loop::now().wall;
  const Time latest = net::Loop::now().wall + seconds(60);  // an engine may say anything
  for (const proto::Started& started : message.started())
    turn_.push(sched::TaskStarted{session.node_id, session.id, to_attempt(started.id()),
                                  std::clamp(Time{started.at_us()}, Time{}, latest)});
  for (const proto::Progress& one : message.progress())
    if (turn_.runs_on(to_attempt(one.id()).task, session.node_id)) on_progress(one);
  for (const proto::Load& load : message.loads()) {
    const UseReport report{to_attempt(load.id()),
                           std::clamp(Time{load.at_us()}, Time{}, latest),
                           std::clamp(Time{load.started_us()}, Time{}, latest),
                           {std::clamp<std::int64_t>(load.cpu_us(), 0, kCpuMaxUs)},
                           std::clamp<std::int64_t>(load.rss_kib(), 0, kRssMaxKib),
                           alone_on_ ? alone_on_(JobId{load.id().job()}) : JobId{}};
    if (turn_.runs_on(report.id.task, session.node_id)) use_.learn(report);
  }
  for (const proto::Ended& ended : message.ended()) {
    sched::TaskEnded input = to_ended(ended);
    input.node = session.node_id;
    input.session = session.id;
    input.started = std::min(input.started, latest);
    input.ended = std::min(input.ended, latest);
    // Shown as it is, so it must be JSON, whatever the engine was.
    if (ended.results().size() <= kResultsMax && nlohmann::json::accept(ended.results()))
      input.results = ended.results();
    turn_.push(std::move(input));
  }
  if (message.has_health()) {
    view.load1 = message.health().load1();
    if (view.is_engine) on_pollers(view, message.health());
  }
  for (const proto::LogChunk& chunk : message.logs()) {
    const auto found = session.log_requests.find(chunk.request());
    if (found == session.log_requests.end()) continue;
    const OnPiece done = std::move(found->second);
    session.log_requests.erase(found);
    if (!chunk.error().empty())
      done(fail(Errc::Io, chunk.error(), "drover show names the file"));
    else
      done(LogPiece{chunk.data(), chunk.offset(), chunk.size(), chunk.not_found()});
  }
}

// Engines come and go: their counts go into the totals as they grow. After a restart of droverd
// what an engine has counted before is counted once more, as after any restart of a counter.
void Agents::on_pollers(AgentView& view, const proto::Health& health) {
  const auto grown = [](std::uint64_t before, std::uint64_t now) {
    return double(now > before ? now - before : 0);
  };
  for (const proto::PollerHealth& told : health.pollers()) {
    if (told.kind() != "status" && told.kind() != "metrics") continue;
    Pollers& known = view.pollers[told.kind()];
    const std::uint64_t failed = std::min(told.errors(), told.polls());
    const std::uint64_t failed_before = std::min(known.errors, known.polls);
    metrics_.add(metrics::FamilyId::PollerPolls, {view.engine_type, told.kind(), "ok"},
                 grown(known.polls - failed_before, told.polls() - failed));
    metrics_.add(metrics::FamilyId::PollerPolls, {view.engine_type, told.kind(), "failed"},
                 grown(failed_before, failed));
    known = {told.threads(), told.busy(),   told.items(),      told.polls(),
             told.errors(),  told.lag_ms(), told.slowest_ms(), told.slowest().substr(0, 200)};
  }
}

// Of statements that run, so there are no more of them than engines.
void Agents::on_progress(const proto::Progress& report) {
  Progress& progress = progress_[to_attempt(report.id()).task.job];
  progress.thousandths =
      std::max(progress.thousandths, std::clamp(report.thousandths(), 0, 1000));  // never falls
  progress.done = std::max<std::int64_t>(0, report.done());
  progress.total = std::max<std::int64_t>(0, report.total());
  progress.text = report.text().substr(0, 200);
}

const Progress* Agents::progress(JobId statement) const {
  const auto found = progress_.find(statement);
  return found == progress_.end() ? nullptr : &found->second;
}

void Agents::refuse(Session& session, const std::string& why) {
  spdlog::warn("agent of node {} refused: {}", session.node.empty() ? "?" : session.node, why);
  proto::ControllerMessage message;
  message.set_refused(why);
  if (session.connection) session.connection->send(message.SerializeAsString());
  on_close(session.id);
}

void Agents::on_close(SessionId id) {
  Session* session = find(id);
  if (session == nullptr || session->connection == nullptr) return;
  // The connection may be calling us: it goes when its callback is over.
  std::shared_ptr<net::FrameConnection> connection = std::move(session->connection);
  loop_.post([connection] {});
  if (const auto named = by_name_.find(session->node);
      named != by_name_.end() && named->second == id) {
    by_name_.erase(named);
    seen_[session->node].connected = false;
  }
  for (const auto& [request, done] : std::exchange(session->log_requests, {}))
    done(fail(gone(session->node)));
  if (session->node.empty()) return drop(id);
  spdlog::info("node {} has disconnected", session->node);
  if (!session->welcomed) return;  // perform(Welcome) finds it closed and says so
  turn_.push(sched::NodeDown{session->node_id, id});
  drop(id);
}

void Agents::drop(SessionId id) {
  loop_.post([this, id] { sessions_.erase(id); });
}

void Agents::perform(const sched::Welcome& welcome) {
  Session* session = find(welcome.session);
  if (session == nullptr) return;
  session->node_id = welcome.node;
  session->welcomed = true;
  if (session->connection == nullptr) {  // went while its registration was being stored
    turn_.push(sched::NodeDown{welcome.node, welcome.session});
    return drop(welcome.session);
  }
  spdlog::info("node {} is up", session->node);
  seen_[session->node].connected = true;
  session->out.set_welcome(true);
  session->out_bytes += 16;
  if (!std::exchange(session->dirty, true)) dirty_.push_back(session->id);
}

void Agents::perform(const sched::TurnAway& turned) {
  Session* session = find(turned.session);
  if (session == nullptr) return;
  if (session->connection != nullptr) refuse(*session, turned.why);
  drop(turned.session);
}

void Agents::perform(const sched::Launch& launch) {
  Session* session = find(launch.session);
  if (session == nullptr || session->connection == nullptr) return;  // NodeUp reconciles
  auto spec = specs_.find(launch.id.task.job);
  proto::LaunchOrder* order = session->out.add_launch();
  Result<void> filled;
  if (spec)
    filled = fill_launch(**spec, launch,
                         {session->node, users_.of((*spec)->owner.uid), turn_.resources(),
                          kill_grace_s_, statement_limits_},
                         *order);
  else
    filled = fail(spec.error());
  if (!filled) {  // a spec that cannot be launched ends its attempt instead of hanging
    session->out.mutable_launch()->RemoveLast();
    spdlog::error("job {} cannot be launched: {}", raw(launch.id.task.job), filled.error().message);
    sched::TaskEnded ended;
    ended.node = launch.node;
    ended.session = launch.session;
    ended.id = launch.id;
    ended.cause = sched::EndCause::LaunchFailed;
    ended.never_started = true;
    ended.message = filled.error().message;
    ended.ended = net::Loop::now().wall;
    turn_.push(std::move(ended));
    return;
  }
  session->out_bytes += order->ByteSizeLong();
  if (!std::exchange(session->dirty, true)) dirty_.push_back(session->id);
  if (session->out_bytes > kFrameAim) flush();
}

void Agents::perform(const sched::Kill& kill) {
  Session* session = find(kill.session);
  if (session == nullptr || session->connection == nullptr) return;
  proto::KillOrder* order = session->out.add_kill();
  set_attempt(kill.id, *order->mutable_id());
  order->set_signal(kill.signal);
  if (!std::exchange(session->dirty, true)) dirty_.push_back(session->id);
}

void Agents::perform(const sched::Pause& pause) {
  Session* session = find(pause.session);
  if (session == nullptr || session->connection == nullptr) return;
  proto::PauseOrder* order = session->out.add_pause();
  set_attempt(pause.id, *order->mutable_id());
  order->set_suspended(pause.suspended);
  if (!std::exchange(session->dirty, true)) dirty_.push_back(session->id);
}

void Agents::perform(const sched::Relimit& relimit) {
  Session* session = find(relimit.session);
  if (session == nullptr || session->connection == nullptr) return;
  proto::LimitOrder* order = session->out.add_limit();
  set_attempt(relimit.id, *order->mutable_id());
  order->set_time_limit_us(relimit.time_limit.us);
  if (!std::exchange(session->dirty, true)) dirty_.push_back(session->id);
}

void Agents::perform(const sched::AckEnded& ack) {
  Session* session = find(ack.session);
  if (session == nullptr || session->connection == nullptr) return;
  set_attempt(ack.id, *session->out.add_ack_ended());
  if (!std::exchange(session->dirty, true)) dirty_.push_back(session->id);
}

void Agents::flush() {
  for (const SessionId id : std::exchange(dirty_, {})) {
    Session* session = find(id);
    if (session == nullptr) continue;
    session->dirty = false;
    session->out.set_session(raw(id));
    const std::string frame = session->out.SerializeAsString();
    session->out.Clear();
    session->out_bytes = 0;
    if (session->connection == nullptr || session->connection->send(frame)) continue;
    spdlog::warn("node {} takes no more messages: its session ends", session->node);
    on_close(id);
  }
}

void Agents::read_log(const std::string& node, const LogRead& read, OnPiece done) {
  const auto named = by_name_.find(node);
  Session* session = named == by_name_.end() ? nullptr : find(named->second);
  if (session == nullptr || !session->welcomed || session->connection == nullptr)
    return done(fail(gone(node)));
  if (session->log_requests.size() >= kLogRequestsMax)
    return done(
        fail(Errc::Unavailable, "too many logs of node " + node + " are being read", "try again"));
  proto::LogRequest* request = session->out.add_logs();
  request->set_request(next_request_);
  request->set_uid(read.owner.uid);
  request->set_gid(read.owner.gid);
  request->set_path(read.path);
  request->set_offset(read.offset);
  request->set_limit(read.limit);
  request->set_wait_ms(read.wait_ms);
  request->set_append(read.append);
  session->log_requests.emplace(next_request_++, std::move(done));
  if (!std::exchange(session->dirty, true)) dirty_.push_back(session->id);
  loop_.post([this] { flush(); });
}

void Agents::note(const std::string& engine, const AttemptId& statement, const std::string& text) {
  const auto named = by_name_.find(engine);
  Session* session = named == by_name_.end() ? nullptr : find(named->second);
  if (session == nullptr || !session->welcomed || session->connection == nullptr) return;
  proto::NoteOrder* order = session->out.add_notes();
  set_attempt(statement, *order->mutable_id());
  order->set_text(text);
  if (!std::exchange(session->dirty, true)) dirty_.push_back(session->id);
  loop_.post([this] { flush(); });
}

std::optional<AgentView> Agents::view(const std::string& node) const {
  const auto found = seen_.find(node);
  if (found == seen_.end()) return std::nullopt;
  return found->second;
}

std::map<std::pair<std::string, std::string>, Pollers> Agents::pollers() const {
  std::map<std::pair<std::string, std::string>, Pollers> sums;
  for (const auto& [name, view] : seen_)
    for (const auto& [kind, own] : view.pollers) {
      Pollers& sum = sums[{view.engine_type, kind}];  // of engines that are gone: 0
      if (!view.connected) continue;
      sum.threads += own.threads;
      sum.busy += own.busy;
      sum.items += own.items;
      sum.lag_ms = std::max(sum.lag_ms, own.lag_ms);
      sum.slowest_ms = std::max(sum.slowest_ms, own.slowest_ms);
    }
  return sums;
}

std::vector<std::string> Agents::hosts(std::size_t most) const {
  std::vector<std::string> names;
  for (const auto& [name, view] : seen_)
    if (view.connected && !name.starts_with("engine-") && names.size() < most)
      names.push_back(name);
  return names;
}

std::size_t Agents::connected() const {
  return std::size_t(std::count_if(seen_.begin(), seen_.end(), [](const auto& node) {
    return node.second.connected && !node.second.is_engine;
  }));
}

}  // namespace drover::server
