// nodeagent/engine_link.hpp - one engine as a node of the controller's.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/prng.hpp"
#include "net/frame.hpp"
#include "net/loop.hpp"
#include "nodeagent/accounts.hpp"
#include "nodeagent/engine_lines.hpp"
#include "nodeagent/engine_table.hpp"
#include "nodeagent/engine_token.hpp"
#include "nodeagent/last_output.hpp"
#include "nodeagent/line_connection.hpp"
#include "nodeagent/log_reader.hpp"

namespace drover::proto {
class AgentMessage;
class ControllerMessage;
}  // namespace drover::proto

namespace drover::nodeagent {

// What all engines of a node share; outlives the links.
struct EngineHostParts {
  net::Loop& loop;
  LogReader& logs;
  Accounts& accounts;
  std::string node, agent_socket, boot_id;
};

// Loop thread only. Registers with the controller under the engine's name once the engine is there,
// and again for ever after a loss. While the engine's connection is away the session stays: what
// comes meanwhile waits in the table.
class EngineLink {
 public:
  using Changed = std::function<void()>;  // there is something to flush()
  EngineLink(EngineHostParts& parts, EngineLineReader& reader, EngineClaims claims,
             Changed changed);
  ~EngineLink();

  // The engine connected, with a token of these claims. Replaces an older connection.
  void take(std::unique_ptr<LineConnection> engine, const EngineHello& hello);
  void flush();  // once per loop round
  // When the engine was heard last (while its connection is away: when it went).
  std::int64_t heard_us() const;
  bool has_engine() const { return engine_ != nullptr; }
  void lose_engine(const std::string& why);
  void repeat_ends();
  const EngineClaims& claims() const { return claims_; }

 private:
  void on_engine_line(std::string_view line);
  void hold_output(const EngineOutput& told);
  void dial();
  void dial_later();
  void on_controller(std::unique_ptr<net::FrameConnection> connection);
  void on_controller_lost(const Error& why);
  void on_controller_frame(std::string_view bytes);
  void on_orders(const proto::ControllerMessage& message, SessionId session);
  void send_hello();
  void send_report();
  void send_health(const EngineHealth& health);

  EngineHostParts& parts_;
  EngineLineReader& reader_;
  EngineClaims claims_;
  Changed changed_;
  EngineHello hello_;
  std::uint64_t launched_ = 0;  // of the table when that came
  EngineTable table_;
  LastOutput last_output_;
  std::unique_ptr<LineConnection> engine_;
  std::unique_ptr<net::FrameConnection> controller_;
  std::unique_ptr<proto::AgentMessage> report_;  // gathers log pieces and health
  net::Timer redial_;
  Prng jitter_;
  int failures_ = 0;
  std::int64_t told_running_ = -1, told_us_ = 0;                // of its health
  std::int64_t lost_us_ = 0;                                    // when the engine's connection went
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for callbacks that outlive us
};

}  // namespace drover::nodeagent
