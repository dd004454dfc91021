// sched/origins.hpp - where jobs of one user with the same labels belong.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/ids.hpp"
#include "rm/resource_manager.hpp"
#include "sched/job_spec.hpp"
#include "sched/ranking.hpp"

namespace drover::sched {

// A group, a quota path and a standing each look through the labels of a job. Jobs of one origin
// come in numbers: what was found for one of them is remembered for the next. Groups and paths go
// with their last job, so that an entry may be out of date: `group_made` and `path_made` say of
// which group and path of that id it speaks. A look-up is O(labels).
struct Origin {
  GroupId group{};
  rm::PathId path{};
  StandingId standing{};
  std::uint64_t group_made = 0, path_made = 0;
};

// What earlier jobs tell of a new one.
struct Known {
  const Origin* origin = nullptr;   // null where its group or path is gone meanwhile, too
  std::optional<rm::ClassId> what;  // the class of its request
};

class Origins {
 public:
  const Origin* find(const JobSpec& spec) const;  // null: not known; good until the next put
  void put(const JobSpec& spec, const Origin& origin);
  void clear() { known_.clear(); }  // labels lead elsewhere now

 private:
  static constexpr std::size_t kMax = 16'384;
  void make_key(const JobSpec& spec) const;
  std::unordered_map<std::string, Origin> known_;  // never iterated
  mutable std::string key_;                        // scratch
};

}  // namespace drover::sched
