// server/agents.hpp - sessions of node agents: reports in, orders out, logs on request.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "metrics/metrics.hpp"
#include "net/frame.hpp"
#include "sched/messages.hpp"
#include "server/auth.hpp"
#include "server/launch_order.hpp"
#include "server/live_use.hpp"
#include "server/spec_cache.hpp"
#include "server/turn.hpp"

namespace drover::proto {
class AgentMessage;
class Health;
class Progress;
}  // namespace drover::proto

namespace drover::server {

struct LogRead {
  Owner owner;              // read with this identity
  std::string path;         // computed by the server, never the client's
  std::int64_t offset = 0;  // negative: from the end
  std::uint32_t limit = 0;
  std::uint32_t wait_ms = 0;
  std::string append = {};  // not empty: these lines are added, and nothing is read
};
struct LogPiece {
  std::string data;
  std::int64_t offset = 0, size = 0;
  bool not_found = false;
};

struct Progress {  // of a statement that runs
  std::int32_t thousandths = 0;
  std::int64_t done = 0, total = 0;  // 0 = not known
  std::string text;
};

struct Pollers {  // of an adapter engine, or of all of one type
  std::uint64_t threads = 0, busy = 0, items = 0;
  std::uint64_t polls = 0, errors = 0;  // since the engine's start
  std::int64_t lag_ms = 0, slowest_ms = 0;
  std::string slowest = {};  // of one engine: what answers slowest
};

struct AgentView {
  bool is_engine = false;
  std::string engine_type;
  std::map<std::string, Pollers> pollers;  // by kind
  bool connected = false;
  std::string boot_id, version;
  std::map<std::string, std::string> capabilities;
  double load1 = 0;
  Time heard;  // wall
  Time since;  // wall: its first registration here in this life of its machine, or engine
};

// Loop thread. One session per connection; the newest registration of a name wins.
class Agents {
 public:
  Agents(net::Loop& loop, Turn& turn, SpecCache& specs, Users& users, metrics::Metrics& metrics,
         std::uint32_t daemon_uid, std::int64_t kill_grace_s);
  ~Agents();

  Result<void> listen(const std::string& path);
  void set_kill_grace(std::int64_t seconds) { kill_grace_s_ = seconds; }
  void set_statement_limits(const StatementLimits& limits) { statement_limits_ = limits; }

  // Actions of durable turns; CompileJob is not for agents. flush() sends one frame per agent.
  void perform(const sched::Launch& launch);
  void perform(const sched::Kill& kill);
  void perform(const sched::Pause& pause);
  void perform(const sched::Relimit& relimit);
  void perform(const sched::AckEnded& ack);
  void perform(const sched::Welcome& welcome);
  void perform(const sched::TurnAway& turned);
  void flush();

  using OnPiece = std::function<void(const Result<LogPiece>&)>;
  // Unavailable when the node's agent is not connected, or goes before it answers.
  void read_log(const std::string& node, const LogRead& read, OnPiece done);

  // A line for the log of a statement that runs; lost when its engine is out of contact.
  void note(const std::string& engine, const AttemptId& statement, const std::string& text);
  // Which statement an engine's job runs, if it is one alone.
  void set_alone_on(std::function<JobId(JobId)> alone_on) { alone_on_ = std::move(alone_on); }

  // Of jobs that have ended, however they did.
  void forget_progress(JobId job) { progress_.erase(job); }
  bool has_progress() const { return !progress_.empty(); }
  LiveUse& use() { return use_; }
  const LiveUse& use() const { return use_; }
  const Progress* progress(JobId statement) const;  // null: nothing is known
  std::optional<AgentView> view(const std::string& node) const;
  std::size_t connected() const;
  // Those of all connected engines together, by type of engine and kind of poller.
  std::map<std::pair<std::string, std::string>, Pollers> pollers() const;
  // Connected ones that are no engines, by name, at most `most`.
  std::vector<std::string> hosts(std::size_t most) const;

 private:
  struct Session;
  void on_connection(std::unique_ptr<net::FrameConnection> connection);
  void on_frame(SessionId id, std::string_view frame);
  void on_close(SessionId id);
  void on_hello(Session& session, const proto::AgentMessage& message);
  void on_reports(Session& session, const proto::AgentMessage& message);
  void on_progress(const proto::Progress& report);
  void on_pollers(AgentView& view, const proto::Health& health);
  void refuse(Session& session, const std::string& why);
  void drop(SessionId id);
  Session* find(SessionId id);

  net::Loop& loop_;
  Turn& turn_;
  SpecCache& specs_;
  Users& users_;
  metrics::Metrics& metrics_;
  std::uint32_t daemon_uid_;
  std::int64_t kill_grace_s_;
  StatementLimits statement_limits_;
  std::unique_ptr<net::FrameListener> listener_;
  std::map<SessionId, std::unique_ptr<Session>> sessions_;
  std::map<std::string, SessionId> by_name_;
  std::map<JobId, Progress> progress_;
  LiveUse use_;
  std::function<JobId(JobId)> alone_on_;
  std::map<std::string, AgentView> seen_;  // by node; bounded by registered nodes
  std::vector<SessionId> dirty_;           // have something to send
  std::uint64_t next_session_, next_request_ = 1;
};

}  // namespace drover::server
