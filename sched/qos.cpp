// sched/qos.cpp - the table of classes, checked, and its limits as quotas.
// SPDX-License-Identifier: Apache-2.0
#include "sched/qos.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/units.hpp"

namespace drover::sched {
namespace {

constexpr std::array kModes = {std::string_view("off"), std::string_view("requeue"),
                               std::string_view("suspend"), std::string_view("cancel")};

bool lists(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::any_of(names, [&](const std::string& known) { return known == name; });
}

// Depth first: leaves a circle in `path` when one can be reached from `at`. `done` has no circle
// below it.
bool finds_circle(const QosTable& table, const QosSpec& at, std::vector<std::string_view>& path,
                  std::set<std::string_view>& done) {
  if (done.contains(at.name)) return false;
  const auto seen = std::ranges::find(path, at.name);
  if (seen != path.end()) {
    path.erase(path.begin(), seen);
    path.push_back(at.name);
    return true;
  }
  path.push_back(at.name);
  for (const std::string& next : at.preempts)
    if (finds_circle(table, *table.find(next), path, done)) return true;
  path.pop_back();
  done.insert(at.name);
  return false;
}

void add_rule(std::vector<rm::QuotaRule>& rules, rm::Labels match, const QosLimits& limits) {
  if (limits == QosLimits{}) return;
  rm::QuotaRule rule;
  rule.match = std::move(match);
  rule.max.of.fill(-1);
  rule.max[rm::Kind::RunningJobs] = limits.jobs;
  rule.max[rm::Kind::CpuMilli] = limits.cpus < 0 ? -1 : limits.cpus * 1000;
  rule.max[rm::Kind::GpuMilli] = limits.gpus < 0 ? -1 : limits.gpus * 1000;
  rule.max[rm::Kind::QueuedJobs] = limits.submitted;
  rules.push_back(std::move(rule));
}

}  // namespace

std::string_view to_string(PreemptMode mode) { return kModes[std::size_t(mode)]; }

Result<PreemptMode> parse_preempt_mode(std::string_view word) {
  for (std::size_t i = 0; i < kModes.size(); ++i)
    if (kModes[i] == word) return PreemptMode(i);
  return fail(Errc::BadInput, "there is no preempt mode '" + std::string(word) + "'",
              "known: off, requeue, suspend, cancel", "preempt_mode");
}

Result<QosTable> QosTable::make(std::vector<QosSpec> specs, std::string default_name) {
  if (specs.size() > kQosMax)
    return fail(Errc::Limit, "more than " + std::to_string(kQosMax) + " classes", {}, "qos");
  QosTable table;
  std::ranges::sort(specs, {}, &QosSpec::name);
  table.specs_ = std::move(specs);
  table.default_name_ = std::move(default_name);
  const QosSpec* before = nullptr;
  for (const QosSpec& spec : table.specs_) {
    const bool is_word =
        !spec.name.empty() && spec.name.size() <= 64 && std::ranges::none_of(spec.name, [](char c) {
          return c <= ' ' || c == ',' || c == '=' || c == '*' || c > '~';
        });
    if (!is_word)
      return fail(Errc::BadInput, "'" + spec.name.substr(0, 64) + "' cannot name a qos",
                  "use up to 64 characters without blanks, ',', '=' and '*'", "qos.name");
    if (before != nullptr && before->name == spec.name)
      return fail(Errc::BadInput, "qos " + spec.name + " is there twice", "merge the two",
                  "qos.name");
    if (spec.priority < 0 || spec.priority > kPriorityMax)
      return fail(Errc::BadInput, "the priority of qos " + spec.name + " is out of range",
                  "use 0 to " + std::to_string(kPriorityMax), "qos.priority");
    for (const std::string& name : spec.preempts)
      if (table.find(name) == nullptr)
        return fail(Errc::BadInput, "qos " + spec.name + " preempts " + name + ", which is none",
                    "add it, or drop it from the list", "qos.preempts");
    before = &spec;
  }
  std::set<std::string_view> done;
  for (const QosSpec& spec : table.specs_) {
    std::vector<std::string_view> path;
    if (!finds_circle(table, spec, path, done)) continue;
    std::string text;
    for (const std::string_view name : path)
      text += (text.empty() ? "" : " over ") + std::string(name);
    return fail(Errc::BadInput, "classes preempt each other in a circle: " + text,
                "drop one of these from `preempts`", "qos.preempts");
  }
  if (!table.default_name_.empty() && table.find(table.default_name_) == nullptr)
    return fail(Errc::BadInput, "the default qos " + table.default_name_ + " is not configured",
                "add a [[qos]] of that name", "policy.default_qos");
  return table;
}

const QosSpec* QosTable::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(
      specs_, name, {}, [](const QosSpec& spec) { return std::string_view(spec.name); });
  return found != specs_.end() && found->name == name ? &*found : nullptr;
}

Result<std::string> QosTable::qos_for(std::string_view user, std::string_view account,
                                      std::string_view asked) const {
  if (!is_configured()) return std::string(asked);
  const std::string_view want = asked.empty() ? std::string_view(default_name_) : asked;
  if (want.empty()) return std::string();
  const QosSpec* spec = find(want);
  if (spec == nullptr) {
    std::vector<std::string_view> names;
    for (const QosSpec& known : specs_) names.push_back(known.name);
    const std::string_view near = nearest_match(want, names);
    return fail(Errc::NotFound, "there is no qos " + std::string(want.substr(0, 64)),
                near.empty() ? "drover qos ls shows the classes"
                             : "did you mean " + std::string(near) + "?",
                "qos");
  }
  const bool open = spec->users.empty() && spec->accounts.empty();
  if (open || lists(spec->users, user) || lists(spec->accounts, account)) return spec->name;
  return fail(Errc::Denied,
              "qos " + spec->name + " is not open to " + std::string(user) +
                  (account.empty() ? "" : " in account " + std::string(account)),
              "leave --qos out, or ask an operator", "qos");
}

bool QosTable::preempts(std::string_view winner, std::string_view loser) const {
  const QosSpec* spec = find(winner);
  return spec != nullptr && lists(spec->preempts, loser);
}

std::int64_t QosTable::priority_max() const {
  std::int64_t most = 0;
  for (const QosSpec& spec : specs_) most = std::max(most, spec.priority);
  return most;
}

std::vector<rm::QuotaRule> QosTable::quota_rules() const {
  std::vector<rm::QuotaRule> rules;
  for (const QosSpec& spec : specs_) {
    add_rule(rules, {{"qos", spec.name}}, spec.total);
    add_rule(rules, {{"qos", spec.name}, {"user", "*"}}, spec.per_user);
    add_rule(rules, {{"account", "*"}, {"qos", spec.name}}, spec.per_account);
  }
  return rules;
}

}  // namespace drover::sched
