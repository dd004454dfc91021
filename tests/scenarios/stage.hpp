// tests/scenarios/stage.hpp - plays a scenario to a controller on virtual time.
// SPDX-License-Identifier: Apache-2.0
//
// At each moment: first what ends, then the lines in their order, then one pass; starting takes no
// time. The looks (why, state) come after the pass.
#pragma once
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/scenarios/scenario.hpp"
#include "tests/unit/sched/desk.hpp"

namespace drover::sched {

class Stage {
 public:
  Stage(std::string file, const Scenario& scenario);
  void play();

 private:
  struct Actor {  // a job that was accepted
    std::string name;
    Duration run, limit;
    std::int32_t exit_code = 0;
    std::vector<Duration> starts;
    Duration leaves{};  // so long after it was told to; 0 = it does not
  };

  void play_moment();
  void act(const TimedLine& line);
  void submit(const TimedLine& line);
  void reserve(const TimedLine& line);
  void settle();  // passes until nothing starts or is killed any more
  void on_kill(const Kill& kill);
  void on_pause(const Pause& pause);
  void begin_attempt(const Launch& launch);
  void end_attempt(const Launch& launch, EndCause cause, std::int32_t exit_code);
  void look(const TimedLine& line);
  void compare_starts();
  std::optional<Duration> next_moment() const;
  JobId job_of(const TimedLine& line);
  void blame(int line, const std::string& what) const;
  Duration elapsed() const { return desk_.now.mono - begin_; }

  std::string file_;
  const Scenario& scenario_;
  Desk desk_;
  Time begin_;
  std::map<std::string, JobId> ids_;
  std::map<JobId, Actor> actors_;
  std::set<std::pair<Duration, Epoch>> ends_;
  std::map<Epoch, Launch> running_;
  std::map<Epoch, Duration> left_;  // of what stands still
  std::set<Epoch> leaving_;
  std::size_t next_line_ = 0;
  std::size_t launches_seen_ = 0, kills_seen_ = 0, pauses_seen_ = 0;
};

}  // namespace drover::sched
