// sim/read_swf.cpp - a line at a time; no string per line, one spec per size.
// SPDX-License-Identifier: Apache-2.0
#include "sim/read_swf.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <map>

namespace drover::sim {
namespace {

constexpr std::int64_t kTimeMax = std::int64_t(1) << 32;  // seconds; times a factor still fit
constexpr std::int64_t kProcsMax = 1 << 20;               // of a header's machine
constexpr std::int64_t kCpusMax = std::numeric_limits<std::int32_t>::max();  // of one job

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
inline const char* skip_blanks(const char* at) {
  while (is_blank(*at)) ++at;
  return at;
}

// One spec per number of processors: jobs of this format differ in nothing else.
class Specs {
 public:
  explicit Specs(Workload& workload) : workload_(workload) {}

  std::uint32_t of(std::uint32_t cpus) {
    if (cpus < kListed && by_cpus_.size() <= cpus) by_cpus_.resize(cpus + 1, kNone);
    std::uint32_t& found =
        cpus < kListed ? by_cpus_[cpus] : large_.try_emplace(cpus, kNone).first->second;
    if (found == kNone) {
      found = std::uint32_t(workload_.specs.size());
      auto spec = std::make_shared<sched::JobSpec>();
      spec->request.cpus = cpus;
      spec->ntasks = std::int32_t(cpus);
      workload_.specs.push_back(std::move(spec));
    }
    return found;
  }

 private:
  static constexpr auto kNone = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::uint32_t kListed = 1 << 16;

  Workload& workload_;
  std::vector<std::uint32_t> by_cpus_;  // into its specs
  std::map<std::uint32_t, std::uint32_t> large_;
};

// 0 when there is none.
std::int64_t number_after_colon(std::string_view comment) {
  std::size_t at = comment.find(':');
  if (at == std::string_view::npos) return 0;
  do ++at;
  while (at < comment.size() && is_blank(comment[at]));
  std::int64_t value = 0;
  const auto [end, code] =
      std::from_chars(comment.data() + at, comment.data() + comment.size(), value);
  if (code == std::errc::result_out_of_range && comment[at] != '-')
    return std::numeric_limits<std::int64_t>::max();
  return code == std::errc() && value > 0 ? value : 0;
}

tl::unexpected<Error> wrong_machine(std::int64_t machine) {
  return fail(machine == 0 ? Errc::BadInput : Errc::Limit,
              machine == 0 ? "the trace does not say how large its machine is"
                           : "the trace's header names a machine of more than " +
                                 std::to_string(kProcsMax) + " processors",
              "give --procs N or --cluster FILE", "procs");
}

}  // namespace

SwfScanner::SwfScanner(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

std::int64_t SwfScanner::header_procs() const { return max_procs_ > 0 ? max_procs_ : max_nodes_; }

void SwfScanner::read_comment(std::string_view comment) {
  while (!comment.empty() && (comment[0] == ';' || is_blank(comment[0]))) comment.remove_prefix(1);
  if (comment.starts_with("MaxProcs:") && max_procs_ == 0) max_procs_ = number_after_colon(comment);
  if (comment.starts_with("MaxNodes:") && max_nodes_ == 0) max_nodes_ = number_after_colon(comment);
}

bool SwfScanner::next(SwfLine& line) {
  while (at_ < end_) {
    const char* const start = at_;
    const void* const newline = std::memchr(start, '\n', std::size_t(end_ - start));
    const char* const stop = newline != nullptr ? static_cast<const char*>(newline) : end_;
    at_ = stop < end_ ? stop + 1 : end_;
    ++line_number_;
    const auto size = std::size_t(stop - start);
    if (size <= kUsualLine && std::size_t(end_ - start) >= kUsualReadable &&
        scan_usual_line(start, size, line.field)) {
      line.rest = {};
      ++cleaning_.lines;
      return true;
    }
    if (read_line(start, stop, line)) return true;
  }
  return false;
}

// Field by field; false: a comment, nothing, or broken, which is counted.
bool SwfScanner::read_line(const char* start, const char* stop, SwfLine& line) {
  const char* here = skip_blanks(start);
  if (*here == ';') return read_comment({here, std::size_t(stop - here)}), false;
  if (here == stop) return false;
  ++cleaning_.lines;
  for (std::int64_t& field : line.field) {
    here = skip_blanks(here);
    if (!scan_number(here, field) || (here < stop && !is_blank(*here)))
      return cleaning_.add_broken(line_number_), false;
  }
  line.rest = {here, std::size_t(stop - here)};
  return true;
}

bool clean(const SwfLine& line, std::int64_t machine, const ReadOptions& options,
           Cleaning& cleaning, WorkJob& job) {
  const std::int64_t procs = line.asked_procs() > 0 ? line.asked_procs() : line.used_procs();
  std::int64_t estimate = line.asked_time();
  if (estimate <= 0) estimate = options.drop_without_estimate ? 0 : line.run();
  if (line.run() <= 0 || line.run() > kTimeMax) return ++cleaning.no_run, false;
  if (procs <= 0) return ++cleaning.no_procs, false;
  if (procs > kCpusMax) return ++cleaning.too_large, false;
  if (line.asked_procs() > machine || line.used_procs() > machine)
    return ++cleaning.too_large, false;
  if (estimate <= 0) return ++cleaning.no_estimate, false;
  if (line.submit() < 0 || line.submit() > kTimeMax) return ++cleaning.no_submit, false;
  estimate = std::min(estimate, kTimeMax);
  ++cleaning.kept;
  if (line.run() > estimate) ++cleaning.cut;
  job.number = line.number();
  job.submit = seconds(line.submit());
  job.run = seconds(std::min(line.run(), estimate));
  job.estimate = seconds(estimate);
  job.cpus = std::uint32_t(procs);
  job.queue = std::uint32_t(std::clamp<std::int64_t>(line.queue(), 0, 1 << 30));
  return true;
}

Result<Workload> read_swf(std::string_view text, const ReadOptions& options) {
  Workload workload;
  workload.jobs.reserve(text.size() / 64);
  SwfScanner scanner(text);
  Specs specs(workload);
  SwfLine line;
  while (scanner.next(line)) {
    const std::int64_t machine = options.procs > 0 ? options.procs : scanner.header_procs();
    if (machine == 0 || (machine > kProcsMax && options.procs <= 0)) return wrong_machine(machine);
    WorkJob& job = workload.jobs.emplace_back();  // in place: see base/heap_push.hpp
    if (!clean(line, machine, options, scanner.cleaning(), job)) {
      workload.jobs.pop_back();
      continue;
    }
    job.estimate = chosen_estimate(job.run, job.estimate, options);
    job.spec = specs.of(job.cpus);
    if (options.limit > 0 && workload.jobs.size() >= options.limit) break;
  }
  workload.procs = scanner.header_procs();
  workload.cleaning = std::move(scanner.cleaning());
  if (auto ok = settle(workload, options); !ok) return fail(ok.error());
  return workload;
}

}  // namespace drover::sim
