// sched/ranking.cpp - standings, scores, and the charging of shares.
// SPDX-License-Identifier: Apache-2.0
#include "sched/ranking.hpp"

#include <algorithm>
#include <utility>

namespace drover::sched {
namespace {

std::string_view label(const JobSpec& spec, const std::string& key) {
  const auto found = spec.labels.find(key);
  return found == spec.labels.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace

Ranking::Ranking(std::shared_ptr<const PolicyBook> book)
    : book_(book != nullptr ? std::move(book) : std::make_shared<const PolicyBook>()),
      shares_(book_->accounts, book_->half_life) {
  for (const QosSpec& qos : book_->qos.all()) anybody_preempts_ |= !qos.preempts.empty();
  for (const PartitionSpec& partition : book_->partitions.all())
    anybody_preempts_ |= partition.preempt_mode != PreemptMode::Off;
}

StandingId Ranking::standing_of(const JobSpec& spec) {
  const LeafId leaf = shares_.leaf(label(spec, "account"), spec.user);
  const auto key = std::tuple(leaf, label(spec, "qos"), label(spec, "partition"));
  if (const auto found = index_.find(key); found != index_.end()) return found->second;
  Standing standing{std::string(std::get<1>(key)), std::string(std::get<2>(key))};
  Entry entry;
  entry.leaf = leaf;
  if (const QosSpec* qos = book_->qos.find(standing.qos)) {
    entry.qos_priority = qos->priority;
    entry.usage_percent = qos->usage_percent;
  }
  if (const PartitionSpec* partition = book_->partitions.find(standing.partition)) {
    entry.partition_priority = partition->priority;
    entry.partition = std::uint32_t(partition - book_->partitions.all().data());
  }
  entry.standing = std::move(standing);
  const auto id = StandingId(entries_.size());
  index_.emplace(std::tuple(leaf, entry.standing.qos, entry.standing.partition), id);
  entries_.push_back(std::move(entry));
  held_.resize(shares_.leaves());
  last_.resize(shares_.leaves(), FairShare::kOne);
  note(leaf);
  return id;
}

PriorityInput Ranking::input_of(const JobSpec& spec, StandingId standing, Time submitted) const {
  const Entry& entry = at(standing);
  PriorityInput in;
  in.submitted = submitted;
  in.fair_ppm = fair_ppm(entry.leaf);
  in.qos = entry.qos_priority;
  in.partition = entry.partition_priority;
  in.user = spec.priority;
  in.nice = spec.nice;
  in.cpus = cpus_of(spec);
  return in;
}

std::int64_t Ranking::static_score(const JobSpec& spec, StandingId standing, Time submitted) const {
  return sched::static_score(input_of(spec, standing, submitted), book_->weights);
}

std::int64_t Ranking::path_score(std::uint32_t steps_after) const {
  return sched::path_score(steps_after, book_->weights);
}

PriorityParts Ranking::parts(const JobSpec& spec, StandingId standing, Time submitted,
                             std::uint32_t steps_after, Time now) const {
  PriorityInput in = input_of(spec, standing, submitted);
  in.steps_after = steps_after;
  return priority_parts(in, book_->weights, now);
}

std::int64_t Ranking::fair_ppm(LeafId leaf) const {
  if (book_->weights.fairness == Fairness::FairTree) return shares_.factor(leaf);
  return FairShare::kOne - dominant_share_ppm(held_[std::size_t(leaf)], capacity_);
}

std::int64_t Ranking::fair_score(StandingId standing) const {
  return sched::fair_score(last_[std::size_t(at(standing).leaf)], book_->weights);
}

void Ranking::note(LeafId leaf) {
  const std::int64_t now = fair_ppm(leaf);
  if (std::exchange(last_[std::size_t(leaf)], now) != now) changed_.push_back(leaf);
}

void Ranking::hold(StandingId standing, const rm::Amounts& total, Time now) {
  if (!charges_) return;
  const Entry& entry = at(standing);
  shares_.change_rate(entry.leaf, usage_rate(total, book_->usage, entry.usage_percent), now);
  held_[std::size_t(entry.leaf)] += total;
  if (book_->weights.fairness == Fairness::Drf) note(entry.leaf);
}

void Ranking::release(StandingId standing, const rm::Amounts& total, Time now) {
  if (!charges_) return;
  const Entry& entry = at(standing);
  shares_.change_rate(entry.leaf, -usage_rate(total, book_->usage, entry.usage_percent), now);
  held_[std::size_t(entry.leaf)] -= total;
  if (book_->weights.fairness == Fairness::Drf) note(entry.leaf);
}

void Ranking::restore_hold(StandingId standing, const rm::Amounts& total) {
  if (!charges_) return;
  const Entry& entry = at(standing);
  shares_.restore_rate(entry.leaf, usage_rate(total, book_->usage, entry.usage_percent));
  held_[std::size_t(entry.leaf)] += total;
}

bool Ranking::refresh(Now now) {
  if (now.mono < next_refresh_) return false;
  next_refresh_ = now.mono + kRefresh;
  shares_.refresh(now.wall);
  held_.resize(shares_.leaves());
  last_.resize(shares_.leaves(), FairShare::kOne);
  for (std::size_t i = 0; i < last_.size(); ++i) note(LeafId(i));
  return true;
}

std::vector<LeafId> Ranking::take_changed() {
  if (changed_.empty()) return {};
  std::ranges::sort(changed_);
  changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
  return std::exchange(changed_, {});
}

std::vector<UsageRecord> Ranking::take_dirty(Now now) {
  if (now.mono < next_store_) return {};
  next_store_ = now.mono + kStore;
  shares_.settle(now.wall);
  return shares_.take_dirty();
}

std::vector<std::string> Ranking::check(
    const std::map<StandingId, std::vector<rm::Amounts>>& live) const {
  std::vector<std::int64_t> rates(shares_.leaves());
  std::vector<rm::Amounts> held(shares_.leaves());
  for (const auto& [standing, leases] : live)
    for (const rm::Amounts& total : leases) {
      const auto leaf = std::size_t(at(standing).leaf);
      rates[leaf] += usage_rate(total, book_->usage, at(standing).usage_percent);
      held[leaf] += total;
    }
  std::vector<std::string> problems = shares_.check();
  if (!charges_) return problems;
  for (std::size_t i = 0; i < held_.size(); ++i)
    if (rates[i] != shares_.rate(LeafId(i)) || !(held[i] == held_[i]))
      problems.push_back("user " + std::to_string(i) + " is charged for other than is held");
  return problems;
}

}  // namespace drover::sched
