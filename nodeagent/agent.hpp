// nodeagent/agent.hpp - drover-agent's two connections and what passes between them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/prng.hpp"
#include "net/frame.hpp"
#include "net/loop.hpp"
#include "net/socket.hpp"
#include "nodeagent/attempt_table.hpp"
#include "nodeagent/engine_links.hpp"
#include "nodeagent/engine_token.hpp"
#include "nodeagent/launch_builder.hpp"
#include "nodeagent/log_reader.hpp"
#include "nodeagent/paths.hpp"
#include "nodeagent/scripts.hpp"
#include "nodeagent/topology.hpp"

namespace drover::proto {
class AgentMessage;
class ControllerMessage;
class LogRequest;
}  // namespace drover::proto

namespace drover::nodeagent {

struct AgentOptions {
  NodePaths paths;
  std::string name;
  std::map<std::string, std::string> labels;
  std::map<std::string, std::int64_t> resources;  // custom ones
  TopologyOptions topology;
  Duration look_every = seconds(15);  // at what running attempts use
};

// Loop thread only. Registers with the controller once supd has told what runs; both connections
// are dialled again for ever, with growing, jittered pauses. Reports gather and leave once per loop
// round.
class Agent {
 public:
  // Errors: the topology options, the script directory, the engines' key or socket.
  static Result<std::unique_ptr<Agent>> make(net::Loop& loop, AgentOptions options);
  ~Agent();
  void start();

 private:
  Agent(net::Loop& loop, AgentOptions options, NodeTopology topology, Scripts scripts,
        EngineKey key);

  void dial_supd();
  void dial_controller();
  void on_supd(std::unique_ptr<net::FrameConnection> connection);
  void on_supd_lost(const Error& why);
  void on_supd_frame(std::string_view payload);
  void on_supd_message(MessageKind kind, std::string_view body);
  void on_controller(std::unique_ptr<net::FrameConnection> connection);
  void on_controller_lost(const Error& why);
  void on_controller_frame(std::string_view bytes);
  void on_launches(const proto::ControllerMessage& message);
  void on_log_request(const proto::LogRequest& request);
  void send_hello();
  void send_health();
  void send_loads();
  void flush();
  void sweep_scripts();
  std::set<JobId> running_jobs() const;
  Duration pause(int& failures);

  net::Loop& loop_;
  AgentOptions options_;
  NodeTopology topology_;
  std::string boot_id_;
  Scripts scripts_;
  const EngineKey engine_key_;
  LaunchBuilder builder_;
  AttemptTable table_;
  LogReader logs_;
  Accounts accounts_;  // for log reads
  std::unique_ptr<EngineLinks> engines_;
  std::map<std::string, std::string> supd_facts_;
  std::int32_t supd_pid_ = 0;
  net::Fd lock_;  // one agent serves a data directory
  std::unique_ptr<net::FrameConnection> supd_, controller_;
  net::Timer redial_supd_, redial_controller_, health_, repeat_, look_;
  int supd_failures_ = 0, controller_failures_ = 0;
  Prng jitter_;
  std::unique_ptr<proto::AgentMessage> report_;       // gathers log pieces and health; reused
  std::unique_ptr<proto::ControllerMessage> orders_;  // reused for parsing
};

}  // namespace drover::nodeagent
