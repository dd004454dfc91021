// tests/unit/sched/fake_cluster.hpp - agents on virtual time that keep their side of the bargain.
// SPDX-License-Identifier: Apache-2.0
//
// And a network that loses, delays and doubles. The agents count the starts themselves: the proof
// does not rest on the controller's word.
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/prng.hpp"
#include "sched/controller.hpp"

namespace drover::sched {

// Virtual time in milliseconds; things at one moment happen in the order in which they were asked
// for.
class Clockwork {
 public:
  std::int64_t now_ms = 1;
  void in(std::int64_t delay_ms, std::function<void()> what) {
    queue_.emplace(std::pair(now_ms + delay_ms, next_++), std::move(what));
  }
  bool step() {
    if (queue_.empty()) return false;
    auto next = queue_.extract(queue_.begin());
    now_ms = next.key().first;
    next.mapped()();
    return true;
  }
  Now now() const { return {{1'000'000'000'000 + now_ms * 1000}, {50'000'000 + now_ms * 1000}}; }

 private:
  std::map<std::pair<std::int64_t, std::uint64_t>, std::function<void()>> queue_;
  std::uint64_t next_ = 0;
};

struct Faults {
  bool on = true;
  std::uint32_t disconnect = 0, reboot = 0, doubled = 0, late = 0;  // percent
};

// What all agents together know to be true.
struct Truth {
  std::map<AttemptId, int> starts;
  std::map<AttemptId, TaskEnded> ends;
  std::map<TaskId, int> alive;  // processes of a task at this moment
};

class Agent {
 public:
  using Send = std::function<void(Input)>;
  Agent(std::string name, std::uint16_t cores, Clockwork& clock, Prng& prng, Faults& faults,
        Truth& truth, std::uint64_t& sessions, Send send)
      : name_(std::move(name)),
        cores_(cores),
        clock_(clock),
        prng_(prng),
        faults_(faults),
        truth_(truth),
        sessions_(sessions),
        send_(std::move(send)) {}

  const std::string& name() const { return name_; }

  void connect() {
    const int line = ++line_;
    offered_ = SessionId{++sessions_};
    NodeUp up;
    up.spec.name = name_;
    up.spec.topology = rm::make_topology(1, 1, cores_, 1, 4000);
    up.boot_id = "boot" + std::to_string(boot_);
    up.session = offered_;
    for (const auto& [id, process] : table_)
      if (process.state != State::Ended)
        up.running.push_back({id, process.state == State::Running});
    clock_.in(delay(), [this, line, up] {
      if (line == line_) send_(up);
    });
  }

  // The connection breaks: what is on its way is lost, except for a few frames that come late.
  void disconnect(bool tell) {
    ++line_;
    const SessionId old = std::exchange(session_, SessionId{});
    offered_ = {};  // a welcome that comes late is for a connection that is gone
    if (tell && node_ != NodeId{0})
      clock_.in(delay(), [this, old] { send_(NodeDown{node_, old}); });
    clock_.in(5 + std::int64_t(prng_.below(300)), [this, line = line_] {
      if (line == line_) connect();
    });
  }

  void reboot() {
    ++boot_;
    for (auto& [id, process] : table_)
      if (process.state == State::Running) --truth_.alive[id.task];
    table_.clear();
    disconnect(true);
  }

  // Actions of the controller, as the server would send them.
  void take(const Action& action) {
    carry(to_agent_, [this, action] { obey(action); });
  }

 private:
  enum class State { Accepted, Running, Ended };
  struct Process {
    State state = State::Accepted;
    TaskEnded end;
    bool paused = false;
  };

  std::int64_t delay() { return 1 + std::int64_t(prng_.below(8)); }
  std::int64_t arrival(std::int64_t& last) {
    return last = std::max(last, clock_.now_ms + delay());
  }

  void obey(const Action& action) {
    if (const auto* welcome = std::get_if<Welcome>(&action)) {
      if (welcome->session != offered_) return;
      node_ = welcome->node;
      session_ = welcome->session;
      for (auto& [id, process] : table_)
        if (process.state == State::Ended) report(process.end);
    } else if (const auto* launch = std::get_if<Launch>(&action)) {
      if (launch->session != session_ || table_.contains(launch->id)) return;
      table_.emplace(launch->id, Process{});
      clock_.in(delay(), [this, id = launch->id, boot = boot_] { exec(id, boot); });
    } else if (const auto* kill = std::get_if<Kill>(&action)) {
      const auto found = table_.find(kill->id);
      if (kill->session != session_ || found == table_.end() || kill->signal != 0) return;
      if (found->second.state == State::Accepted) end(kill->id, boot_, EndCause::Killed, 0, true);
      if (found->second.state == State::Running)
        clock_.in(delay(), [this, id = kill->id, boot = boot_] {
          end(id, boot, EndCause::Killed, 0, false);
        });
    } else if (const auto* pause = std::get_if<Pause>(&action)) {
      const auto found = table_.find(pause->id);
      if (pause->session != session_ || found == table_.end()) return;
      if (found->second.state == State::Running) found->second.paused = pause->suspended;
    } else if (const auto* ack = std::get_if<AckEnded>(&action)) {
      const auto found = table_.find(ack->id);
      if (ack->session != session_ || found == table_.end()) return;
      EXPECT_EQ(found->second.state, State::Ended) << "an end was acknowledged before it happened";
      table_.erase(found);
    }
  }

  void exec(const AttemptId& id, int boot) {
    const auto found = table_.find(id);
    if (boot != boot_ || found == table_.end() || found->second.state != State::Accepted) return;
    if (prng_.chance(3)) return end(id, boot, EndCause::LaunchFailed, 0, true);
    EXPECT_EQ(++truth_.starts[id], 1) << "an attempt started twice";
    EXPECT_EQ(++truth_.alive[id.task], 1) << "two attempts of a task run at the same time";
    found->second.state = State::Running;
    send_later(TaskStarted{node_, session_, id, clock_.now().wall});
    static constexpr EndCause kBad[] = {EndCause::Exited, EndCause::Signalled, EndCause::TimeLimit,
                                        EndCause::OutOfMemory, EndCause::Unknown};
    const bool good = prng_.chance(80);
    const EndCause cause = good ? EndCause::Exited : kBad[prng_.below(5)];
    const int code = !good && cause == EndCause::Exited ? 1 + int(prng_.below(9)) : 0;
    clock_.in(1 + std::int64_t(prng_.below(150)),
              [this, id, boot, cause, code] { run_out(id, boot, cause, code); });
  }

  // The process is done, unless it stands still: then it asks again a little later.
  void run_out(const AttemptId& id, int boot, EndCause cause, int code) {
    const auto found = table_.find(id);
    if (boot != boot_ || found == table_.end()) return;
    if (!found->second.paused) return end(id, boot, cause, code, false);
    clock_.in(20, [this, id, boot, cause, code] { run_out(id, boot, cause, code); });
  }

  void end(const AttemptId& id, int boot, EndCause cause, int code, bool never_started) {
    const auto found = table_.find(id);
    if (boot != boot_ || found == table_.end() || found->second.state == State::Ended) return;
    if (found->second.state == State::Running) --truth_.alive[id.task];
    TaskEnded& end = found->second.end;
    found->second.state = State::Ended;
    end.id = id;
    end.cause = cause;
    end.exit_code = code;
    end.never_started = never_started;
    end.ended = clock_.now().wall;
    if (!never_started) end.started = end.ended;
    truth_.ends[id] = end;
    report(end);
  }

  void report(TaskEnded end) {
    end.node = node_;
    end.session = session_;
    send_later(end);
    if (faults_.on && prng_.chance(faults_.doubled)) send_later(end);
  }

  void send_later(Input input) {
    if (raw(session_) == 0) return;  // said again after the next registration
    carry(to_controller_, [this, input = std::move(input)] { send_(input); });
  }

  // In order while the connection stands. A frame of a broken one is lost, or comes much later.
  void carry(std::int64_t& last, std::function<void()> deliver) {
    const bool late = faults_.on && prng_.chance(faults_.late);
    const std::int64_t lag = std::int64_t(prng_.below(400));
    const std::int64_t at = arrival(last);
    clock_.in(at - clock_.now_ms, [this, deliver = std::move(deliver), line = line_, late, lag] {
      if (line == line_)
        deliver();
      else if (late)
        clock_.in(lag, deliver);
    });
  }

  std::string name_;
  std::uint16_t cores_;
  Clockwork& clock_;
  Prng& prng_;
  Faults& faults_;
  Truth& truth_;
  std::uint64_t& sessions_;
  Send send_;
  int line_ = 0, boot_ = 0;
  NodeId node_{};
  SessionId session_{}, offered_{};
  std::int64_t to_agent_ = 0, to_controller_ = 0;
  std::map<AttemptId, Process> table_;
};

}  // namespace drover::sched
