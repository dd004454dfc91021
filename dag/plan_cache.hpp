// dag/plan_cache.hpp - equal shapes share one plan, so that a million jobs cost a million pointers.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "dag/plan.hpp"

namespace drover::dag {

// Owned by whoever compiles; not shared between threads. Bounded: a full cache starts afresh, and
// plans that jobs hold live on.
class PlanCache {
 public:
  explicit PlanCache(std::size_t shapes_max = 1024) : shapes_max_(shapes_max) {}

  std::shared_ptr<const PhysicalPlan> find(std::string_view shape) const {
    const auto found = plans_.find(shape);
    return found == plans_.end() ? nullptr : found->second;
  }
  void keep(std::string shape, std::shared_ptr<const PhysicalPlan> plan) {
    if (plans_.size() >= shapes_max_) plans_.clear();
    plans_.insert_or_assign(std::move(shape), std::move(plan));
  }
  std::size_t size() const { return plans_.size(); }

 private:
  std::size_t shapes_max_;
  std::map<std::string, std::shared_ptr<const PhysicalPlan>, std::less<>> plans_;
};

}  // namespace drover::dag
