// sched/qos.hpp - classes of service: how urgent, how much at once, who gives way to whom.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "rm/resource_manager.hpp"
#include "sched/job_words.hpp"

namespace drover::sched {

std::string_view to_string(PreemptMode mode);  // "off", "requeue", ...
Result<PreemptMode> parse_preempt_mode(std::string_view word);

struct QosLimits {                               // -1 = no limit
  std::int64_t jobs = -1, cpus = -1, gpus = -1;  // running at once
  std::int64_t submitted = -1;                   // open at once
  friend bool operator==(const QosLimits&, const QosLimits&) = default;
};

struct QosSpec {
  std::string name;
  std::int64_t priority = 0;
  QosLimits total, per_user, per_account;
  Duration max_wall;                                          // 0 = no limit
  std::int64_t max_cpus_per_job = -1, max_gpus_per_job = -1;  // of one task, on all its nodes
  std::vector<std::string> users, accounts;                   // who may use it; empty = everybody
  std::vector<std::string> preempts;                // classes whose jobs give way to this one's
  PreemptMode preempt_mode = PreemptMode::Requeue;  // how this one's jobs give way
  Duration preempt_grace;                           // between their notice and their end
  std::int64_t usage_percent = 100;                 // what fair share counts of their use
  friend bool operator==(const QosSpec&, const QosSpec&) = default;
};

class QosTable {
 public:
  static constexpr std::size_t kQosMax = 1000;
  static constexpr std::int64_t kPriorityMax = 1'000'000;

  QosTable() = default;
  // Errors: BadInput - a name twice or not a word, preempting what is not there, or a circle of
  // classes that preempt each other (printed): their jobs would chase each other for ever.
  static Result<QosTable> make(std::vector<QosSpec> specs, std::string default_name = {});

  bool is_configured() const { return !specs_.empty(); }
  const QosSpec* find(std::string_view name) const;
  const std::vector<QosSpec>& all() const { return specs_; }  // by name
  // The class of a job that asks for `asked`, or the default ("" when there is none).
  // Errors: NotFound with the nearest name; Denied when neither user nor account may use it.
  Result<std::string> qos_for(std::string_view user, std::string_view account,
                              std::string_view asked) const;
  bool preempts(std::string_view winner, std::string_view loser) const;
  std::int64_t priority_max() const;

  // The limits as quotas on label combinations: {qos}, {qos, user=*}, {qos, account=*}. One
  // mechanism holds all limits.
  std::vector<rm::QuotaRule> quota_rules() const;

 private:
  std::vector<QosSpec> specs_;
  std::string default_name_;
};

}  // namespace drover::sched
