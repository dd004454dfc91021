// sim/read_swf.hpp - the Standard Workload Format 2.2 and what counts as a job.
//
// Processors = requested if > 0, else used. Estimate = requested time if > 0, else the run time (or
// the job is dropped, as asked). A job counts if run > 0, processors > 0, neither requested nor
// used processors exceed the machine, estimate > 0 and submit >= 0, looked at in this order. A run
// longer than its estimate is cut there, whatever estimates the simulation then uses.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string_view>

#include "sim/swf_fields.hpp"
#include "sim/workload.hpp"

namespace drover::sim {

// The 18 fields of one line; -1 = unknown. Decimals are cut off. Those without a name here may not
// have been read.
struct SwfLine {
  SwfFields field{};
  std::string_view rest;  // what follows the 18th field
  std::int64_t number() const { return field[0]; }
  std::int64_t submit() const { return field[1]; }
  std::int64_t run() const { return field[3]; }
  std::int64_t used_procs() const { return field[4]; }
  std::int64_t asked_procs() const { return field[7]; }
  std::int64_t asked_time() const { return field[8]; }
  std::int64_t asked_memory() const { return field[9]; }
  std::int64_t user() const { return field[11]; }
  std::int64_t queue() const { return field[14]; }
};

// Walks through a trace line by line. The text must be followed by a zero byte (FileBytes).
class SwfScanner {
 public:
  explicit SwfScanner(std::string_view text);
  bool next(SwfLine& line);           // false at the end
  std::int64_t header_procs() const;  // MaxProcs, else MaxNodes, else 0; as far as read
  std::uint64_t line_number() const { return line_number_; }
  Cleaning& cleaning() { return cleaning_; }

 private:
  bool read_line(const char* start, const char* stop, SwfLine& line);
  void read_comment(std::string_view comment);
  const char* at_;
  const char* end_;
  std::uint64_t line_number_ = 0;
  std::int64_t max_procs_ = 0, max_nodes_ = 0;
  Cleaning cleaning_;
};

// Applies the rules above to one line. True: `job` takes part (submit, run, estimate and cpus are
// set). Counts either way.
bool clean(const SwfLine& line, std::int64_t machine, const ReadOptions& options,
           Cleaning& cleaning, WorkJob& job);

Result<Workload> read_swf(std::string_view text, const ReadOptions& options);

}  // namespace drover::sim
