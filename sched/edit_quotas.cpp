// sched/edit_quotas.cpp - quotas changed while they are in use: all of an edit or nothing.
// SPDX-License-Identifier: Apache-2.0
//
// Nothing is killed by an edit. What holds more than it may from now on gets nothing more until
// enough of it has ended.
#include <algorithm>
#include <utility>

#include "sched/reserving.hpp"

namespace drover::sched {
namespace {

constexpr std::size_t kNamesShown = 200;

std::string touched_by(const rm::QuotaDiff& diff) {
  std::string names;
  for (const rm::QuotaChange& change : diff.changes) {
    if (names.size() > kNamesShown) return names + ", ...";
    names += (names.empty() ? "" : ", ") + change.name;
  }
  return names.empty() ? "nothing" : names;
}

}  // namespace

std::vector<rm::QuotaRule> Controller::State::with_class_limits(
    std::vector<rm::QuotaRule> rules) const {
  rules.insert(rules.end(), config.class_limits.begin(), config.class_limits.end());
  if (std::ranges::any_of(rm.names().slots(),
                          [](const std::string& word) { return !rm::licence_name(word).empty(); }))
    rules.push_back(rm::licence_rule(config.licences, rm.names()));
  return rules;
}

Result<std::vector<rm::QuotaRule>> Controller::State::weigh_edit(const rm::QuotaEdit& edit) const {
  if (edit.version && *edit.version != quotas.version)
    return fail(Errc::Conflict,
                "the quotas are at version " + std::to_string(quotas.version) + ", not " +
                    std::to_string(*edit.version) + ": somebody else changed them",
                "look at them again (drover quota ls) and repeat the edit", "version");
  auto after = rm::apply_edit(quotas.rules, edit, config.quotas);
  if (!after) return after;
  if (auto good = rm::check_quotas(*after, config.quota_tree, rm.names()); !good)
    return fail(good.error());
  return after;
}

void Controller::State::edit_quotas(const EditQuotas& in, Now now) {
  if (!in.actor.is_operator) {
    reply(in.reply, fail(Errc::Denied, "only operators may change quotas"));
    return;
  }
  auto after = weigh_edit(in.edit);
  if (!after) {
    reply(in.reply, fail(std::move(after.error())));
    return;
  }
  const rm::QuotaDiff diff = rm::diff_quotas(rm.ledger(), with_class_limits(*after));
  if (diff.changes.empty() && !(in.edit.reset && quotas.edited))
    return reply(in.reply, Done{{}, quotas.version});
  const std::string touched = touched_by(diff);
  quotas.rules = *after;
  quotas.edited = !in.edit.reset;
  ++quotas.version;
  quotas_dirty = true;
  rm.set_quotas(with_class_limits(*std::move(after)));
  Reserving{*this}.foresee_quotas();
  origins.clear();
  Event event;
  event.seq = EventSeq{next_event++};
  event.at = now.wall;
  event.kind = EventKind::QuotasEdited;
  event.uid = in.actor.uid;
  event.state = "version " + std::to_string(quotas.version) + ": " + touched;
  if (config.keep_records) out.changes.events.push_back(std::move(event));
  reply(in.reply, Done{{}, quotas.version});
}

Result<rm::QuotaDiff> Controller::preview(const rm::QuotaEdit& edit) const {
  const auto after = state_->weigh_edit(edit);
  if (!after) return fail(after.error());
  return rm::diff_quotas(state_->rm.ledger(), state_->with_class_limits(*after));
}

const rm::QuotaTable& Controller::quotas() const { return state_->quotas; }

// Slots that differ from the stored ones are stored with the first turn, before any lease that
// counts in them.
void Controller::restore_quotas(rm::QuotaTable stored) {
  State& state = *state_;
  state.quotas_dirty = stored.resources != state.quotas.resources;
  state.quotas.version = stored.version;
  state.quotas.edited = stored.edited;
  if (!stored.edited) return;
  const auto old = rm::ResourceNames::make({}, stored.resources);
  for (rm::QuotaRule& rule : stored.rules)
    if (old) rm::translate(rule, *old, state.rm.names());
  state.quotas.rules = stored.rules;
  state.rm.set_quotas(state.with_class_limits(std::move(stored.rules)));
  Controller::State::Reserving{*state_}.foresee_quotas();
  state.origins.clear();
}

}  // namespace drover::sched
