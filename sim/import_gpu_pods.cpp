// sim/import_gpu_pods.cpp - the CSV of the 2023 GPU cluster trace.
//
// name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,
// scheduled_time. A task runs from its scheduling to its deletion; one that was never scheduled
// would have run since its creation. CPUs are rounded up to whole ones. Less than a whole GPU is a
// share of one.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <charconv>

#include "sim/import.hpp"
#include "sim/spec_pool.hpp"

namespace drover::sim {
namespace {

constexpr std::int64_t kTimeMax = std::int64_t(1) << 32;
constexpr std::int64_t kUnitsMax = 1 << 20;  // CPUs or GPUs of one job
constexpr std::size_t kNameMax = 256;

struct Pod {
  std::array<std::string_view, 11> word{};

  bool parse(std::string_view line) {
    std::size_t count = 0;
    for (; count < word.size(); ++count) {
      const std::size_t comma = line.find(',');
      word[count] = line.substr(0, comma);
      if (comma == std::string_view::npos) return ++count == word.size() && numbers_are_good();
      line.remove_prefix(comma + 1);
    }
    return false;
  }
  std::int64_t number(std::size_t at) const {  // -1 when it is none
    std::int64_t value = -1;
    const std::string_view text = word[at];
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    return code == std::errc() && end == text.data() + text.size() ? value : -1;
  }
  bool numbers_are_good() const {
    for (const std::size_t at : {1u, 2u, 3u, 4u, 8u, 9u})
      if (number(at) < 0 || number(at) > kTimeMax) return false;
    return number(3) <= kUnitsMax && (word[10].empty() || number(10) >= 0);
  }
  bool texts_are_good() const {
    return !word[0].empty() && word[0].size() <= kNameMax && word[5].size() <= kNameMax;
  }
};

void share_gpu(rm::Request& request, std::int64_t thousandths) {
  if (thousandths == 0) return;  // says nothing
  request.gpus = 0;
  request.gpu_share = thousandths;
}

}  // namespace

Result<Workload> import_gpu_pods(std::string_view text, const ReadOptions& options) {
  Workload workload;
  SpecPool pool(workload);
  Cleaning& counts = workload.cleaning;
  for (std::uint64_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("name,")) continue;
    ++counts.lines;
    Pod pod;
    if (!pod.parse(line) || !pod.texts_are_good()) {
      counts.add_broken(number);
      continue;
    }
    WorkJob job;
    job.submit = seconds(pod.number(8));
    const std::int64_t began = pod.word[10].empty() ? pod.number(8) : pod.number(10);
    job.run = seconds(pod.number(9) - began);
    if (job.run.us <= 0) {
      ++counts.no_run;
      continue;
    }
    const std::int64_t cpus = std::max<std::int64_t>(1, (pod.number(1) + 999) / 1000);
    if (cpus > (options.procs > 0 ? options.procs : kUnitsMax)) {
      ++counts.too_large;
      continue;
    }
    job.estimate = job.run;
    job.cpus = std::uint32_t(cpus);
    sched::JobSpec spec;
    spec.request.mem_mib = pod.number(2);
    spec.request.gpus = pod.number(3);
    spec.request.gpu_model = pod.word[5];
    if (!pod.word[6].empty()) spec.labels["qos"] = label_value(pod.word[6]);
    if (pod.number(3) == 1 && pod.number(4) < 1000) share_gpu(spec.request, pod.number(4));
    ++counts.kept;
    workload.names.emplace_back(pod.word[0]);
    pool.add(job, std::move(spec));
    if (options.limit > 0 && workload.jobs.size() >= options.limit) break;
  }
  if (auto ok = settle(workload, options); !ok) return fail(ok.error());
  return workload;
}

}  // namespace drover::sim
