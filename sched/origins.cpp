// sched/origins.cpp - labels as one key.
// SPDX-License-Identifier: Apache-2.0
#include "sched/origins.hpp"

namespace drover::sched {

// Equal users and labels have equal keys: none of them holds a zero byte.
void Origins::make_key(const JobSpec& spec) const {
  key_.assign(spec.user);
  for (const auto& [name, value] : spec.labels) {
    key_.push_back('\0');
    key_.append(name).push_back('\0');
    key_.append(value);
  }
}

const Origin* Origins::find(const JobSpec& spec) const {
  make_key(spec);
  const auto found = known_.find(key_);
  return found == known_.end() ? nullptr : &found->second;
}

void Origins::put(const JobSpec& spec, const Origin& origin) {
  make_key(spec);
  if (known_.size() >= kMax) known_.clear();
  known_[key_] = origin;
}

}  // namespace drover::sched
