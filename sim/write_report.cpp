// sim/write_report.cpp - summary.json, jobs.csv, series.csv and the tables on the terminal.
// SPDX-License-Identifier: Apache-2.0
#include "sim/write_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/counted_words.hpp"
#include "base/csv_field.hpp"
#include "base/units.hpp"

namespace drover::sim {
namespace {

using Json = nlohmann::ordered_json;

double to_seconds(Duration d) { return double(d.us) / 1e6; }
double rate(std::uint64_t count, double seconds) {
  return seconds > 0 ? double(count) / seconds : 0;
}

Json to_json(const Spread& spread) {
  return {{"mean", spread.mean},
          {"median", spread.median},
          {"p95", spread.p95},
          {"p99", spread.p99},
          {"max", spread.max}};
}

Json to_json(const Cleaning& counts) {
  return {{"lines", counts.lines},
          {"kept", counts.kept},
          {"dropped", counts.dropped()},
          {"dropped_no_run", counts.no_run},
          {"dropped_no_procs", counts.no_procs},
          {"dropped_too_large", counts.too_large},
          {"dropped_no_estimate", counts.no_estimate},
          {"dropped_no_submit", counts.no_submit},
          {"cut", counts.cut},
          {"broken", counts.broken},
          {"broken_lines", counts.broken_lines}};
}

std::uint64_t events_of(const Run& run) { return run.submitted + run.started + run.ended; }

// Seconds with the decimals that a value in microseconds has: "12", "0.5".
using Buffer = fmt::memory_buffer;
void append_seconds(Buffer& out, Duration d) {
  if (d.us % 1'000'000 == 0)
    fmt::format_to(std::back_inserter(out), "{}", d.us / 1'000'000);
  else
    fmt::format_to(std::back_inserter(out), "{:.6f}", to_seconds(d));
}

std::string thousandths(std::int64_t milli) { return fmt::format("{}", double(milli) / 1000); }

// "n1", or of several nodes "n[1-2]"; quoted where it has a comma.
std::string nodes_of(std::size_t job, const Cluster& cluster, const Replay& replay) {
  const auto gang = replay.gangs.find(std::uint32_t(job));
  if (gang != replay.gangs.end()) return quoted_csv(gang->second);
  const std::uint32_t node = replay.outcomes[job].node;
  return node >= 1 && node <= cluster.nodes.size() ? quoted_csv(cluster.nodes[node - 1].name)
                                                   : std::string();
}

std::string short_time(double seconds) {
  return seconds < 600 ? fmt::format("{:.1f}s", seconds)
                       : format_duration(Duration{std::int64_t(seconds) * 1'000'000});
}

}  // namespace

std::string to_text(const Cleaning& counts) {
  std::string text = fmt::format("{} kept, {} dropped", counts.kept, counts.dropped());
  const std::pair<std::uint64_t, const char*> causes[] = {{counts.no_run, "no run time"},
                                                          {counts.no_procs, "no processors"},
                                                          {counts.too_large, "too large"},
                                                          {counts.no_estimate, "no estimate"},
                                                          {counts.no_submit, "no submit time"}};
  std::string why;
  for (const auto& [count, cause] : causes)
    if (count > 0) why += fmt::format("{}{} {}", why.empty() ? "" : ", ", count, cause);
  if (!why.empty()) text += " (" + why + ")";
  text += fmt::format(", {} cut at their estimate", counts.cut);
  if (counts.broken == 0) return text;
  text += fmt::format(", {} (", counted(std::int64_t(counts.broken), "broken line"));
  for (std::size_t i = 0; i < counts.broken_lines.size(); ++i)
    text += fmt::format("{}{}", i > 0 ? " " : "", counts.broken_lines[i]);
  text += counts.broken > counts.broken_lines.size() ? " ...)" : ")";
  if (!counts.first_broken.empty()) text += ": " + counts.first_broken;
  return text;
}

Json to_json(const Run& run) {
  const Summary& summary = run.summary;
  Json json;
  json["schema"] = 1;
  json["trace"] = run.trace;
  json["policy"] = run.policy;
  json["estimates"] = run.estimates;
  json["cluster"] = {{"nodes", run.nodes}, {"cpus", run.cpus}, {"gpus", run.gpus}};
  json["cleaning"] = to_json(run.cleaning);
  json["jobs"] = summary.jobs;
  json["refused"] = summary.refused;
  json["lost"] = summary.lost;
  json["restarted"] = summary.restarted;
  json["wait_s"] = to_json(summary.wait_s);
  json["bounded_slowdown"] = to_json(summary.slowdown);
  json["utilisation"] = summary.utilisation;
  if (run.gpus > 0) json["gpu_utilisation"] = summary.gpu_utilisation;
  json["makespan_s"] = summary.makespan_s;
  json["started_by_backfill"] = summary.backfilled;
  json["overtook"] = summary.overtook;
  json["passes"] = run.passes;
  json["events"] = events_of(run);
  json["performance"] = {{"load_s", run.load_s},
                         {"simulate_s", run.simulate_s},
                         {"decisions_per_s", rate(run.started, run.simulate_s)},
                         {"events_per_s", rate(events_of(run), run.simulate_s)},
                         {"peak_memory_kib", run.peak_memory_kib}};
  return json;
}

std::string to_text(const Run& run) {
  const Summary& s = run.summary;
  const auto row = [](const char* name, const Spread& spread, auto&& format) {
    return fmt::format("  {:<18}{:>14}{:>14}{:>14}{:>14}{:>14}\n", name, format(spread.mean),
                       format(spread.median), format(spread.p95), format(spread.p99),
                       format(spread.max));
  };
  const auto plain = [](double value) { return fmt::format("{:.2f}", value); };
  std::string text =
      fmt::format("{}  policy {}  estimates {}\n", run.trace, run.policy, run.estimates);
  text += fmt::format("  machine           {}, {}{}\n", counted(run.nodes, "node"),
                      counted(run.cpus, "CPU"),
                      run.gpus > 0 ? ", " + counted(run.gpus, "GPU") : std::string());
  text += "  trace             " + to_text(run.cleaning) + "\n";
  text += fmt::format("  jobs              {}", s.jobs);
  if (s.refused > 0) text += fmt::format(", {} refused as impossible here", s.refused);
  if (s.restarted > 0) text += fmt::format(", {} restarts", s.restarted);
  text += fmt::format("\n  {:<18}{:>14}{:>14}{:>14}{:>14}{:>14}\n", "", "mean", "median", "p95",
                      "p99", "max");
  text += row("wait", s.wait_s, short_time);
  text += row("bounded slowdown", s.slowdown, plain);
  text += fmt::format("  utilisation       {:.2f} %", s.utilisation * 100);
  if (run.gpus > 0) text += fmt::format(", GPUs {:.2f} %", s.gpu_utilisation * 100);
  text += fmt::format("\n  makespan          {}\n", short_time(s.makespan_s));
  text += fmt::format("  backfilled        {}; {} overtook one that came earlier\n",
                      counted(std::int64_t(s.backfilled), "job"), s.overtook);
  text += fmt::format(
      "  speed             load {:.3f} s, simulate {:.3f} s: {:.0f} decisions/s, {:.0f} events/s, "
      "peak {} MiB\n",
      run.load_s, run.simulate_s, rate(run.started, run.simulate_s),
      rate(events_of(run), run.simulate_s), run.peak_memory_kib / 1024);
  return text;
}

std::string to_table(const std::vector<Run>& runs) {
  std::size_t trace = 5, policy = 6, estimates = 0;  // the last only where they differ
  for (const Run& run : runs) {
    if (run.estimates != runs.front().estimates) estimates = 9;
    trace = std::max(trace, run.trace.size());
    policy = std::max(policy, run.policy.size());
  }
  const auto told = [&](std::string_view text) {
    return estimates == 0 ? std::string() : fmt::format("  {:<{}}", text, estimates);
  };
  std::string text =
      fmt::format("{:<{}}  {:<{}}{}  {:>7}  {:>11}  {:>11}  {:>11}  {:>9}  {:>6}  {:>8}  {:>7}\n",
                  "TRACE", trace, "POLICY", policy, told("ESTIMATES"), "JOBS", "WAIT MEAN",
                  "WAIT P95", "WAIT MAX", "BSLD MEAN", "UTIL", "BACKFILL", "SECONDS");
  for (const Run& run : runs) {
    const Summary& s = run.summary;
    text += fmt::format(
        "{:<{}}  {:<{}}{}  {:>7}  {:>11}  {:>11}  {:>11}  {:>9.2f}  {:>5.1f}%  {:>8}  {:>7.3f}\n",
        run.trace, trace, run.policy, policy, told(run.estimates), s.jobs,
        short_time(s.wait_s.mean), short_time(s.wait_s.p95), short_time(s.wait_s.max),
        s.slowdown.mean, s.utilisation * 100, s.backfilled, run.load_s + run.simulate_s);
  }
  return text;
}

std::string jobs_csv(const Workload& workload, const Cluster& cluster, const Replay& replay) {
  Buffer out;
  const auto put = [&](std::string_view text) {
    out.append(text.data(), text.data() + text.size());
  };
  put("job_id,workload_name,profile,submission_time,requested_number_of_resources,requested_time,"
      "success,final_state,starting_time,execution_time,finish_time,waiting_time,turnaround_time,"
      "stretch,allocated_resources,consumed_energy,metadata,queue,bounded_slowdown,overtook\n");
  for (std::size_t i = 0; i < workload.jobs.size(); ++i) {
    const WorkJob& job = workload.jobs[i];
    const Outcome& outcome = replay.outcomes[i];
    const bool done = outcome.ending == Ending::Done;
    put(quoted_csv(workload.name_of(i)));
    put(",");
    put(quoted_csv(workload.name));
    put(",delay,");
    append_seconds(out, job.submit);
    fmt::format_to(std::back_inserter(out), ",{},", job.cpus);
    append_seconds(out, job.estimate);
    put(done ? ",1,COMPLETED_SUCCESSFULLY," : ",0,REJECTED,");
    if (!done) {
      fmt::format_to(std::back_inserter(out), ",,,,,,,,,{},,\n", job.queue);
      continue;
    }
    const Duration run{outcome.end.us - outcome.start.us};
    const Duration wait{outcome.start.us - job.submit.us}, both{wait.us + run.us};
    for (const Duration d : {outcome.start, run, outcome.end, wait, both}) {
      append_seconds(out, d);
      put(",");
    }
    const double turnaround = to_seconds(both);
    fmt::format_to(std::back_inserter(out), "{:.6g},", turnaround / to_seconds(run));
    put(nodes_of(i, cluster, replay));
    fmt::format_to(std::back_inserter(out), ",,,{},{:.6g},{}\n", job.queue,
                   std::max(1.0, turnaround / std::max(to_seconds(run), 10.0)),
                   outcome.overtook ? 1 : 0);
  }
  return fmt::to_string(out);
}

std::string series_csv(const Cluster& cluster, const Replay& replay) {
  Buffer out;
  const std::string_view head =
      "time,used_cpus,free_cpus,used_gpus,free_gpus,running_jobs,queued_jobs,queued_cpus\n";
  out.append(head.data(), head.data() + head.size());
  const std::int64_t cpus = cluster.cpus(), gpus = cluster.gpus();
  for (const Sample& sample : replay.series) {
    append_seconds(out, sample.at);
    fmt::format_to(std::back_inserter(out), ",{},{},{},{},{},{},{}\n", sample.used_cpus,
                   cpus - sample.used_cpus, thousandths(sample.used_gpu_milli),
                   thousandths(gpus * 1000 - sample.used_gpu_milli), sample.running, sample.queued,
                   sample.queued_cpus);
  }
  return fmt::to_string(out);
}

}  // namespace drover::sim
