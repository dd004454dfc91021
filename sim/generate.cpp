// sim/generate.cpp - the models.
// SPDX-License-Identifier: Apache-2.0
#include "sim/generate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "sim/distributions.hpp"
#include "sim/spec_pool.hpp"

namespace drover::sim {
namespace {

// The paper's parameters when batch and interactive jobs are not told apart.
constexpr double kSerial = 0.244, kPowerOfTwo = 0.576;
constexpr double kSmallest = 0.8, kMedianBelowTop = 2.5, kLowerStage = 0.86;  // log2 of the size
constexpr double kShape1 = 4.2, kScale1 = 0.94, kShape2 = 312, kScale2 = 0.03;
constexpr double kShortShare = 0.78, kShortShareFallsPerNode = 0.0054;
constexpr double kGapShape = 10.2303 * 1.0225, kGapScale = 0.4871;
constexpr double kHourShape = 8.1737, kHourScale = 3.9631;
constexpr double kLogRunMax = 12, kLogGapMax = 13;  // longer ones are drawn again
constexpr int kSlots = 48, kDayStart = 11;          // half hours
constexpr double kSlotSeconds = 1800;

Duration from_seconds(double s) { return {std::llround(s * 1e6)}; }

double gamma_density(double x, double shape, double scale) {
  if (x <= 0) return 0;
  return std::exp((shape - 1) * std::log(x) - x / scale - std::lgamma(shape) -
                  shape * std::log(scale));
}

// Arrivals: gaps are log-gamma in a time that runs faster when people are at work.
class Arrivals {
 public:
  Arrivals() {
    double sum = 0;
    for (int slot = kDayStart; slot < kDayStart + kSlots; ++slot) {
      double mass = 0;
      for (int step = 0; step < 16; ++step)
        mass += gamma_density(slot - 0.5 + (step + 0.5) / 16, kHourShape, kHourScale) / 16;
      speed_[std::size_t(slot % kSlots)] = mass;
      sum += mass;
    }
    for (double& speed : speed_) speed = std::max(speed * kSlots / sum, 1e-3);
  }

  double next(Draw& draw) {
    double log_gap = 0;
    do log_gap = draw.gamma(kGapShape, kGapScale);
    while (log_gap > kLogGapMax);
    double left = std::exp(log_gap);
    for (;;) {
      const double slot = std::floor(now_ / kSlotSeconds);
      const double speed = speed_[std::size_t(slot) % kSlots];
      const double room = ((slot + 1) * kSlotSeconds - now_) * speed;
      if (left < room) return now_ += left / speed;
      left -= room;
      now_ = (slot + 1) * kSlotSeconds;
    }
  }

 private:
  std::array<double, kSlots> speed_{};
  double now_ = 0;
};

std::int64_t draw_size(Draw& draw, std::int64_t procs) {
  const double kind = draw.uniform();
  const double top = std::log2(double(procs));
  if (kind <= kSerial || top <= kSmallest) return 1;
  const double median = std::max(top - kMedianBelowTop, kSmallest);
  double size =
      draw.chance(kLowerStage) ? draw.uniform(kSmallest, median) : draw.uniform(median, top);
  if (kind <= kSerial + kPowerOfTwo) size = std::floor(size + 0.5);
  return std::clamp<std::int64_t>(std::llround(std::exp2(size)), 1, procs);
}

double draw_run_s(Draw& draw, std::int64_t size) {
  const double share = std::clamp(kShortShare - kShortShareFallsPerNode * double(size), 0.0, 1.0);
  double log_run = 0;
  do log_run = draw.chance(share) ? draw.gamma(kShape1, kScale1) : draw.gamma(kShape2, kScale2);
  while (log_run > kLogRunMax);
  return std::max(1.0, std::exp(log_run));
}

// People ask for round times: the next of these above what they need, and often a few steps more.
Duration round_up(Draw& draw, Duration run) {
  static constexpr std::int64_t kMinutes[] = {5,   15,  30,   60,   120,  240,
                                              480, 720, 1440, 2880, 4320, 10080};
  std::size_t step = 0;
  while (step + 1 < std::size(kMinutes) && seconds(kMinutes[step] * 60) < run) ++step;
  step = std::min<std::size_t>(step + draw.below(4), std::size(kMinutes) - 1);
  return std::max(run, seconds(kMinutes[step] * 60));
}

// Stretches or shortens all gaps so that the work offered is `load` of the machine.
void scale_to_load(Workload& workload, double load) {
  if (load <= 0 || workload.jobs.size() < 2) return;
  double work = 0;
  for (const WorkJob& job : workload.jobs) work += double(job.run.us) * double(job.cpus);
  const double first = double(workload.jobs.front().submit.us);
  const double span = double(workload.jobs.back().submit.us) - first;
  // Where all come in the same second there is no gap to stretch.
  const double factor = span > 0 ? work / double(workload.procs) / load / span : 0;
  for (WorkJob& job : workload.jobs)
    job.submit.us = std::llround((double(job.submit.us) - first) * factor);
}

void close(Workload& workload, std::string name) {
  workload.name = std::move(name);
  workload.cleaning.lines = workload.cleaning.kept = workload.jobs.size();
}

// Whole seconds, as logs have them.
Duration whole_seconds(double s) { return seconds(std::max(1ll, std::llround(s))); }

}  // namespace

Workload generate_lublin(const GenerateOptions& options) {
  Workload workload;
  workload.procs = options.procs;
  SpecPool specs(workload);
  Draw draw(options.seed);
  Arrivals arrivals;
  for (std::uint64_t i = 0; i < options.jobs; ++i) {
    WorkJob job;
    job.submit = seconds(std::llround(arrivals.next(draw)));
    job.cpus = std::uint32_t(draw_size(draw, options.procs));
    job.run = job.estimate = whole_seconds(draw_run_s(draw, job.cpus));
    specs.add(job, {});
  }
  scale_to_load(workload, options.load);
  for (WorkJob& job : workload.jobs) job.submit.us -= job.submit.us % 1'000'000;
  close(workload, "lublin");
  return workload;
}

Workload generate_poisson(const GenerateOptions& options) {
  Workload workload;
  workload.procs = options.procs;
  Draw draw(options.seed);
  const double load = options.load > 0 ? options.load : 0.8;
  const double gap = options.mean_run_s / (double(options.procs) * load);
  // FCFS ignores it; none would be no estimate.
  const Duration estimate = std::max(millis(1), from_seconds(options.mean_run_s * 100));
  workload.specs.push_back(std::make_shared<sched::JobSpec>());
  workload.jobs.reserve(options.jobs);
  double now = 0;
  for (std::uint64_t i = 0; i < options.jobs; ++i) {
    WorkJob job;
    job.number = std::int64_t(i) + 1;
    job.submit = from_seconds(now += draw.exponential(gap));
    job.run = {std::max<std::int64_t>(1, from_seconds(draw.exponential(options.mean_run_s)).us)};
    job.estimate = estimate;
    job.cpus = 1;
    workload.jobs.push_back(job);
  }
  close(workload, "poisson");
  return workload;
}

Workload generate_mixed(const GenerateOptions& options) {
  Workload workload;
  workload.procs = options.procs;
  SpecPool specs(workload);
  Draw draw(options.seed);
  Arrivals arrivals;
  std::vector<std::int64_t> last_of_user(options.users, -1);
  for (std::uint64_t i = 0; i < options.jobs; ++i) {
    WorkJob job;
    sched::JobSpec spec;
    // A few users submit most of the jobs.
    const auto user = std::size_t(double(options.users) * std::pow(draw.uniform(), 3));
    spec.labels = {{"user", "user" + std::to_string(user)},
                   {"account", "group" + std::to_string(user % 5)}};
    job.submit = seconds(std::llround(arrivals.next(draw)));
    job.cpus = std::uint32_t(draw_size(draw, std::min(options.procs, options.node_cpus)));
    job.run = whole_seconds(draw_run_s(draw, job.cpus));
    job.estimate = round_up(draw, job.run);
    spec.request.mem_mib = std::int64_t(job.cpus) * (512 << draw.below(4));
    if (options.node_gpus > 0 && draw.chance(0.2)) {
      const auto most = std::uint64_t(std::log2(double(options.node_gpus))) + 1;
      spec.request.gpus = std::int64_t(1) << draw.below(most);
    }
    const auto position = std::uint32_t(workload.jobs.size());
    if (draw.chance(0.1) && last_of_user[user] >= 0)
      workload.edges.push_back({position, std::uint32_t(last_of_user[user])});
    last_of_user[user] = position;
    specs.add(job, std::move(spec));
  }
  scale_to_load(workload, options.load);
  close(workload, "mixed");
  return workload;
}

double erlang_wait_s(std::int64_t servers, double load, double mean_run_s) {
  const double offered = load * double(servers);
  double blocking = 1;  // Erlang B by its recursion
  for (std::int64_t k = 1; k <= servers; ++k)
    blocking = offered * blocking / (double(k) + offered * blocking);
  const double waits = blocking / (1 - load * (1 - blocking));
  return waits * mean_run_s / (double(servers) * (1 - load));
}

std::string to_swf(const Workload& workload, const std::string& comment) {
  fmt::memory_buffer out;
  auto end = std::back_inserter(out);
  fmt::format_to(end, "; Version: 2.2\n; Computer: {}\n; MaxJobs: {}\n; MaxProcs: {}\n", comment,
                 workload.jobs.size(), workload.procs);
  for (std::size_t i = 0; i < workload.jobs.size(); ++i) {
    const WorkJob& job = workload.jobs[i];
    const std::int64_t run = std::max<std::int64_t>(1, job.run.us / 1'000'000);
    const std::int64_t estimate = job.estimate == job.run ? -1 : job.estimate.us / 1'000'000;
    fmt::format_to(end, "{} {} -1 {} {} -1 -1 {} {} -1 1 -1 -1 -1 {} -1 -1 -1\n", i + 1,
                   job.submit.us / 1'000'000, run, job.cpus, job.cpus, estimate, job.queue);
  }
  return fmt::to_string(out);
}

}  // namespace drover::sim
