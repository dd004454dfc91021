// server/job_filter.cpp - reads and applies the filters of a list.
// SPDX-License-Identifier: Apache-2.0
#include "server/job_filter.hpp"

#include <algorithm>
#include <array>

#include "base/units.hpp"
#include "server/job_json_out.hpp"

namespace drover::server {
namespace {

using sched::JobState;
constexpr unsigned bit(JobState state) { return 1u << unsigned(state); }
constexpr unsigned kPending = bit(JobState::Inited) | bit(JobState::Scheduled);
constexpr unsigned kOpen =
    kPending | bit(JobState::Held) | bit(JobState::Running) | bit(JobState::Suspended);
constexpr unsigned kClosed = bit(JobState::Succeeded) | bit(JobState::Failed) |
                             bit(JobState::Cancelled) | bit(JobState::TimedOut);

struct Word {
  std::string_view name;
  unsigned states;
};
constexpr std::array<Word, 12> kWords{{
    {"pending", kPending},
    {"inited", bit(JobState::Inited)},
    {"scheduled", bit(JobState::Scheduled)},
    {"held", bit(JobState::Held)},
    {"running", bit(JobState::Running)},
    {"suspended", bit(JobState::Suspended)},
    {"succeeded", bit(JobState::Succeeded)},
    {"failed", bit(JobState::Failed)},
    {"cancelled", bit(JobState::Cancelled)},
    {"timed_out", bit(JobState::TimedOut)},
    {"open", kOpen},
    {"closed", kClosed},
}};

}  // namespace

Result<unsigned> read_states(std::string_view text) {
  if (text.empty()) return kOpen | kClosed;
  unsigned states = 0;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view word = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    const auto found =
        std::find_if(kWords.begin(), kWords.end(), [&](const Word& w) { return w.name == word; });
    if (found == kWords.end()) {
      std::vector<std::string_view> names;
      names.reserve(kWords.size());
      for (const Word& w : kWords) names.push_back(w.name);
      const std::string_view near = nearest_match(word, names);
      return fail(Errc::BadInput, "unknown state " + std::string(word.substr(0, 60)),
                  near.empty() ? "pending, held, running, suspended, succeeded, failed, cancelled, "
                                 "timed_out, open or closed"
                               : "did you mean " + std::string(near) + "?",
                  "state");
    }
    states |= found->states;
  }
  return states;
}

Result<JobFilter> read_filter(const Exchange& exchange) {
  const net::HttpRequest& request = exchange.request;
  JobFilter filter;
  auto states = read_states(request.query_value("state"));
  if (!states) return fail(states.error());
  filter.states = *states;
  filter.user = request.query_value("user");
  filter.name = request.query_value("name");
  filter.group = request.query_value("group");
  if (!exchange.caller.is_operator) {
    if (!filter.user.empty() && filter.user != exchange.caller.user)
      return fail(Errc::Denied, "only operators see the jobs of others", "leave user away", "user");
    filter.uid = exchange.caller.uid;
  }
  for (const auto& [name, value] : request.query) {
    if (name != "label") continue;
    const std::size_t equals = value.find('=');
    if (equals == 0 || equals == std::string::npos)
      return fail(Errc::BadInput, "label must be written key=value", "label=project=x", "label");
    filter.labels.emplace_back(value.substr(0, equals), value.substr(equals + 1));
  }
  if (const std::string_view ids = request.query_value("ids"); !ids.empty()) {
    auto set = IndexSet::parse(ids);
    if (!set) return fail(set.error());
    filter.ids = std::move(*set);
  }
  return filter;
}

bool JobFilter::only_open() const { return (states & kClosed) == 0; }

bool JobFilter::fits(const sched::JobRecord& record, const sched::JobSpec& spec,
                     const std::vector<std::string>& group_by) const {
  if ((states & bit(record.state)) == 0) return false;
  if (uid && spec.owner.uid != *uid) return false;
  if (!user.empty() && spec.user != user) return false;
  if (!name.empty() && spec.name != name) return false;
  if (ids && (raw(record.id) > UINT32_MAX || !ids->contains(std::uint32_t(raw(record.id)))))
    return false;
  for (const auto& [label, value] : labels) {
    const auto found = spec.labels.find(label);
    if (found == spec.labels.end() || found->second != value) return false;
  }
  return group.empty() || group_name(spec, group_by) == group;
}

}  // namespace drover::server
