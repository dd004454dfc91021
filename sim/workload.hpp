// sim/workload.hpp - what a simulation is fed: jobs in the order of their submission.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "sched/job_spec.hpp"

namespace drover::sim {

// Times count from the start of the trace, in microseconds. 56 bytes: a million of them is little.
struct WorkJob {
  std::int64_t number = 0;  // the trace's own name for it
  Duration submit;
  Duration run;       // never longer than the estimate
  Duration estimate;  // its JobSpec::time_limit, which specs leave open
  std::uint32_t cpus = 0;
  std::uint32_t spec = 0;   // into Workload::specs
  std::uint32_t queue = 0;  // SWF field 15; 0 elsewhere
};

// Job `job` may start after `before` has ended; both are positions in Workload::jobs.
struct Edge {
  std::uint32_t job = 0, before = 0;
  friend auto operator<=>(const Edge&, const Edge&) = default;
};

// What became of the lines of a trace. A job is counted under the first cause that applies.
struct Cleaning {
  static constexpr std::size_t kBrokenShown = 20;
  std::uint64_t lines = 0;      // neither empty nor comments
  std::uint64_t kept = 0;       // jobs that take part
  std::uint64_t cut = 0;        // of those: ran longer than their estimate, so they end there
  std::uint64_t no_run = 0;     // run time zero, negative or unknown
  std::uint64_t no_procs = 0;   // neither requested nor used processors known
  std::uint64_t too_large = 0;  // more processors than the machine has
  std::uint64_t no_estimate = 0;
  std::uint64_t no_submit = 0;              // negative submit time
  std::uint64_t broken = 0;                 // lines that are no job: skipped
  std::vector<std::uint64_t> broken_lines;  // numbers of the first of them
  std::string first_broken;                 // what is wrong with the first, where that is known

  std::uint64_t dropped() const { return no_run + no_procs + too_large + no_estimate + no_submit; }
  void add_broken(std::uint64_t line) {
    ++broken;
    if (broken_lines.size() < kBrokenShown) broken_lines.push_back(line);
  }
};

struct Workload {
  std::string name;
  std::vector<WorkJob> jobs;  // by submit time; equal times in the order of the file
  std::vector<std::shared_ptr<const sched::JobSpec>> specs;  // shared by all jobs that ask the same
  std::vector<Edge> edges;                                   // sorted
  std::vector<std::string> names;  // of jobs, when the trace does not number them; else empty
  Cleaning cleaning;
  std::int64_t procs = 0;  // of the machine that the trace was recorded on; 0 = not known

  std::string name_of(std::size_t job) const {
    return names.empty() ? std::to_string(jobs[job].number) : names[job];
  }
};

enum class Estimates : std::uint8_t { User, Exact, Factor };

// What the reader makes of the trace.
struct ReadOptions {
  std::int64_t procs = 0;  // the machine; 0 = what the trace says
  Estimates estimates = Estimates::User;
  std::int64_t factor_ppm = 1'000'000;  // Factor: the estimate is so many millionths of the run
  std::int64_t load_ppm = 1'000'000;    // gaps between arrivals are divided by this
  std::uint64_t limit = 0;              // so many kept jobs, then stop; 0 = all
  bool drop_without_estimate = false;   // else the run time stands in
};

// A factor such as "1.2" as millionths, so that times stay whole numbers.
Result<std::int64_t> parse_factor(std::string_view text, std::string_view field);

// What the job's owner is taken to have estimated, given what the trace says.
Duration chosen_estimate(Duration run, Duration said, const ReadOptions& options);

// Sorts by submit time (keeping file order), applies the load, and checks edges for cycles. A cycle
// is refused with its jobs named.
Result<void> settle(Workload& workload, const ReadOptions& options);

// Some editors put one in front of UTF-8.
inline std::string_view without_bom(std::string_view text) {
  return text.starts_with("\xEF\xBB\xBF") ? text.substr(3) : text;
}

// The first line that is neither empty nor a comment (; or #); empty when there is none.
std::string_view first_data_line(std::string_view text);

// The first line that is a JSON object or begins with SWF's 18 numbers: what stands before it may
// be broken. Empty when there is none. The text must be followed by a zero byte.
std::string_view first_good_line(std::string_view text);

// Whether to read a text as JSON lines, else as SWF: as the first good line is, else the first.
bool holds_json(std::string_view text);

// Reads a file by its ending (.swf or .jsonl, perhaps followed by .gz), else by its first good
// line: SWF or JSON lines, plain or gzip.
Result<Workload> read_workload(const std::string& path, const ReadOptions& options);

}  // namespace drover::sim
