// sim/import_history.cpp - the daemon's own past: what `drover ls -a -o jsonl` prints.
//
// What the list does not say is not made up: dependencies come with `drover show -o json` only, and
// arrays are left out, since their elements' run times are not in the list.
// SPDX-License-Identifier: Apache-2.0
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <unordered_map>
#include <unordered_set>

#include "base/units.hpp"
#include "rm/components.hpp"
#include "sched/components.hpp"
#include "sched/entrance.hpp"
#include "sim/import.hpp"
#include "sim/spec_pool.hpp"

namespace drover::sim {
namespace {

constexpr std::int64_t kUnitsMax = 1 << 20;  // CPUs of one job
// As the reader of what is written takes them.
constexpr double kSecondsMax = 4294967296.0;
constexpr double kMemoryMax = 1099511627776.0;  // MiB
constexpr double kPriorityMax = 1e6;
constexpr std::size_t kNameMax = 256;

namespace dom = simdjson::dom;

double number_at(dom::object row, std::string_view key, double otherwise) {
  double value = 0;
  return row[key].get(value) == simdjson::SUCCESS ? value : otherwise;
}

std::string_view text_at(dom::object row, std::string_view key) {
  std::string_view text;
  return row[key].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

// "2026-12-24T08:00:00.123456Z", from 1970 to 2106: their distance is one that a trace can have.
std::optional<Duration> moment(std::string_view text) {
  if (text.size() < 20 || text.back() != 'Z') return std::nullopt;
  const auto whole = parse_begin(text.substr(0, 19), Time{}, 0);
  if (!whole || whole->us < 0 || double(whole->us) > (kSecondsMax - 1) * 1e6) return std::nullopt;
  const std::string fraction(text.substr(19, text.size() - 20));
  if (fraction.empty()) return Duration{whole->us};
  if (fraction[0] != '.' || fraction.find_first_not_of("0123456789", 1) != fraction.npos)
    return std::nullopt;
  return Duration{whole->us + std::llround(std::strtod(("0" + fraction).c_str(), nullptr) * 1e6)};
}

std::int64_t within(double value, double low, double high) {
  return std::int64_t(std::clamp(value, low, high));
}

struct Past {
  std::uint64_t id = 0;
  WorkJob job;
  sched::JobSpec spec;
  std::vector<std::uint64_t> after;
};

class HistoryReader {
 public:
  explicit HistoryReader(const ReadOptions& options) : options_(options) {}

  void line(std::string_view text, std::uint64_t number) {
    dom::object row;
    ++counts_.lines;
    std::uint64_t id = 0;
    if (parser_.parse(text.data(), text.size(), true).get(row) != simdjson::SUCCESS ||
        text_at(row, "submitted").empty() || row["id"].get(id) != simdjson::SUCCESS)
      return broken(number, "no job of drover ls -o jsonl");
    if (ids_.contains(id)) return broken(number, "id used twice");
    Past past;
    past.id = id;
    read_what(row, past);
    if (!sched::check_label_map(past.spec.labels, "labels") ||
        !sched::check_label_map(past.spec.request.node_labels, "constraints"))
      return broken(number, "bad labels");
    if (!clean(row, past)) return;
    ids_.insert(id);
    past_.push_back(std::move(past));
  }

  bool full() const { return options_.limit > 0 && past_.size() >= options_.limit; }

  Result<Workload> finish() {
    std::stable_sort(past_.begin(), past_.end(),
                     [](const Past& a, const Past& b) { return a.id < b.id; });
    Workload workload;
    SpecPool pool(workload);
    Duration first{past_.empty() ? 0 : past_.front().job.submit.us};
    for (const Past& past : past_) first = std::min(first, past.job.submit);
    std::unordered_map<std::uint64_t, std::uint32_t> index;
    for (Past& past : past_) {
      const auto position = std::uint32_t(workload.jobs.size());
      past.job.submit.us -= first.us;
      workload.names.push_back(std::to_string(past.id));
      for (const std::uint64_t before : past.after)  // one that is not there had ended before
        if (const auto found = index.find(before); found != index.end())
          workload.edges.push_back({position, found->second});
      index.emplace(past.id, position);
      pool.add(past.job, std::move(past.spec));
    }
    workload.cleaning = std::move(counts_);
    if (auto ok = settle(workload, options_); !ok) return fail(ok.error());
    return workload;
  }

 private:
  void broken(std::uint64_t number, const char* why) {
    counts_.add_broken(number);
    if (counts_.first_broken.empty()) counts_.first_broken = why;
  }

  bool clean(dom::object row, Past& past) {
    std::string_view array;
    const bool is_array = row["array"].get(array) == simdjson::SUCCESS;
    const double run = text_at(row, "ended").empty() ? -1 : number_at(row, "run_s", -1);
    const std::int64_t run_us = std::llround(std::clamp(run, 0.0, kSecondsMax) * 1e6);
    const auto submit = moment(text_at(row, "submitted"));
    if (is_array || run_us <= 0 || run > kSecondsMax) return ++counts_.no_run, false;
    if (!submit) return ++counts_.no_submit, false;
    const std::int64_t limit_us =
        std::llround(std::clamp(number_at(row, "time_limit_s", 0), 0.0, kSecondsMax) * 1e6);
    if (limit_us <= 0 && options_.drop_without_estimate) return ++counts_.no_estimate, false;
    past.job.submit = *submit;
    past.job.run = {run_us};
    past.job.estimate = {limit_us > 0 ? limit_us : run_us};
    const rm::Request& head = past.spec.request;
    const std::int64_t cpus = head.cpus * head.nodes + cpus_of_others(head);
    if (cpus > (options_.procs > 0 ? options_.procs : kUnitsMax)) return ++counts_.too_large, false;
    past.job.cpus = std::uint32_t(cpus);
    if (past.job.run > past.job.estimate) {
      ++counts_.cut;
      past.job.run = past.job.estimate;
    }
    past.job.estimate = chosen_estimate(past.job.run, past.job.estimate, options_);
    ++counts_.kept;
    return true;
  }

  // All but the times.
  static void read_what(dom::object row, Past& past) {
    read_amounts(row, past.spec.request);
    dom::array components;
    if (row["components"].get(components) == simdjson::SUCCESS)
      for (std::size_t at = 1; at < std::min(components.size(), rm::kComponentsMax); ++at) {
        dom::object component;
        sched::JobSpec part;
        if (components.at(at).get(component) != simdjson::SUCCESS) continue;
        read_amounts(component, part.request);
        part.ntasks = std::int32_t(part.request.cpus * part.request.nodes);
        sched::add_component(past.spec, part);
      }
    past.spec.priority =
        std::int32_t(within(number_at(row, "priority", 0), -kPriorityMax, kPriorityMax));
    dom::object labels;
    if (row["labels"].get(labels) == simdjson::SUCCESS)
      for (const auto& [key, value] : labels)
        if (std::string_view text; value.get(text) == simdjson::SUCCESS && !text.empty())
          past.spec.labels[std::string(key)] = text;
    if (const std::string_view user = text_at(row, "user"); !user.empty())
      past.spec.labels["user"] = label_value(user);
    read_details(row, past);
  }

  static void read_amounts(dom::object row, rm::Request& request) {
    request.nodes = within(number_at(row, "nodes", 1), 1, double(kUnitsMax));
    request.cpus = within(number_at(row, "cpus", 1), 1, double(kUnitsMax));
    request.mem_mib = within(number_at(row, "mem_mib", 0), 0, kMemoryMax);
    request.gpus = within(number_at(row, "gpus", 0), 0, double(kUnitsMax));
    read_extras(row, request);
  }

  // They stand in the row and in its spec.
  static void read_extras(dom::object from, rm::Request& request) {
    if (const auto model = text_at(from, "gpu_model"); !model.empty() && model.size() <= kNameMax)
      request.gpu_model = model;
    if (const double share = number_at(from, "gpu_share", 0);
        request.gpus == 0 && share >= 1 && share < rm::kWholeGpu)
      request.gpu_share = std::int64_t(share);
    if (bool alone = false; from["exclusive"].get(alone) == simdjson::SUCCESS)
      request.exclusive = alone;
    dom::object resources;
    if (from["resources"].get(resources) != simdjson::SUCCESS) return;
    for (const auto& [name, value] : resources)
      if (std::int64_t count = 0;
          !name.empty() && value.get(count) == simdjson::SUCCESS && count > 0)
        request.resources[std::string(name)] = std::min(count, kUnitsMax);
  }

  static void read_details(dom::object row, Past& past) {
    dom::object spec;
    if (row["spec"].get(spec) != simdjson::SUCCESS) return;
    rm::Request& request = past.spec.request;
    read_extras(spec, request);
    dom::object constraints;
    if (spec["constraints"].get(constraints) == simdjson::SUCCESS)
      for (const auto& [key, value] : constraints)
        if (std::string_view text; value.get(text) == simdjson::SUCCESS && !text.empty())
          request.node_labels[std::string(key)] = text;
    dom::array dependencies;
    if (spec["dependencies"].get(dependencies) != simdjson::SUCCESS) return;
    for (const dom::element entry : dependencies) {
      dom::object object;
      if (std::uint64_t job = 0; entry.get(object) == simdjson::SUCCESS &&
                                 text_at(object, "kind") != "afternotok" &&
                                 object["job"].get(job) == simdjson::SUCCESS)
        past.after.push_back(job);
    }
  }

  const ReadOptions& options_;
  dom::parser parser_;
  Cleaning counts_;
  std::unordered_set<std::uint64_t> ids_;
  std::vector<Past> past_;
};

}  // namespace

Result<Workload> import_history(std::string_view text, const ReadOptions& options) {
  HistoryReader reader(options);
  for (std::uint64_t number = 1; !text.empty() && !reader.full(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) reader.line(line, number);
  }
  return reader.finish();
}

}  // namespace drover::sim
