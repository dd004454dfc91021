// dag/fact.hpp - what has happened in a workflow: stored, never changed, enough to know all of it.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "dag/execution.hpp"

namespace drover::dag {

inline constexpr std::uint32_t kNoPart = UINT32_MAX;

// The numbers are stored: new kinds go to the end.
enum class FactKind : std::uint8_t {
  Started,    // the part's job was submitted; `text`: the element of it that the part is, if any
  Ended,      // the part came to its end as `mark`
  ValueSet,   // its job said: `name` is `text`
  Expanded,   // its items are known: `text` is a JSON list of texts
  Late,       // a standby is started, since the one before it takes too long
  Added,      // `text` is a document with further steps
  Paused,     // nothing starts any more
  Resumed,    // it does again
  Cancelled,  // the step of `part` and all that needs it, or without a part the whole workflow
  Stopped,    // a step has failed, and the workflow asks to stop then
  Reopened,   // what has not succeeded runs again
  Subset,     // of the part's elements only those in `text` run again
  Closed,     // the workflow came to its end as `mark`
};
std::string_view to_string(FactKind kind);  // "started", "ended", ...

struct Fact {
  std::uint64_t number = 0;  // 1, 2, ... in its workflow
  Time at;                   // wall
  FactKind kind{};
  std::uint32_t part = kNoPart;  // position in WorkflowPlan::parts
  JobId job{};                   // Started; Ended: that ran; 0 = no job did
  Mark mark{};                   // Ended, Closed
  std::int32_t exit_code = 0;    // Ended
  std::string name;              // ValueSet; of others a word that says why: "cache", "throttle"
  std::string text;              // see the kinds; else details for people
  friend bool operator==(const Fact&, const Fact&) = default;
};

}  // namespace drover::dag
