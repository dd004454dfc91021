// tests/simulation/world.hpp - a cluster in one thread and no real time. A seed is a whole history.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/prng.hpp"
#include "dag/plan_cache.hpp"
#include "sched/controller.hpp"
#include "tests/simulation/fake_node.hpp"
#include "tests/simulation/fake_store.hpp"

namespace drover::simulation {

// Which kinds of trouble this history has; drawn from the seed, so that some runs have only one
// kind.
struct Faults {
  bool controller_crashes = false, broken_sessions = false, doubled = false, reboots = false;
  bool commands = false, arrays = false, dependencies = false, drains = false, amnesia = false;
  bool reservations = false, retries = false, sole_users = false, licences = false;
};

class World {
 public:
  explicit World(std::uint64_t seed);
  // Runs until everything has ended; answers what was violated, empty when nothing was.
  std::vector<std::string> run();
  std::string history() const { return history_; }
  std::uint64_t steps() const { return steps_; }
  const Faults& faults() const { return faults_; }
  std::uint64_t launched_inside() const { return inside_; }  // in reservations
  std::uint64_t launched_licensed() const { return licensed_; }

 private:
  struct Waiting {  // a turn's output between decision and commit
    sched::TurnOutput output;
    std::uint64_t life = 0;
  };

  // ---- time
  void later(Duration after, std::function<void()> what);
  Now now() const { return {Time{kEpochUs + now_us_}, Time{now_us_}}; }

  // ---- the controller's shell: turn, commit, release
  void give(sched::Input input);
  void turn();
  void set_timer();
  void start_commit();
  void commit_done();
  void release(const sched::TurnOutput& output);
  void act(const sched::Action& action);
  void crash_controller();

  // ---- users
  void submit_some();
  std::shared_ptr<const sched::JobSpec> random_spec();
  void follow_some(sched::JobSpec& spec);
  void command_some();
  void reserve_some();  // world_reservations.cpp
  void end_reservations();
  void check_launches(const sched::TurnOutput& output);
  void check_launch(const sched::Launch& launch, const sched::JobSpec& spec);
  bool is_drawn(const sched::Reservation& reservation, const sched::Span& span, Time from,
                Time until, const sched::JobSpec& spec) const;
  void check_licences(const std::string& name, const sched::Reservation& reservation,
                      const sched::Span& span, Time from, Time until, const sched::JobSpec& spec);
  static rm::Amounts asked(const sched::JobSpec& spec);

  // ---- nodes and their connections
  FakeNode& add_node(std::uint32_t number);
  std::uint32_t node_of(SessionId session) const;
  void to_node(SessionId session, std::function<void(FakeNode&)> deliver);
  void to_controller(std::uint32_t node, sched::Input input);
  void connect(std::uint32_t node);
  void break_session(std::uint32_t node);
  void forget_attempts(std::uint32_t node);
  void trouble();

  // ---- the truth
  void check_step();
  void check_running();
  void check_end();
  void check_counterparts(TaskId task);
  void check_neighbours(const FakeNode& node);
  void check_outcome(const sched::TaskRecord& task);
  void note(const std::string& line);

  static constexpr std::int64_t kEpochUs = 1'700'000'000'000'000;

  Prng prng_;
  Faults faults_;
  sched::ControllerConfig config_;
  FakeStore store_;
  dag::PlanCache plans_;
  std::optional<sched::Controller> controller_;
  std::uint64_t life_ = 1;  // grows with each controller crash; old promises are void
  std::vector<Waiting> waiting_;
  bool committing_ = false;

  std::map<std::pair<std::int64_t, std::uint64_t>, std::function<void()>> queue_;
  std::int64_t now_us_ = 0, timer_us_ = 0;
  std::uint64_t sequence_ = 0, steps_ = 0;

  std::vector<std::unique_ptr<FakeNode>> nodes_;
  std::vector<std::uint64_t> node_life_;  // grows with each reboot
  std::map<SessionId, std::uint32_t> sessions_;
  std::map<SessionId, std::int64_t> last_to_node_, last_to_controller_;  // a stream keeps its order
  std::uint64_t next_session_ = 1;

  std::uint32_t to_submit_ = 40, submitted_ = 0;
  std::set<ReplyToken> asked_;
  std::set<Epoch> decided_;     // launches that were looked at
  std::uint64_t inside_ = 0;    // launches in a reservation
  std::uint64_t drawn_ = 0;     // by a magnetic one, or could have been
  std::uint64_t licensed_ = 0;  // and with licences of which one has some
  std::vector<JobId> acknowledged_;
  std::set<JobId> cancels_;              // somebody asked for it
  std::map<Epoch, AttemptId> launched_;  // an epoch means one attempt, for ever
  std::uint64_t next_token_ = 1;
  bool calm_ = false;  // no more trouble: everything has to end now
  std::vector<std::string> violations_;
  std::string history_;
};

}  // namespace drover::simulation
