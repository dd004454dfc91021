// sched/diagnose.hpp - what a person should know about a job that runs: what it wastes or risks.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"

namespace drover::sched {

enum class AdviceKind : std::uint8_t {
  IdleCpu,     // it has CPUs and leaves them idle
  FewCpus,     // it uses some of them only
  MemoryNear,  // its limit is near
  Skew,        // an element takes much longer than the others did
  SlowPoll,    // what is known of a statement that runs elsewhere is old
  Quota,       // it waits for one
};
inline constexpr std::size_t kAdviceKinds = std::size_t(AdviceKind::Quota) + 1;
std::string_view to_string(AdviceKind kind);  // "idle_cpu", "memory_near_limit", ...

struct Advice {
  AdviceKind kind{};
  TaskIndex task{};
  std::string text, hint;
};

// One attempt that runs, as its node saw it.
struct AttemptUse {
  TaskIndex task{};
  Duration age;              // since its start
  Duration seen;             // between the two looks that `cpu` lies between; 0 = one look only
  Duration cpu;              // used between them
  std::int64_t rss_kib = 0;  // at the last look
};
struct JobUse {
  bool is_array = false;
  std::int64_t cpus = 0;           // that each attempt has; 0 = nothing is said of CPUs
  std::int64_t mem_limit_mib = 0;  // of each; 0 = none
  std::int64_t ended = 0;          // elements that have ended, and how long they ran together
  Duration ended_run{};
  std::vector<AttemptUse> attempts;
  // Of a statement, the one attempt is its engine's.
  bool is_statement = false;
  std::int64_t poll_late_ms = 0, poll_slowest_ms = 0;  // of an adapter engine
  std::string poll_target{};                           // that answers slowest
};

// At most one word of each kind, about the attempt that it is most true of. Texts name numbers.
std::vector<Advice> diagnose(const JobUse& use);

}  // namespace drover::sched
