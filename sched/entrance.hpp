// sched/entrance.hpp - the chain every job passes before it is queued: completed, or refused.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sched/job_spec.hpp"

namespace drover::sched {

struct PolicyBook;

struct ForbiddenText {  // code that contains `text` is refused
  std::string
      language;  // the interpreter's name ("sh", "python3"); empty = every script and command
  std::string text;
};

struct EntranceConfig {
  std::string creator = "cli";    // label of jobs that do not say which system submitted them
  std::string cwd = "/tmp";       // of jobs that name none
  Duration time_limit_default{};  // 0 = no limit
  Duration time_limit_max{};      // 0 = no limit
  std::uint64_t array_size_max = 10'000'000;
  std::int32_t priority_min = -1'000'000, priority_max = 1'000'000;
  std::size_t script_bytes_max = 4u << 20;
  // System accounts are refused. The server allows its own uid, so that one user's Drover just
  // works.
  std::uint32_t uid_min = 1000;
  std::vector<std::uint32_t> uids_allowed{};
  bool check_code = false;  // batch users may run what they like unless the site says otherwise
  std::vector<ForbiddenText> forbidden{};
  std::shared_ptr<const PolicyBook> policy{};  // null: accounts, qos and partitions are mere labels
};

// One link of the chain: completes the spec, or refuses it with the field at fault and a hint.
struct Interceptor {
  std::string_view name;
  Result<void> (*run)(JobSpec& spec, const EntranceConfig& config);
};
std::span<const Interceptor>
interceptors();  // in order: policy, defaults, labels, limits, statement, code, authorisation

// The whole chain. `owner` and `user` must come from a trusted source. Afterwards: name, cwd and
// out are set, `request.cpus` is ntasks * cpus_per_task, `array` is {0} when not an array, the
// labels user and creator are there, and every size is within its limit.
Result<JobSpec> admit(JobSpec spec, const EntranceConfig& config);

// The links, for tests and for chains of other sizes.
Result<void> follow_policy(JobSpec& spec, const EntranceConfig& config);
Result<void> fill_defaults(JobSpec& spec, const EntranceConfig& config);
Result<void> complete_labels(JobSpec& spec, const EntranceConfig& config);
Result<void> check_limits(JobSpec& spec, const EntranceConfig& config);
Result<void> check_code(JobSpec& spec, const EntranceConfig& config);
Result<void> complete_statement(JobSpec& spec, const EntranceConfig& config);
Result<void> authorise(JobSpec& spec, const EntranceConfig& config);

Result<void> check_session_name(const std::string& name);

// A part of check_limits: the numbers of tasks, sockets and cores go together. Sets request.cores.
Result<void> check_layout(JobSpec& spec);

// Whether keys and values may be labels; the error names `field`.
Result<void> check_label_map(const rm::Labels& labels, const char* field);

}  // namespace drover::sched
