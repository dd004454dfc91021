// sched/policy_book.cpp - account, class and partition of a job, in this order.
// SPDX-License-Identifier: Apache-2.0
#include "sched/policy_book.hpp"

#include <utility>

#include "base/counted_words.hpp"
#include "base/units.hpp"

namespace drover::sched {
namespace {

std::string label(const JobSpec& spec, const char* key) {
  const auto found = spec.labels.find(key);
  return found == spec.labels.end() ? std::string() : found->second;
}

// An empty value is no label: quotas would count it as one.
void set_label(JobSpec& spec, const char* key, std::string value) {
  if (value.empty())
    spec.labels.erase(key);
  else
    spec.labels[key] = std::move(value);
}

Result<void> check_qos(const JobSpec& spec, const QosSpec& qos) {
  const auto over = [&](std::int64_t asked, std::int64_t limit, const char* what) {
    return fail(Errc::Limit,
                "qos " + qos.name + " allows " + std::to_string(limit) + " " + what + " per job, " +
                    std::to_string(asked) + is_or_are(asked) + " asked for",
                "ask for fewer, or choose another qos", "qos");
  };
  if (qos.max_cpus_per_job >= 0 && cpus_of(spec) > qos.max_cpus_per_job)
    return over(cpus_of(spec), qos.max_cpus_per_job, "CPUs");
  if (qos.max_gpus_per_job >= 0 && gpus_of(spec) > qos.max_gpus_per_job)
    return over(gpus_of(spec), qos.max_gpus_per_job, "GPUs");
  if (qos.max_wall.us > 0 && (spec.time_limit.us == 0 || spec.time_limit > qos.max_wall))
    return fail(Errc::Limit,
                "qos " + qos.name + " allows jobs of at most " + format_duration(qos.max_wall) +
                    (spec.time_limit.us == 0 ? ", and the job has no time limit" : ""),
                "ask for --time=" + format_duration(qos.max_wall) + " or less", "time");
  return {};
}

}  // namespace

Result<PolicyBook> complete(PolicyBook book) {
  for (const PartitionSpec& partition : book.partitions.all()) {
    for (const std::string& name : partition.accounts)
      if (book.accounts.id_of(name) == AccountId{})
        return fail(Errc::BadInput,
                    "partition " + partition.name + " is open to account " + name +
                        ", which is not configured",
                    "add an [[account]], or drop it", "partition.accounts");
    for (const std::string& name : partition.qos)
      if (book.qos.find(name) == nullptr)
        return fail(
            Errc::BadInput,
            "partition " + partition.name + " is open to qos " + name + ", which is not configured",
            "add a [[qos]], or drop it", "partition.qos");
  }
  book.weights.qos_max = book.qos.priority_max();
  book.weights.partition_max = book.partitions.priority_max();
  return book;
}

Result<void> apply_policy(JobSpec& spec, const PolicyBook& book) {
  auto account = book.accounts.account_for(spec.user, label(spec, "account"));
  if (!account) return fail(account.error());
  auto qos = book.qos.qos_for(spec.user, *account, label(spec, "qos"));
  if (!qos) return fail(qos.error());
  set_label(spec, "account", *std::move(account));
  set_label(spec, "qos", *std::move(qos));
  const QosSpec* of_qos = book.qos.find(label(spec, "qos"));
  if (auto ok = book.partitions.route(spec); !ok) return ok;
  // A class that bounds time gives its bound to jobs that name none.
  if (of_qos != nullptr && spec.time_limit.us == 0) spec.time_limit = of_qos->max_wall;
  return of_qos != nullptr ? check_qos(spec, *of_qos) : Result<void>{};
}

PreemptMode preempt_mode(const Standing& winner, const Standing& loser, const PolicyBook& book) {
  if (const QosSpec* qos = book.qos.find(loser.qos); book.qos.preempts(winner.qos, loser.qos))
    return qos->preempt_mode;
  // Or the two would chase each other for ever.
  if (book.qos.preempts(loser.qos, winner.qos)) return PreemptMode::Off;
  const PartitionSpec* above = book.partitions.find(winner.partition);
  const PartitionSpec* below = book.partitions.find(loser.partition);
  if (above == nullptr || below == nullptr || above->priority <= below->priority)
    return PreemptMode::Off;
  return below->preempt_mode;
}

Duration preempt_grace(const Standing& loser, const PolicyBook& book) {
  if (const QosSpec* qos = book.qos.find(loser.qos); qos != nullptr && qos->preempt_grace.us > 0)
    return qos->preempt_grace;
  const PartitionSpec* partition = book.partitions.find(loser.partition);
  return partition == nullptr ? Duration{} : partition->preempt_grace;
}

PreemptMode reclaim_mode(const Standing& loser, const PolicyBook& book) {
  if (const QosSpec* qos = book.qos.find(loser.qos);
      qos != nullptr && qos->preempt_mode != PreemptMode::Off)
    return qos->preempt_mode;
  if (const PartitionSpec* partition = book.partitions.find(loser.partition);
      partition != nullptr && partition->preempt_mode != PreemptMode::Off)
    return partition->preempt_mode;
  return PreemptMode::Requeue;
}

}  // namespace drover::sched
