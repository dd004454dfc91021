// tests/unit/rm/slow_model.hpp - the resource manager as anyone would write it without caring about
// speed.
// SPDX-License-Identifier: Apache-2.0
//
// It keeps leases and nothing else: every number is summed anew when it is asked for. It shares no
// code with rm/ except plain values, so a wrong sum or index there cannot hide here.
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "rm/resource_manager.hpp"

namespace drover::rm {

struct ModelNode {
  NodeSpec spec;
  bool known = false;
  NodeState state = NodeState::Up;
};

struct ModelLease {
  Lease lease;
  Labels labels;  // of the job, all of them
  Labels path;    // those that were governed when it was acquired
};

struct ModelFree {  // of one node
  std::int64_t gpus = 0, cpus = 0, mem_mib = 0;
  friend auto operator<=>(const ModelFree&, const ModelFree&) = default;
};

class SlowModel {
 public:
  std::map<std::uint32_t, ModelNode> nodes;
  std::map<std::uint64_t, ModelLease> leases;  // by the test's own number
  std::vector<QuotaRule> rules;
  std::set<std::string> governed = {"account", "creator", "partition", "qos", "user"};
  std::set<Labels> paths, combinations;  // ever seen since the last restart

  void set_rules(std::vector<QuotaRule> changed);
  Labels project(const Labels& job) const;
  void see_path(const Labels& path);
  void see_combination(Labels combination);

  struct Expected {
    std::optional<QuotaShort> quota;
    std::vector<NodeId> nodes;     // by id; empty when too few fit
    std::vector<Amounts> amounts;  // of each
    NoFit no_fit;                  // without mostly_short_of
  };
  Expected acquire(const Request& request, const Labels& path) const;

  ModelFree free(std::uint32_t id) const;
  ModelFree size(std::uint32_t id) const;
  std::set<std::uint16_t> held_pus(std::uint32_t id) const;
  std::set<std::uint16_t> held_gpus(std::uint32_t id) const;
  std::vector<QuotaView> quotas() const;  // by name

 private:
  std::optional<Amounts> limit(const Labels& combination) const;
  void sum(const Labels& combination, Amounts& locked, Amounts& used) const;
  std::optional<QuotaShort> first_short(const Labels& path, const Amounts& want) const;
  std::vector<NodePart> parts_on(std::uint32_t id) const;
  bool held_alone(std::uint32_t id) const;
};

// Everything that is wrong with the units of `part`, judged before it was added to the model. "" =
// nothing.
std::string judge_units(const SlowModel& model, const Request& request, const NodePart& part);

}  // namespace drover::rm
