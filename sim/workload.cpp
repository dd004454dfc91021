// sim/workload.cpp - order, load and dependencies of a workload.
// SPDX-License-Identifier: Apache-2.0
#include "sim/workload.hpp"

#include <simdjson.h>

#include <algorithm>
#include <numeric>

#include "base/counted_words.hpp"
#include "sim/file_bytes.hpp"
#include "sim/read_jsonl.hpp"
#include "sim/read_swf.hpp"

namespace drover::sim {
namespace {

constexpr std::int64_t kPpm = 1'000'000;
constexpr std::size_t kCycleShown = 12;

// value * numerator / denominator, rounded down, without overflow for the sizes that occur here.
std::int64_t scale(std::int64_t value, std::int64_t numerator, std::int64_t denominator) {
  return value / denominator * numerator + value % denominator * numerator / denominator;
}

// Positions of the jobs by submit time; empty when they are in order already.
std::vector<std::uint32_t> order_of(const Workload& workload) {
  const auto earlier = [](const WorkJob& a, const WorkJob& b) { return a.submit < b.submit; };
  if (std::is_sorted(workload.jobs.begin(), workload.jobs.end(), earlier)) return {};
  std::vector<std::uint32_t> order(workload.jobs.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return workload.jobs[a].submit < workload.jobs[b].submit;
  });
  return order;
}

void reorder(Workload& workload, const std::vector<std::uint32_t>& order) {
  std::vector<WorkJob> jobs;
  std::vector<std::string> names;
  std::vector<std::uint32_t> place(order.size());
  jobs.reserve(order.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) {
    jobs.push_back(workload.jobs[order[i]]);
    if (!workload.names.empty()) names.push_back(std::move(workload.names[order[i]]));
    place[order[i]] = i;
  }
  workload.jobs = std::move(jobs);
  workload.names = std::move(names);
  for (Edge& edge : workload.edges) edge = {place[edge.job], place[edge.before]};
}

// Follows unfinished predecessors until one comes again: that is the cycle.
tl::unexpected<Error> name_cycle(const Workload& workload, const std::vector<std::uint32_t>& open) {
  const auto next = [&](std::uint32_t job) {
    auto edge = std::lower_bound(workload.edges.begin(), workload.edges.end(), Edge{job, 0});
    while (open[edge->before] == 0) ++edge;
    return edge->before;
  };
  std::uint32_t at = 0;
  while (open[at] == 0) ++at;
  std::vector<bool> seen(open.size());
  for (; !seen[at]; at = next(at)) seen[at] = true;
  std::string text = workload.name_of(at);
  std::size_t length = 1;
  for (std::uint32_t job = next(at); job != at; job = next(job), ++length)
    if (length < kCycleShown) text += " after " + workload.name_of(job);
  if (length > kCycleShown) text += " after ... (" + std::to_string(length) + " jobs)";
  text += " after " + workload.name_of(at);
  return fail(Errc::BadInput, "the dependencies form a cycle: " + text,
              "take one of these \"after\" entries out", "after");
}

// A job cannot be submitted before those that it names: the controller would not know them. It
// comes with the last of them at the earliest.
Result<void> follow_edges(Workload& workload) {
  std::vector<std::uint32_t> open(workload.jobs.size());
  std::vector<std::vector<std::uint32_t>> dependents(workload.jobs.size());
  for (const Edge& edge : workload.edges) {
    ++open[edge.job];
    dependents[edge.before].push_back(edge.job);
  }
  std::vector<std::uint32_t> ready, sequence;
  for (std::uint32_t job = 0; job < open.size(); ++job)
    if (open[job] == 0) sequence.push_back(job);
  for (std::size_t i = 0; i < sequence.size(); ++i) {
    for (const std::uint32_t job : dependents[sequence[i]]) {
      WorkJob& later = workload.jobs[job];
      later.submit = std::max(later.submit, workload.jobs[sequence[i]].submit);
      if (--open[job] == 0) sequence.push_back(job);
    }
  }
  if (sequence.size() < workload.jobs.size()) return name_cycle(workload, open);
  // Among equal submit times those that others wait for come first, else file order.
  std::vector<std::uint32_t> depth(workload.jobs.size());
  for (const std::uint32_t job : sequence)
    for (const std::uint32_t later : dependents[job])
      if (workload.jobs[later].submit == workload.jobs[job].submit)
        depth[later] = std::max(depth[later], depth[job] + 1);
  std::vector<std::uint32_t> order(workload.jobs.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const WorkJob &x = workload.jobs[a], &y = workload.jobs[b];
    return x.submit != y.submit ? x.submit < y.submit : depth[a] < depth[b];
  });
  reorder(workload, order);
  std::sort(workload.edges.begin(), workload.edges.end());
  return {};
}

// The first that is neither empty nor a comment, and that is `wanted`; from its first character on.
template <class Wanted>
std::string_view first_line(std::string_view text, Wanted&& wanted) {
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
    if (!line.empty() && line[0] != ';' && line[0] != '#' && wanted(line)) return line;
  }
  return {};
}

bool is_json_file(std::string_view name, std::string_view text) {
  if (name.ends_with(".gz")) name.remove_suffix(3);
  return name.ends_with(".jsonl") || (!name.ends_with(".swf") && holds_json(text));
}

}  // namespace

Result<std::int64_t> parse_factor(std::string_view text, std::string_view field) {
  std::int64_t value = 0;
  std::size_t decimals = 0;
  bool point = false, good = !text.empty() && text.size() <= 12 && text.front() != '.';
  for (const char c : text) {
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    good = good && c >= '0' && c <= '9' && decimals < 6;
    if (!good) break;
    value = value * 10 + (c - '0');
    decimals += point ? 1 : 0;
  }
  for (; good && decimals < 6; ++decimals) value *= 10;
  if (!good || value < 1'000 || value > 1'000 * kPpm)
    return fail(Errc::BadInput, "\"" + std::string(text) + "\" is no factor",
                "a number from 0.001 to 1000 with at most six decimals, such as 1.2",
                std::string(field));
  return value;
}

Duration chosen_estimate(Duration run, Duration said, const ReadOptions& options) {
  switch (options.estimates) {
    case Estimates::User: return said;
    case Estimates::Exact: return run;
    case Estimates::Factor: break;
  }
  const std::int64_t down = scale(run.us, options.factor_ppm, kPpm);
  return {std::max(run.us, down)};
}

Result<void> settle(Workload& workload, const ReadOptions& options) {
  if (const auto order = order_of(workload); !order.empty()) reorder(workload, order);
  if (options.load_ppm != kPpm && !workload.jobs.empty()) {
    const Duration first = workload.jobs.front().submit;
    for (WorkJob& job : workload.jobs)
      job.submit.us = first.us + scale(job.submit.us - first.us, kPpm, options.load_ppm);
  }
  std::sort(workload.edges.begin(), workload.edges.end());
  if (!workload.edges.empty()) return follow_edges(workload);
  return {};
}

std::string_view first_data_line(std::string_view text) {
  return first_line(text, [](std::string_view) { return true; });
}

std::string_view first_good_line(std::string_view text) {
  simdjson::dom::parser parser;
  return first_line(text, [&](std::string_view line) {
    if (line[0] == '{')
      return parser.parse(line.data(), line.size(), true).error() == simdjson::SUCCESS;
    SwfLine fields;
    return SwfScanner(line).next(fields);
  });
}

bool holds_json(std::string_view text) {
  const std::string_view line = first_good_line(text);
  return (line.empty() ? first_data_line(text) : line).starts_with('{');
}

Result<Workload> read_workload(const std::string& path, const ReadOptions& options) {
  const Result<FileBytes> bytes = read_file(path);
  if (!bytes) return fail(bytes.error());
  const std::string_view text = without_bom(bytes->text());
  const bool json = is_json_file(path, text);
  Result<Workload> workload = json ? read_jsonl(text, options) : read_swf(text, options);
  if (!workload) return fail(workload.error(), path);
  const std::size_t slash = path.rfind('/');
  workload->name = path.substr(slash == std::string::npos ? 0 : slash + 1);
  if (workload->jobs.empty())
    return fail(Errc::BadInput, path + " holds no job that could take part",
                std::string("its lines were read as ") + (json ? "JSON; " : "SWF; ") +
                    counted(std::int64_t(workload->cleaning.dropped()), "job") + " dropped, " +
                    counted(std::int64_t(workload->cleaning.broken), "line") + " broken");
  return workload;
}

}  // namespace drover::sim
