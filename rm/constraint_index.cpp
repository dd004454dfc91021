// rm/constraint_index.cpp - one expression per request, one bitmap per expression.
// SPDX-License-Identifier: Apache-2.0
#include "rm/constraint_index.hpp"

#include <algorithm>
#include <iterator>

namespace drover::rm {
namespace {

using Op = ExpressionStep::Op;

void add(NodeExpression& all, NodeExpression more) {
  if (more.empty()) return;
  const bool first = all.empty();
  std::ranges::move(more, std::back_inserter(all));
  if (!first) all.push_back({Op::And, {}, {}, 0});
}

// A share lies on one GPU.
std::int64_t gpus_of_model(const Request& request) {
  if (request.gpu_model.empty()) return 0;
  return request.gpu_share > 0 ? 1 : request.gpus;
}

NodeConstraint constraint_of(const Request& request) {
  NodeConstraint what;
  if (!request.constraint.empty()) {
    auto parsed = parse_constraint(request.constraint);
    // What cannot be read (a damaged record: the entrance reads it first) matches nothing.
    const NodeExpression nothing{
        {Op::Has, {}, {}, 0}, {Op::Has, {}, {}, 0}, {Op::Not, {}, {}, 0}, {Op::And, {}, {}, 0}};
    if (parsed)
      what = *std::move(parsed);
    else
      what.all = nothing;
  }
  for (const auto& [key, value] : request.node_labels) add(what.all, {{Op::Equal, key, value, 0}});
  if (gpus_of_model(request) > 0)
    add(what.all, {{Op::AtLeast, gpu_fact(request.gpu_model), {}, gpus_of_model(request)}});
  for (const auto& [name, count] : request.resources)
    add(what.all, {{Op::AtLeast, resource_fact(name), {}, count}});
  return what;
}

bool is_any(const Request& request) {
  return request.node_labels.empty() && request.constraint.empty() && request.resources.empty() &&
         gpus_of_model(request) == 0 && request.cores == CoreRule{};
}

// With a range of nodes and a number of tasks, what the most nodes ask of each: a node that has no
// room for more is told apart when the job starts.
std::int64_t least_cpus(const Request& request) {
  const std::int64_t most = std::min(request.nodes_max, request.tasks);
  if (most <= request.nodes) return request.cpus;
  return (request.tasks + most - 1) / most * std::max(request.cores.cpus_per_task, 1);
}

}  // namespace

ConstraintIndex::Key ConstraintIndex::key_of(const Request& request) {
  const std::int64_t model = gpus_of_model(request);
  return {request.node_labels,
          request.constraint,
          model > 0 ? request.gpu_model : std::string(),
          model,
          request.resources,
          request.cores,
          request.cores.places() ? least_cpus(request) : 0};
}

NodeChoice ConstraintIndex::choose(NodeConstraint what, const CoreRule& cores,
                                   std::int64_t cpus) const {
  NodeChoice choice;
  choice.cores = cores;
  choice.cpus = cpus;
  choice.nodes = labels_.find(what.all, all_);
  if (cores != CoreRule{})
    for (auto id = choice.nodes.first_common(nullptr); id;
         id = choice.nodes.first_common(nullptr, raw(*id) + 1))
      if (!suits(cores, cpus, built_[raw(*id)])) choice.nodes.erase(*id);
  for (const NodeConstraint::Counted& part : what.counted)
    choice.counted.push_back(labels_.find(part.what, choice.nodes));
  NodeBits any;
  for (const NodeExpression& one : what.alternatives) {
    choice.alternatives.push_back(labels_.find(one, choice.nodes));
    any.unite(choice.alternatives.back());
  }
  if (!what.alternatives.empty()) choice.nodes = std::move(any);
  choice.what = std::move(what);
  return choice;
}

NodeChoice ConstraintIndex::evaluate(const Request& request) const {
  return choose(constraint_of(request), request.cores, least_cpus(request));
}

std::uint32_t ConstraintIndex::intern(const Request& request) {
  if (is_any(request)) return 0;
  const auto [known, is_new] = index_.try_emplace(key_of(request), std::uint32_t(choices_.size()));
  if (is_new) choices_.push_back(evaluate(request));
  return known->second;
}

void ConstraintIndex::change(NodeId id, const Labels& labels, const Topology& topology) {
  if (raw(id) >= facts_.size()) {
    facts_.resize(raw(id) + 1);
    built_.resize(raw(id) + 1);
  }
  built_[raw(id)] = threads_of(topology);
  Labels now = node_facts(labels, topology);
  labels_.change(id, facts_[raw(id)], now);
  facts_[raw(id)] = std::move(now);
  all_.insert(id);
  const Labels& facts = facts_[raw(id)];
  for (std::size_t i = 1; i < choices_.size(); ++i) {
    NodeChoice& choice = choices_[i];
    const bool suitable =
        choice.cores == CoreRule{} || suits(choice.cores, choice.cpus, built_[raw(id)]);
    const bool inside = suitable && matches(choice.what.all, facts);
    for (std::size_t part = 0; part < choice.counted.size(); ++part)
      choice.counted[part].set(id, inside && matches(choice.what.counted[part].what, facts));
    bool any = choice.alternatives.empty();
    for (std::size_t one = 0; one < choice.alternatives.size(); ++one) {
      const bool holds = inside && matches(choice.what.alternatives[one], facts);
      choice.alternatives[one].set(id, holds);
      any = any || holds;
    }
    choice.nodes.set(id, inside && any);
  }
}

}  // namespace drover::rm
