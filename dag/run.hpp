// dag/run.hpp - one workflow while it runs: what has happened, and what is to be done next.
// SPDX-License-Identifier: Apache-2.0
//
// Facts are the only thing that changes it, and equal facts in equal order give equal runs: so a
// run is as it was after a restart once its facts have been applied again. What follows from the
// facts comes out of next(), one order at a time: a further fact, a job to start, a job to stop.
// The caller carries it out and says so by a fact.
#pragma once
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "dag/execution.hpp"
#include "dag/fact.hpp"
#include "dag/variables.hpp"
#include "dag/workflow.hpp"
#include "dag/workflow_plan.hpp"

namespace drover::dag {

inline constexpr std::size_t kValuesMax = 1'000;             // of one step
inline constexpr std::size_t kValueBytesMax = 64 << 10;      // of one value
inline constexpr std::size_t kAllValuesBytesMax = 64 << 20;  // of a workflow

inline constexpr std::uint32_t kNoElement = UINT32_MAX;

// What has become of a part beyond its mark.
struct PartState {
  JobId job{};                         // the last one
  std::uint32_t element = kNoElement;  // that it is of the job, an array of several parts
  std::uint32_t starts = 0;
  bool is_open = false;    // its job has been submitted and has not ended
  bool stop_sent = false;  // since the start of this process
  std::int32_t exit_code = 0;
  Time started, ended;  // wall
  Time began;           // started, on the clock of those who ask next()
  std::string why;      // a word
  std::string detail;
  std::map<std::string, std::string> values;
  std::shared_ptr<const std::vector<std::string>> items;  // once they are known
  std::string subset;                                     // of the elements; empty = all
};

struct PartCounts {
  std::uint32_t total = 0, waiting = 0, ready = 0, running = 0, succeeded = 0, failed = 0,
                skipped = 0, cancelled = 0;
  std::uint64_t weight = 0, weight_done = 0;
};

class Run {
 public:
  struct Conclude {
    Fact fact;
  };  // follows from what is known; to be stored and applied
  struct Begin {
    std::uint32_t part;
  };  // to be started: a fact Started or Ended is the answer
  struct Stop {
    std::uint32_t part;
  };  // its job is to be cancelled
  using Order = std::variant<Conclude, Begin, Stop>;

  // `names`: parameters and custom variables, resolved.
  Run(JobId id, Workflow workflow, WorkflowPlan plan, Variables names);
  ~Run();
  Run(Run&&) noexcept;

  using Values = std::vector<std::pair<std::string, std::string>>;
  // Whether the part may set all of the values; Limit names what is too much.
  Result<void> can_hold(std::uint32_t part, const Values& values) const;
  // The part whose job a part runs in: itself, or the head of its fused chain.
  std::uint32_t head_of(std::uint32_t part) const {
    return head_of_.at(part) == kNoPart ? part : head_of_[part];
  }
  // Conflict for what cannot have happened, and nothing changes. O(1) per edge that it decides;
  // Added and Reopened O(workflow).
  Result<void> apply(const Fact& fact) { return apply(fact, fact.at); }
  // `steady` is the time of next() and its timers: wall time as it was when somebody began to ask,
  // and since then by a clock that nobody sets. Of facts from before, theirs is as good as any.
  Result<void> apply(const Fact& fact, Time steady);
  // The facts between these two have happened long ago, and nobody asks next(): steps that were
  // added are planned once, when the plan matters. Without, each Added costs O(workflow).
  void begin_history() { in_history_ = true; }
  Result<void> end_history();
  std::uint64_t plans_made() const { return plans_made_; }  // of its own, while facts were applied
  // The fact that comes next is Added with this text, which makes `longer` of the workflow: it is
  // not read and planned once more. `longer` is a run of that in which nothing has happened.
  void foresee_added(std::string text, std::unique_ptr<Run> longer);
  // What is to be done now, or nothing. Begin and Stop come once each.
  std::optional<Order> next(Time steady);
  // Parts that may start with this one, for which Begin has come, as elements of one array; in the
  // order in which they would come, at most so many.
  std::vector<std::uint32_t> mates_of(std::uint32_t part, std::size_t most) const;
  // The part that was to begin may not before `at`.
  void delay(std::uint32_t part, Time at);
  std::optional<Time> next_timer() const;  // steady; when next() has something by time alone
  // After a restart: nothing has begun later than now, even where the clock was set back meanwhile.
  void settle_clock(Time now);
  void set_id(JobId id) { id_ = id; }  // before the first fact

  bool is_closed() const { return closed_; }
  Mark outcome() const { return outcome_; }  // once closed
  bool is_paused() const { return paused_; }
  bool is_cancelled() const { return cancels_ > 0; }
  JobId id() const { return id_; }
  const Workflow& workflow() const { return workflow_; }
  const WorkflowPlan& plan() const { return plan_; }
  const Variables& names() const { return names_; }
  const PartState& part(std::uint32_t index) const { return parts_.at(index); }
  Mark mark(std::uint32_t part) const;
  Mark mark_of_step(std::uint32_t step) const;  // of a group: what became of all of it
  PartCounts counts() const;                    // O(1)
  // "steps.list.values.files", "steps.list.job", ".state", ".exit_code"; "workflow.id", ".name".
  // The values that elements of a step have set, "score[3]", are the JSON list "score".
  std::optional<std::string> lookup(std::string_view name) const;
  // The part of a step that speaks for it: the winner of several, the summary of a group.
  std::uint32_t voice_of(std::uint32_t step) const;
  std::vector<std::uint32_t> parts_of(std::uint32_t step) const;
  // Whether elements of the part wait for those of another one that still runs.
  bool waits_for_elements(std::uint32_t part) const;
  std::uint64_t next_fact() const { return facts_ + 1; }

 private:
  Result<void> change(const Fact& fact, Time steady);
  Result<void> started(const Fact& fact, Time steady);
  Result<void> late(const Fact& fact);
  Result<void> ended(const Fact& fact);
  Result<void> value_set(const Fact& fact);
  Result<void> expanded(const Fact& fact);
  Result<void> cancelled(const Fact& fact);
  Result<void> added(const Fact& fact);
  Result<void> plan_again();
  void reopened();
  void stop_all(bool final_too);
  void complete(std::uint32_t part, Mark mark);
  void follow(const Execution::Step& step);
  void count_end(std::uint32_t part, Mark mark);
  void count_left_out();
  void take_items(std::uint32_t part);
  void rebuild(const std::vector<std::pair<std::uint32_t, Mark>>& completed);
  void note_parts();
  void queue(std::uint32_t part);
  void wake_followers(std::uint32_t part);
  void watch_standby(std::uint32_t part, Time at);
  std::optional<Order> next_unwanted(Time now);
  std::optional<Order> next_late(Time now);
  std::optional<Order> next_start(Time now);
  std::optional<Order> prepare(std::uint32_t part, Time now);
  std::optional<Order> items_for(std::uint32_t part, Time now);
  std::optional<Order> gather(std::uint32_t part, Time now) const;
  Order end_of(std::uint32_t part, Mark mark, Time now, std::string why, std::string detail) const;
  Fact fact_of(FactKind kind, std::uint32_t part, Time now) const;
  const Step& step_of(std::uint32_t part) const { return workflow_.steps[plan_.parts[part].step]; }
  bool keeps_its_end(std::uint32_t part) const;

  JobId id_;
  Workflow workflow_;
  WorkflowPlan plan_;
  Variables names_;
  Execution execution_;
  std::vector<PartState> parts_;
  std::vector<std::vector<std::uint32_t>> parts_of_step_;
  std::vector<std::uint32_t> head_of_;                             // whose job a fused part runs in
  std::vector<std::pair<std::uint32_t, Mark>> completed_;          // in order
  std::set<std::pair<std::uint32_t, std::uint32_t>> ready_;        // position in the plan, part
  std::map<std::uint32_t, std::vector<std::uint32_t>> followers_;  // element by element, of a part
  std::set<std::pair<Time, std::uint32_t>> delayed_, standbys_;
  std::deque<std::uint32_t> unwanted_;
  std::string foreseen_text_;
  std::unique_ptr<Run> foreseen_;
  std::uint64_t facts_ = 0, plans_made_ = 0;
  std::size_t value_bytes_ = 0;
  std::uint32_t open_ = 0;
  PartCounts counts_;
  std::uint32_t cancels_ = 0;
  bool in_history_ = false, is_stale_ = false;  // stale: the plan lacks steps that were added
  bool paused_ = false, stopped_ = false, somebody_cancelled_ = false, closed_ = false;
  Mark outcome_{};
};

}  // namespace drover::dag
