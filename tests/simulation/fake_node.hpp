// tests/simulation/fake_node.hpp - one node: an agent that may restart, a supd that survives it,
// processes.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/prng.hpp"
#include "sched/controller.hpp"

namespace drover::simulation {

// What the world has to do for the node; times are relative.
struct NodeWorld {
  std::function<void(sched::Input)> send;  // to the controller, over the session
  std::function<void(Duration, std::function<void()>)> later;  // dropped when the node reboots
  std::function<Now()> now;
  Prng* prng = nullptr;
};

// Follows the rules that supd and the agent follow: refuses foreign sessions and known attempts,
// remembers kills of attempts it has not seen, repeats ends until they are acknowledged.
class FakeNode {
 public:
  FakeNode(std::uint32_t number, rm::NodeSpec spec, NodeWorld world);

  // ---- the connection
  sched::NodeUp hello(SessionId session);  // the agent registers under a new session
  void on_welcome(NodeId id, SessionId session);
  void disconnect();  // agent restart or broken connection: supd is untouched
  void reboot();      // every process dies, nothing is remembered
  // The same boot, but supd lost its journal and these processes: nobody will report their end.
  void forget(const std::function<bool(const AttemptId&)>& which);

  // ---- orders; each may arrive twice, late, or under an old session
  void on_launch(const sched::Launch& launch);
  void on_kill(const sched::Kill& kill);
  void on_pause(const sched::Pause& pause);
  void on_ack(const sched::AckEnded& ack);
  void repeat_ends();

  const rm::NodeSpec& spec() const { return spec_; }
  std::optional<SessionId> session() const { return session_; }
  std::uint64_t boots() const { return boots_; }
  bool is_idle() const { return attempts_.empty(); }
  std::size_t running() const;
  // Attempts whose process runs now.
  void visit_running(const std::function<void(const AttemptId&)>& each) const;
  // How the process of this attempt ended, whoever heard of it; null when it did not end here.
  const sched::TaskEnded* end_of(const AttemptId& id) const;
  const std::vector<std::string>& violations() const { return violations_; }
  // How the process of an attempt ends: fixed by its identity, so that records can be checked.
  static std::int32_t exit_code_of(const AttemptId& id);

 private:
  struct Attempt {
    bool started = false, killed = false, paused = false;
    std::optional<sched::TaskEnded> end;
  };
  void begin(const AttemptId& id);
  void run_out(const AttemptId& id);
  void end(const AttemptId& id, sched::EndCause cause, bool never_started);
  void report(const sched::TaskEnded& end);

  std::uint32_t number_;
  rm::NodeSpec spec_;
  NodeWorld world_;
  NodeId id_{};
  std::optional<SessionId> session_;
  std::uint64_t boots_ = 1;
  std::map<AttemptId, Attempt> attempts_;        // supd's table, until acknowledged
  std::map<AttemptId, std::uint32_t> starts_;    // evidence: survives everything
  std::map<AttemptId, sched::TaskEnded> ended_;  // likewise
  std::vector<std::string> violations_;
};

}  // namespace drover::simulation
