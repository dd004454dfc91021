// server/job_filter.hpp - which jobs a list shows: the query's words as a predicate.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/index_set.hpp"
#include "base/result.hpp"
#include "sched/records.hpp"
#include "server/exchange.hpp"

namespace drover::server {

struct JobFilter {
  unsigned states = 0xff;            // a bit per JobState
  std::optional<std::uint32_t> uid;  // what the caller may see at most
  std::string user, name, group;
  std::vector<std::pair<std::string, std::string>> labels;
  std::optional<IndexSet> ids;

  bool only_open() const;
  bool fits(const sched::JobRecord& record, const sched::JobSpec& spec,
            const std::vector<std::string>& group_by) const;
};

// "pending,running", "open", "closed" and the states' own names.
Result<unsigned> read_states(std::string_view text);
Result<JobFilter> read_filter(const Exchange& exchange);

}  // namespace drover::server
