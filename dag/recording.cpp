// dag/recording.cpp - takes down what a step did, and compares a later run with it.
// SPDX-License-Identifier: Apache-2.0
#include "dag/recording.hpp"

#include <utility>

#include "base/units.hpp"
#include "dag/job_text.hpp"
#include "dag/run.hpp"

namespace drover::dag {
namespace {

constexpr std::size_t kShown = 100;  // bytes of a value in a message

std::string shown(const std::string& value) {
  std::size_t end = std::min(value.size(), kShown);
  while (end > 0 && end < value.size() && (static_cast<unsigned char>(value[end]) & 0xc0) == 0x80)
    --end;  // whole letters
  return "'" + value.substr(0, end) + (end < value.size() ? "...'" : "'");
}

std::string shown_end(bool succeeded, std::int32_t code, const std::string& reason) {
  if (succeeded) return "success";
  return "failure (exit " + std::to_string(code) + (reason.empty() ? ")" : ", " + reason + ")");
}

std::string name_of(JobId workflow) { return "workflow " + std::to_string(raw(workflow)); }

// The part whose job a step is, when it has exactly one that has come to an end.
Result<std::uint32_t> part_that_ran(const Run& run, std::uint32_t step, const std::string& called) {
  const std::uint32_t part = run.voice_of(step);
  const auto refuse = [&](const std::string& what) {
    return fail(Errc::Conflict, called + " " + what, "replay a step that ran a job of its own");
  };
  if (part == kNoPart || run.plan().parts[part].role == PartRole::Gather)
    return refuse("is a group and has no job");
  if (run.head_of(part) != part || !run.plan().parts[part].fused.empty())
    return refuse("shared its job with others");
  const PartState& state = run.part(part);
  const Mark mark = run.mark(part);
  if (!has_ended(mark)) return refuse("has not ended");
  if (mark != Mark::Succeeded && mark != Mark::Failed)
    return refuse("was " + std::string(to_string(mark)));
  if (mark == Mark::Failed && state.starts == 0) return refuse("never started");
  if (state.why == "first_success") return refuse("was decided by the first of its items");
  return part;
}

}  // namespace

std::size_t bytes_of(const Recording& recording) {
  std::size_t bytes = recording.job.size();
  if (recording.items)
    for (const std::string& item : *recording.items) bytes += item.size();
  for (const auto& [name, value] : recording.values) bytes += name.size() + value.size();
  return bytes;
}

std::string recording_name(const Replay& replay) {
  return std::to_string(replay.workflow) + "/" + replay.step;
}

Result<Recording> record_step(const Run& run, const std::string& step) {
  const auto at = run.workflow().find(step);
  if (!at) {
    std::vector<std::string_view> known;
    for (const Step& other : run.workflow().steps) known.push_back(other.name);
    const std::string_view near = nearest_match(step, known);
    return fail(Errc::NotFound, name_of(run.id()) + " has no step '" + step + "'",
                near.empty() ? "drover dag show lists its steps"
                             : "did you mean '" + std::string(near) + "'?");
  }
  const std::string called = "step '" + step + "' of " + name_of(run.id());
  const auto part = part_that_ran(run, *at, called);
  if (!part) return fail(part.error());
  auto job = recorded_job(run, *part);
  if (!job) return fail(job.error(), called);
  const PartState& state = run.part(*part);
  Recording recording;
  recording.job = *std::move(job);
  if (state.items) recording.items = *state.items;
  recording.values = state.values;
  recording.succeeded = run.mark(*part) == Mark::Succeeded;
  recording.exit_code = state.exit_code;
  recording.ran = state.job;
  return recording;
}

std::optional<std::string> difference(const Recording& recorded, const NewEnd& now,
                                      const std::map<std::string, std::string>& values) {
  if (recorded.succeeded != now.succeeded || recorded.exit_code != now.exit_code)
    return "it ended with " + shown_end(recorded.succeeded, recorded.exit_code, {}) +
           " when recorded, and with " + shown_end(now.succeeded, now.exit_code, now.reason) +
           " now";
  std::map<std::string, std::pair<const std::string*, const std::string*>> both;
  for (const auto& [name, value] : recorded.values) both[name].first = &value;
  for (const auto& [name, value] : values) both[name].second = &value;
  std::string first;
  std::size_t more = 0;
  for (const auto& [name, pair] : both) {
    const auto& [then, at_present] = pair;
    if (then != nullptr && at_present != nullptr && *then == *at_present) continue;
    if (!first.empty()) {
      ++more;
      continue;
    }
    first = name + " was " + (then == nullptr ? "not set" : shown(*then)) +
            " when recorded, and is " + (at_present == nullptr ? "not set" : shown(*at_present)) +
            " now";
  }
  if (first.empty()) return std::nullopt;
  if (more > 0) first += "; " + std::to_string(more) + " more differ";
  return first;
}

}  // namespace drover::dag
