// dag/recording.hpp - what a step of an earlier workflow ran, and what became of that.
// SPDX-License-Identifier: Apache-2.0
//
// Looked up when a workflow with a replay is submitted, and stored with its documents: so a replay
// does not depend on how long the earlier workflow is kept.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/result.hpp"
#include "dag/workflow.hpp"

namespace drover::dag {

class Run;

struct Recording {
  std::string job;  // a JSON object, variables replaced, without what names its workflow
  std::optional<std::vector<std::string>> items;  // of a step with foreach
  std::map<std::string, std::string> values;      // "n", or of elements "n[3]"
  bool succeeded = false;
  std::int32_t exit_code = 0;
  JobId ran{};  // that job; 0 = its result was taken from elsewhere
  friend bool operator==(const Recording&, const Recording&) = default;
};

inline constexpr std::size_t kRecordingBytesMax = 64u << 20;  // of one workflow, all together
std::size_t bytes_of(const Recording& recording);

// "12/align": names it among those of a workflow.
std::string recording_name(const Replay& replay);

// What `step` of an earlier workflow did. NotFound for an unknown step, Conflict for one that has
// no end to compare with, or no job of its own.
Result<Recording> record_step(const Run& run, const std::string& step);

// How a new end differs from the recorded one, for people; nothing when it does not. `reason` is
// why the new one failed.
struct NewEnd {
  bool succeeded = false;
  std::int32_t exit_code = 0;
  std::string reason;
};
std::optional<std::string> difference(const Recording& recorded, const NewEnd& now,
                                      const std::map<std::string, std::string>& values);

}  // namespace drover::dag
