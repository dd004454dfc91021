// sim/import.cpp - which format a text has, and what a workload looks like.
// SPDX-License-Identifier: Apache-2.0
#include "sim/import.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/counted_words.hpp"
#include "base/units.hpp"
#include "sched/entrance.hpp"
#include "sim/read_jsonl.hpp"
#include "sim/read_swf.hpp"
#include "sim/summary.hpp"

namespace drover::sim {
namespace {

std::string spread_line(const char* name, const Spread& spread) {
  return fmt::format("  {:<22}{:>12.1f}{:>12.1f}{:>12.1f}{:>12.1f}\n", name, spread.mean,
                     spread.median, spread.p95, spread.max);
}

// The reader takes each name once. Some traces repeat their numbers, and what they number are jobs
// all the same: the second 7 is called 7-2.
void name_apart(Workload& workload) {
  std::unordered_set<std::string> used;
  std::vector<std::size_t> again;
  for (std::size_t i = 0; i < workload.jobs.size(); ++i)
    if (!used.insert(workload.name_of(i)).second) again.push_back(i);
  if (again.empty()) return;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < workload.jobs.size(); ++i) names.push_back(workload.name_of(i));
  std::unordered_map<std::string, int> count;
  for (const std::size_t i : again) {
    int& times = count.try_emplace(names[i], 1).first->second;
    std::string name;
    do name = names[i] + '-' + std::to_string(++times);
    while (!used.insert(name).second);
    names[i] = std::move(name);
  }
  workload.names = std::move(names);
}

Result<Workload> read_format(std::string_view text, ImportFormat format,
                             const ReadOptions& options) {
  switch (format) {
    case ImportFormat::History: return import_history(text, options);
    case ImportFormat::MetaCentrum: return import_metacentrum(text, options);
    case ImportFormat::GpuPods: return import_gpu_pods(text, options);
    case ImportFormat::Workload: break;
  }
  return holds_json(text) ? read_jsonl(text, options) : read_swf(text, options);
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
  Result<Workload> workload = read_format(without_bom(text), format, options);
  if (workload) name_apart(*workload);
  return workload;
}

std::string label_value(std::string_view text) {
  const auto fits = [](std::string_view value) {
    return sched::check_label_map({{"label", std::string(value)}}, "labels").has_value();
  };
  std::string value(text.substr(0, 256));
  if (fits(value)) return value;
  for (char& c : value)
    if (!fits({&c, 1})) c = '_';
  return value;
}

void count_from_first(Workload& workload) {
  const auto first = std::ranges::min_element(workload.jobs, {}, &WorkJob::submit);
  if (first == workload.jobs.end()) return;
  const Duration begin = first->submit;
  for (WorkJob& job : workload.jobs) job.submit.us -= begin.us;
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
