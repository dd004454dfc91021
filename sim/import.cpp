// sim/import.cpp - which format a text has, and what a workload looks like.
// SPDX-License-Identifier: Apache-2.0
#include "sim/import.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/counted_words.hpp"
#include "base/units.hpp"
#include "sim/read_jsonl.hpp"
#include "sim/read_swf.hpp"
#include "sim/summary.hpp"

namespace drover::sim {
namespace {

std::string spread_line(const char* name, const Spread& spread) {
  return fmt::format("  {:<22}{:>12.1f}{:>12.1f}{:>12.1f}{:>12.1f}\n", name, spread.mean,
                     spread.median, spread.p95, spread.max);
}

}  // namespace

ImportFormat detect_format(std::string_view text) {
  constexpr std::string_view kPods = "name,cpu_milli,";
  text = without_bom(text);
  std::string_view line = first_good_line(text);
  if (line.empty()) {  // no line of CSV is good
    if (text.find("\n" + std::string(kPods)) != std::string_view::npos)
      return ImportFormat::GpuPods;
    line = first_data_line(text);
  }
  const bool is_history = line.starts_with('{') &&
                          line.find("\"submitted\"") != std::string_view::npos &&
                          line.find("\"time_limit_s\"") != std::string_view::npos;
  if (is_history) return ImportFormat::History;
  if (line.starts_with(kPods)) return ImportFormat::GpuPods;
  const bool has_shape = line.find(":ppn=") != std::string_view::npos && !line.starts_with('{');
  return has_shape ? ImportFormat::MetaCentrum : ImportFormat::Workload;
}

Result<ImportFormat> parse_import_format(std::string_view word) {
  if (word == "workload") return ImportFormat::Workload;
  if (word == "history") return ImportFormat::History;
  if (word == "metacentrum") return ImportFormat::MetaCentrum;
  if (word == "gpu-pods") return ImportFormat::GpuPods;
  return fail(Errc::BadInput, "there is no format \"" + std::string(word) + "\"",
              "workload, history, metacentrum or gpu-pods", "format");
}

Result<Workload> import_text(std::string_view text, ImportFormat format,
                             const ReadOptions& options) {
  text = without_bom(text);
  switch (format) {
    case ImportFormat::History: return import_history(text, options);
    case ImportFormat::MetaCentrum: return import_metacentrum(text, options);
    case ImportFormat::GpuPods: return import_gpu_pods(text, options);
    case ImportFormat::Workload: break;
  }
  return holds_json(text) ? read_jsonl(text, options) : read_swf(text, options);
}

std::string profile_of(const Workload& workload) {
  std::vector<double> runs, sizes, accuracy, waits;
  std::set<std::string_view> users;
  double work = 0;
  for (const WorkJob& job : workload.jobs) {
    runs.push_back(double(job.run.us) / 1e6);
    sizes.push_back(job.cpus);
    accuracy.push_back(100 * double(job.run.us) / double(job.estimate.us));
    work += double(job.run.us) / 1e6 * job.cpus;
    users.insert(workload.specs[job.spec]->user);
  }
  if (workload.jobs.empty()) return "  no jobs\n";
  const double span =
      double(workload.jobs.back().submit.us - workload.jobs.front().submit.us) / 1e6;
  std::string text = fmt::format(
      "  {} in {} ({:.1f} a day), {}, {}\n", counted(std::int64_t(workload.jobs.size()), "job"),
      format_duration(Duration{std::int64_t(span) * 1'000'000}),
      span > 0 ? double(workload.jobs.size()) * 86400 / span : 0.0,
      counted(std::int64_t(users.size()), "user"),
      std::to_string(workload.edges.size()) +
          (workload.edges.size() == 1 ? " dependency" : " dependencies"));
  text += fmt::format("  {:<22}{:>12}{:>12}{:>12}{:>12}\n", "", "mean", "median", "p95", "max");
  text += spread_line("run time in s", spread_of(runs));
  text += spread_line("CPUs", spread_of(sizes));
  text += spread_line("used % of estimate", spread_of(accuracy));
  if (span > 0) text += fmt::format("  work offered is {:.1f} CPUs on average\n", work / span);
  return text;
}

}  // namespace drover::sim
