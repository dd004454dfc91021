// sched/weigh_elements.cpp - what a new array can expect of those it follows element by element.
// SPDX-License-Identifier: Apache-2.0
//
// A target that is open tells by its state; of one that has ended the store knows each element,
// unless all have succeeded, which needs no list.
#include <algorithm>

#include "sched/controller_state.hpp"

namespace drover::sched {
namespace {

std::string job_text(JobId id) { return "job " + std::to_string(raw(id)); }

tl::unexpected<Error> other_elements(JobId target, const std::string& theirs, const JobSpec& spec) {
  return fail(Errc::BadInput,
              "aftercorr: " + job_text(target) + " has the elements " + theirs.substr(0, 100) +
                  ", this array " + spec.array.to_string().substr(0, 100),
              "both need the same indexes; afterok waits for the whole job", "dependency");
}

// Those that have begun, each with whether it is not among the unsuccessful.
template <class Visit>
void visit_ends(const ArrayCursor& cursor, std::vector<std::uint32_t> unsuccessful, Visit visit) {
  std::ranges::sort(unsuccessful);
  cursor.visit_touched(
      [&](std::uint32_t index) { visit(index, !std::ranges::binary_search(unsuccessful, index)); });
}

}  // namespace

Result<void> FollowVerbs::weigh_open(const Job& target, const JobSpec& spec,
                                     Conditions& conditions) const {
  if (!target.is_array)
    return fail(Errc::BadInput, "aftercorr: " + job_text(target.id) + " is no array",
                "use afterok to wait for it", "dependency");
  const JobExtra& more = *target.more;
  if (!(more.cursor->elements() == spec.array))
    return other_elements(target.id, more.cursor->elements().to_string(), spec);
  Counterparts& known = *conditions.elements;
  const std::uint32_t bit = known.bit_of(target.id);
  known.open |= bit;
  visit_ends(*more.cursor, more.unsuccessful, [&](std::uint32_t index, bool succeeded) {
    if (more.tasks.contains(index)) return;
    if (succeeded)
      known.add(index, bit);
    else
      conditions.lost.push_back(index);
  });
  return {};
}

Result<void> FollowVerbs::weigh_ended(JobId target, const Submit& in,
                                      Conditions& conditions) const {
  const auto milestone = self().milestone_of(target, in.known_ends);
  if (!milestone)
    return fail(Errc::NotFound, "dependency: there is no " + job_text(target),
                "drover ls shows the jobs", "dependency");
  const auto known = std::ranges::find_if(in.known_ends, [&](const KnownEnd& end) {
    return end.job == target && !end.elements.empty();
  });
  const bool told = known != in.known_ends.end();
  const EndedArrays::One* const kept = told ? nullptr : self().ended_arrays.find(target);
  const IndexSet* const theirs = told              ? &known->elements
                                 : kept != nullptr ? &kept->cursor.elements()
                                                   : nullptr;
  if (theirs != nullptr && !(*theirs == in.spec->array))
    return other_elements(target, theirs->to_string(), *in.spec);
  Counterparts& elements = *conditions.elements;
  const std::uint32_t bit = elements.bit_of(target);
  if (milestone->state == JobState::Succeeded) {
    elements.done |= bit;
    return {};
  }
  if (theirs == nullptr)
    return fail(Errc::Unavailable,
                "dependency: " + job_text(target) +
                    " has just ended, and which of its elements succeeded is being stored",
                "try again in a moment", "dependency");
  if (told)
    for (auto index = known->succeeded.first(); index; index = known->succeeded.next_after(*index))
      elements.add(*index, bit);
  else
    visit_ends(kept->cursor, kept->unsuccessful, [&](std::uint32_t index, bool succeeded) {
      if (succeeded) elements.add(index, bit);
    });
  conditions.ended |= bit;
  return {};
}

Result<void> FollowVerbs::weigh_elements(const Submit& in, Conditions& conditions) const {
  const JobSpec& spec = *in.spec;
  if (!waits_for_elements(spec)) return {};
  conditions.elements.emplace(spec.dependencies);
  Counterparts& known = *conditions.elements;
  // Those that are open last: what they add is complete only beside the successes of others.
  for (const JobId target : known.targets)
    if (self().find(target) == nullptr)
      if (auto ok = weigh_ended(target, in, conditions); !ok) return ok;
  for (const JobId target : known.targets)
    if (const Job* job = self().find(target))
      if (auto ok = weigh_open(*job, spec, conditions); !ok) return ok;
  for (const auto& [index, bits] : std::map(known.partly)) {
    if (known.has_all(bits)) known.add(index, 0);
    if ((bits & conditions.ended) != conditions.ended) known.take(index);
  }
  if (known.done == known.all) {
    conditions.elements.reset();
  } else if (conditions.ended != 0 && known.known() == 0) {
    conditions.outlook = Outlook::Never;
  } else if (conditions.outlook == Outlook::Met && known.met.empty()) {
    conditions.outlook = Outlook::Waits;
  }
  return {};
}

}  // namespace drover::sched
