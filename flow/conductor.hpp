// flow/conductor.hpp - runs the open workflows: their steps become jobs of the controller.
// SPDX-License-Identifier: Apache-2.0
//
// Part of the turn: what a job's end means for its workflow, and the jobs that follow from it, are
// decided and committed with that end. A function of its inputs and of what its ports answer.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "dag/run.hpp"
#include "flow/inputs.hpp"
#include "flow/rate_book.hpp"
#include "flow/records.hpp"
#include "sched/controller.hpp"

namespace drover::flow {

struct Limits {
  std::uint64_t open_max = 100'000;          // workflows
  std::uint64_t open_per_user_max = 10'000;  // of them
  // More that is to be done at once is done in the turns that follow, so that none takes long.
  std::uint32_t starts_per_turn = 64;
};

struct Ports {
  // A step's job through the entrance; its errors end the step.
  std::function<Result<sched::Submit>(const Owner&, const std::string& user,
                                      const std::string& json, Time now)>
      prepare;
  std::function<std::optional<CacheEntry>(std::uint32_t uid, const std::string& key)> find_cached;
  // The elements of an ended array that have not succeeded, as an index set; empty = all.
  std::function<std::string(JobId)> unsuccessful;
};

class Conductor {
 public:
  Conductor(sched::Controller& controller, Ports ports, Limits limits = {});
  ~Conductor();

  // ---- recovery, after the controller's. `ended`: jobs that the facts say run and that have ended
  // in the store; the first follow() acts on them.
  Result<void> restore(const WorkflowRecord& record, const WorkflowSource& source,
                       const std::vector<dag::Fact>& facts, Now now);
  // Jobs of open parts that the controller does not know: they ended before the restart.
  std::vector<JobId> lost_sight_of() const;
  void job_ended(const sched::JobRecord& job, Now now);

  // ---- a turn: any apply() and follow(), then one collect()
  // The answer leaves when the turn's commit is durable. Errors change nothing.
  Result<sched::Done> apply(Input input, Now now);
  // After the controller's finish(): acts on the ends in `output`. True: it has given the
  // controller something to do, so that finish() is to be called again.
  // What is too much for one turn is left to those that follow: next_timer() is due at once then.
  bool follow(const sched::TurnOutput& output, Now now);
  Changes collect();
  std::optional<Time> next_timer(Now now) const;  // mono

  // ---- reading (same thread)
  const dag::Run* find(JobId workflow) const;  // open ones
  std::size_t open() const { return open_.size(); }

 private:
  struct Live;
  struct Place {  // whose part a job is
    JobId workflow{};
    std::uint32_t part = 0;
    std::vector<std::uint32_t> elements;  // or the part that each of its elements is
    std::uint32_t left = 0;               // of them, that have not ended
  };

  Result<sched::Done> start(SubmitWorkflow in, Now now);
  Result<sched::Done> command(const CommandWorkflow& in, Now now);
  Result<sched::Done> cancel_step(Live& live, const std::string& name, Now now);
  Result<sched::Done> set_values(const SetValues& in, Now now);
  Result<sched::Done> add_steps(const AddSteps& in, Now now);
  Result<sched::Done> reopen(const ReopenWorkflow& in, Now now);
  Result<Live*> owned(JobId id, const sched::Actor& actor);
  Result<Live*> fed_by(JobId id, const sched::Actor& actor);
  Live& insert(WorkflowRecord record, dag::Run run);
  void reuse(Live& live, const SubmitWorkflow& in, Now now);
  void drive(Live& live, Now now);
  void drive_those_behind(Now now);
  Time steady(Now now);
  bool begin(Live& live, std::uint32_t part, Now now);
  bool begin_array(Live& live, std::uint32_t part, Now now);
  void note_started(Live& live, std::uint32_t part, JobId job, std::string element, Now now);
  Result<std::unique_ptr<dag::Run>> longer_run(const Live& live, dag::Workflow longer,
                                               Now now) const;
  void stop(Live& live, std::uint32_t part, Now now);
  bool take_values(Live& live, std::uint32_t part, const Values& values, Now now);
  bool answer_from_cache(Live& live, std::uint32_t part, Now now);
  static void compare_replay(const Live& live, dag::Fact& fact);
  void end_part(Live& live, std::uint32_t part, dag::Mark mark, std::string why, std::string detail,
                Now now, JobId job = {});
  struct End {  // of a part's job
    JobId job{};
    dag::Mark mark{};
    std::int32_t exit_code = 0;
    sched::Reason reason{};
    std::string detail;
  };
  void part_ended(Live& live, std::uint32_t part, const End& end, Now now);
  void note(Live& live, dag::Fact fact, Now now);
  void touch(Live& live);
  static std::string rate_key_of(const WorkflowRecord& record, const dag::Step& step);
  void close(Live& live, Now now);
  void element_ended(const sched::TaskRecord& task, Now now);
  void race_won(const sched::TaskRecord& task, Now now);
  void keep_result(Live& live, std::uint32_t part, Now now);
  void rearm(Live& live);

  sched::Controller& controller_;
  Ports ports_;
  Limits limits_;
  std::map<JobId, std::unique_ptr<Live>> open_;
  std::map<std::uint32_t, std::uint64_t> open_of_;  // by uid
  std::unordered_map<JobId, Place> parts_;          // by their open jobs
  std::set<JobId> races_;                           // arrays of which the first success is enough
  std::uint64_t arrays_ = 0;                        // places with elements
  std::set<std::pair<Time, JobId>> timers_;         // steady
  std::set<JobId> dirty_;
  std::set<JobId> behind_;  // have something to do in the next turn
  JobId served_{};          // the last of those, so that each has its turn
  std::int64_t effort_left_;
  std::optional<Now> began_;               // the first moment that was heard of
  std::map<JobId, std::uint64_t> closed_;  // lately: how many facts they then had
  std::deque<JobId> closed_order_;
  RateBook rates_;
  Changes changes_;
  bool has_acted_ = false;
};

}  // namespace drover::flow
