// sched/edit_groups.cpp - limits of one group in place of everybody's, changed while it is in use.
// SPDX-License-Identifier: Apache-2.0
//
// A group that holds more than it may from now on keeps it, and gets no more.
#include <algorithm>
#include <utility>

#include "sched/controller_state.hpp"

namespace drover::sched {
namespace {

constexpr std::size_t kGroupsMax = 10'000;

}  // namespace

GroupLimits GroupVerbs::limits_of(const std::string& group) const {
  GroupLimits found = config.group_limits;
  const auto own = group_limits.find(group);
  if (own == group_limits.end()) return found;
  if (own->second.running_jobs) found.running_jobs = *own->second.running_jobs;
  if (own->second.queued_jobs) found.queued_jobs = *own->second.queued_jobs;
  return found;
}

// It need not be there: limits may be set before its first job.
Result<void> GroupVerbs::check_group_name(const std::string& name) const {
  std::string form;
  std::size_t at = 0;
  bool good = name.size() <= 1024;
  for (const std::string& label : config.group_by) {
    form += (form.empty() ? "" : ",") + label + "=...";
    if (at > 0) good = good && name.compare(at - 1, 1, ",") == 0;
    good = good && name.compare(std::min(at, name.size()), label.size() + 1, label + "=") == 0;
    at = std::min(name.find(',', std::min(at, name.size())), name.size()) + 1;
  }
  if (good && at == name.size() + 1) return {};
  return fail(Errc::BadInput, "\"" + name.substr(0, 100) + "\" is no name of a group",
              "groups are called " + form + ": drover group ls", "name");
}

void GroupVerbs::edit_group(const EditGroup& in) {
  if (!in.actor.is_operator)
    return self().reply(in.reply, fail(Errc::Denied, "only operators may change limits of groups"));
  if (auto good = check_group_name(in.name); !good)
    return self().reply(in.reply, fail(good.error()));
  const auto known = group_limits.find(in.name);
  const OwnLimits before = known == group_limits.end() ? OwnLimits{} : known->second;
  OwnLimits after = in.reset ? OwnLimits{} : before;
  if (in.running) after.running_jobs = *in.running;
  if (in.queued) after.queued_jobs = *in.queued;
  if (known == group_limits.end() && group_limits.size() >= kGroupsMax)
    return self().reply(in.reply, fail(Errc::Limit, "10000 groups have limits of their own",
                                       "reset some: drover group reset NAME"));
  if (!after.running_jobs && !after.queued_jobs)
    group_limits.erase(in.name);
  else
    group_limits[in.name] = after;
  const bool changes = !(before == after);
  groups_dirty |= changes;
  if (const auto group = group_ids.find(in.name); group != group_ids.end())
    takeable.insert(group->second);
  self().reply(in.reply, Done{{}, changes ? 1u : 0u});
}

}  // namespace drover::sched
