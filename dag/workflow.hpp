// dag/workflow.hpp - a workflow as its author wrote it: steps, who needs whom, and how each runs.
// SPDX-License-Identifier: Apache-2.0
//
// The result of reading a document (dag/read_workflow.hpp): every name is known, every type right,
// sub-workflows are unfolded, and the needs have no circle. Job fields stay JSON text with
// variables in it, since what a step asks for is whatever a job may ask for (POST /api/v1/jobs).
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "dag/plan.hpp"
#include "dag/strategy.hpp"

namespace drover::dag {

inline constexpr std::uint32_t kNoStep = UINT32_MAX;

struct Need {
  std::uint32_t step = kNoStep;  // position in Workflow::steps
  When when = When::Ok;
  bool element_wise = false;  // element i waits for element i of that step
  friend bool operator==(const Need&, const Need&) = default;
};

// One run of the step for each item; they become the elements of one array.
struct Foreach {
  enum class Source : std::uint8_t {
    None,
    Items,   // known when the workflow is submitted: a list, a range, files
    Result,  // `result` names a value of an earlier step: known when that has ended
    Needed,  // those of the step that it needs element by element
  };
  Source source{};
  std::vector<std::string> items;
  std::string result;            // "steps.list.values.files": a JSON list, or one item per line
  std::uint32_t limit = 10'000;  // more items are refused
  std::uint32_t throttle = 0;    // at most so many at once; 0 = no limit
};

struct
    RateRule {  // at most `starts` in every `interval`, over all workflows of a user with the key
  std::uint32_t starts = 0;  // 0 = no rule
  Duration interval{};
  std::string key;  // empty = the step's own
};

struct CacheRule {
  bool is_on = false;
  std::string key;  // text with variables; empty = all that the step's job says
  Duration keep = seconds(std::int64_t(30) * 86'400);
};

struct Recording;              // dag/recording.hpp
struct Replay {                // runs what an earlier workflow ran, and compares the values it set
  std::uint64_t workflow = 0;  // its id; 0 = no replay
  std::string step;
  std::shared_ptr<const Recording> recorded;  // none where the store was not asked
};

// What a step runs.
enum class StepKind : std::uint8_t {
  Job,    // a script, a command, or code: Step::job
  Group,  // the steps whose `parent` it is, under a strategy; or a sub-workflow
};

struct Step {
  std::string name;  // unique; of a sub-workflow's: "outer.inner"
  std::uint32_t line = 0;
  StepKind kind{};
  std::uint32_t parent = kNoStep;  // the group that it belongs to
  std::vector<Need> needs;         // each step once, ascending
  Join join = Join::All;
  std::string job;     // a JSON object; of a group: of its summarising step, or empty
  std::string engine;  // of code for an engine: the word for that, or for its language; else empty
  std::string undo;    // of a transaction's member: a JSON object, what makes up for it; or empty
  Foreach foreach;
  Strategy strategy = Strategy::Single;
  std::vector<std::string> targets;  // JSON objects laid over `job`, one for each place to run at
  bool may_degrade = false;          // with one target left it runs as `single`
  Duration late_after{};  // active-standby: the next is started then; 0 = on failure only
  RateRule rate;
  CacheRule cache;
  Replay replay;
  bool is_final = false;  // runs when all others have ended, whatever became of them
  bool may_fuse = false;
  std::uint32_t weight = 1;  // of the progress, and of the longest path
};

enum class ParamType : std::uint8_t { Text, Integer, Number, Flag, List };
struct Param {
  std::string name;
  ParamType type{};
  std::optional<std::string> value;  // given, or the default; a list as JSON; none: must be given
  std::vector<std::string> choices;  // empty = any
  std::string help;
  std::uint32_t line = 0;
};

// What happens when a step has failed that nobody made provision for.
enum class OnFailure : std::uint8_t {
  Continue,  // what does not need it goes on
  Stop,      // what runs is cancelled, what waits is not started
};

// What the document says of the optimizer's rules (dag/compile.hpp); one that it does not name is
// on or off as it would be without the document.
struct RuleWords {
  std::optional<bool> fuse = {}, drop_implied = {}, critical_path = {}, prune = {}, group = {};
};

struct Workflow {
  std::string name;
  std::string description;
  std::map<std::string, Param> params;
  std::map<std::string, std::string> variables;  // custom ones, before substitution
  std::string defaults;                          // a JSON object under every step's `job`
  std::vector<Step> steps;                       // in the order of the document
  std::uint32_t max_parallel = 0;                // steps at once; 0 = no limit
  OnFailure on_failure{};
  RuleWords rules;

  std::optional<std::uint32_t> find(std::string_view step) const;  // position; O(log n)
  std::map<std::string, std::uint32_t, std::less<>> by_name;
};

inline constexpr std::size_t kWorkflowStepsMax = 100'000;
inline constexpr std::size_t kWorkflowItemsMax = 4'000'000;   // of foreach, all steps together
inline constexpr std::size_t kWorkflowBytesMax = 256u << 20;  // of jobs with their scripts

// Fields of one job over those of another, both JSON objects or empty: what `above` says counts,
// and objects in both (env, labels) are joined in the same way.
std::string laid_over(const std::string& below, const std::string& above);

}  // namespace drover::dag
