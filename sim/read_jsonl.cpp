// sim/read_jsonl.cpp - reading and writing Drover's own workload format.
// SPDX-License-Identifier: Apache-2.0
#include "sim/read_jsonl.hpp"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "base/units.hpp"
#include "rm/components.hpp"
#include "rm/lease.hpp"
#include "sched/components.hpp"
#include "sched/entrance.hpp"
#include "sim/spec_pool.hpp"

namespace drover::sim {
namespace {

namespace dom = simdjson::dom;

constexpr double kSecondsMax = 4294967296.0;
constexpr std::int64_t kUnitsMax = 1 << 20;  // CPUs or GPUs of one job
constexpr std::int64_t kMemoryMax = std::int64_t(1) << 40;
constexpr auto kKeys = std::to_array<std::string_view>(
    {"id",          "submit",    "run",        "estimate", "cpus",      "nodes",
     "gpus",        "gpu_share", "gpu_model",  "memory",   "exclusive", "user",
     "creator",     "account",   "partition",  "qos",      "priority",  "labels",
     "node_labels", "after",     "components", "resources"});
// Labels of the job that have a key of their own.
constexpr auto kLabelKeys =
    std::to_array<std::string_view>({"user", "creator", "account", "partition", "qos"});

struct Row {
  std::string name;
  std::optional<Duration> submit, run, estimate;
  std::int64_t cpus = 1;
  sched::JobSpec spec;
  std::vector<std::string> after;
  std::int64_t all_cpus() const { return cpus * spec.request.nodes + cpus_of_others(spec.request); }
};

bool read_seconds(dom::element value, std::optional<Duration>& out) {
  double number = 0;
  if (value.get(number) != simdjson::SUCCESS || !(std::fabs(number) <= kSecondsMax)) return false;
  out = Duration{std::llround(number * 1e6)};
  return true;
}

bool read_count(dom::element value, std::int64_t low, std::int64_t high, std::int64_t& out) {
  return value.get(out) == simdjson::SUCCESS && out >= low && out <= high;
}

bool read_name(dom::element value, std::string& out) {
  std::int64_t number = 0;
  if (value.get(number) == simdjson::SUCCESS) {
    out = std::to_string(number);
    return true;
  }
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS || text.empty() || text.size() > 256) return false;
  out = text;
  return true;
}

bool read_memory(dom::element value, std::int64_t& out) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return read_count(value, 0, kMemoryMax, out);
  const auto mib = parse_memory_mib(text);
  if (mib) out = *mib;
  return mib.has_value();
}

bool read_labels(dom::element value, rm::Labels& out) {
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return false;
  for (const auto& [key, label] : object) {
    std::string text;
    if (key.empty() || !read_name(label, text)) return false;
    out[std::string(key)] = std::move(text);
  }
  return sched::check_label_map(out, "labels").has_value();
}

bool read_counts(dom::element value, rm::Counts& out) {
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS) return false;
  for (const auto& [key, number] : object) {
    std::int64_t count = 0;
    if (key.empty() || !read_count(number, 1, rm::Room::kExtraMax, count)) return false;
    out[std::string(key)] = count;
  }
  return true;
}

bool read_after(dom::element value, std::vector<std::string>& out) {
  dom::array array;
  if (value.get(array) != simdjson::SUCCESS) return false;
  for (const dom::element item : array)
    if (!read_name(item, out.emplace_back())) return false;
  return true;
}

// What is of a node, and how many: of the job, or of one component.
bool is_of_request(std::string_view key) {
  constexpr auto kKnown =
      std::to_array<std::string_view>({"cpus", "nodes", "gpus", "gpu_share", "gpu_model", "memory",
                                       "exclusive", "node_labels", "resources"});
  return std::ranges::find(kKnown, key) != kKnown.end();
}

bool read_request(std::string_view key, dom::element value, std::int64_t& cpus,
                  rm::Request& request) {
  if (key == "cpus") return read_count(value, 0, kUnitsMax, cpus);
  if (key == "nodes") return read_count(value, 1, kUnitsMax, request.nodes);
  if (key == "gpus") return read_count(value, 0, kUnitsMax, request.gpus);
  if (key == "gpu_share") return read_count(value, 0, rm::kWholeGpu - 1, request.gpu_share);
  if (key == "memory") return read_memory(value, request.mem_mib);
  if (key == "exclusive") return value.get(request.exclusive) == simdjson::SUCCESS;
  if (key == "node_labels") return read_labels(value, request.node_labels);
  if (key == "resources") return read_counts(value, request.resources);
  return read_name(value, request.gpu_model);
}

// As the entrance refuses it.
bool wants_part_and_whole(const rm::Request& request) {
  return request.gpu_share > 0 && request.gpus > 0;
}

// The second and later ones; the first is the job itself.
bool read_components(dom::element value, sched::JobSpec& spec) {
  dom::array array;
  if (value.get(array) != simdjson::SUCCESS || array.size() >= rm::kComponentsMax) return false;
  for (const dom::element item : array) {
    dom::object object;
    if (item.get(object) != simdjson::SUCCESS) return false;
    sched::JobSpec part;
    std::int64_t cpus = 1;
    for (const auto& [key, one] : object)
      if (!is_of_request(key) || !read_request(key, one, cpus, part.request)) return false;
    if (cpus < 1 || cpus * part.request.nodes > kUnitsMax) return false;
    if (wants_part_and_whole(part.request)) return false;
    part.request.cpus = cpus;
    part.ntasks = std::int32_t(cpus * part.request.nodes);
    sched::add_component(spec, part);
  }
  return true;
}

bool read_field(std::string_view key, dom::element value, Row& row) {
  if (key == "id") return read_name(value, row.name);
  if (key == "submit") return read_seconds(value, row.submit);
  if (key == "run") return read_seconds(value, row.run);
  if (key == "estimate") return read_seconds(value, row.estimate);
  if (is_of_request(key)) return read_request(key, value, row.cpus, row.spec.request);
  if (key == "components") return read_components(value, row.spec);
  if (key == "labels") return read_labels(value, row.spec.labels);
  if (key == "after") return read_after(value, row.after);
  if (key == "priority") {
    std::int64_t priority = 0;
    const bool good = read_count(value, -1'000'000, 1'000'000, priority);
    row.spec.priority = std::int32_t(priority);
    return good;
  }
  if (std::ranges::find(kLabelKeys, key) == kLabelKeys.end()) return false;
  rm::Labels one;
  std::string& label = one[std::string(key)];
  if (!read_name(value, label) || !sched::check_label_map(one, "labels")) return false;
  row.spec.labels.merge(one);
  return true;
}

// Empty when the row is good, else what is wrong with it. Also a broken one is named, if it can be.
std::string read_row(dom::element document, Row& row) {
  dom::object object;
  dom::element id;
  if (document.get(object) != simdjson::SUCCESS) return "no JSON object";
  if (object["id"].get(id) == simdjson::SUCCESS) read_name(id, row.name);
  for (const auto& [key, value] : object) {
    if (value.is_null() || read_field(key, value, row)) continue;
    if (std::ranges::find(kKeys, key) != kKeys.end()) return "bad \"" + std::string(key) + "\"";
    const std::string_view near = nearest_match(key, kKeys);
    return "unknown key \"" + std::string(key) + "\"" +
           (near.empty() ? "" : ", did you mean \"" + std::string(near) + "\"?");
  }
  if (wants_part_and_whole(row.spec.request)) return "gpus and gpu_share exclude each other";
  return {};
}

class Reader {
 public:
  explicit Reader(const ReadOptions& options) : options_(options) {}

  void line(std::string_view text, std::uint64_t number) {
    dom::element document;
    Row row;
    std::string wrong = "no JSON";
    if (parser_.parse(text.data(), text.size(), true).get(document) == simdjson::SUCCESS)
      wrong = read_row(document, row);
    const bool is_named = !row.name.empty();
    if (!is_named) row.name = std::to_string(number);
    const bool is_known = index_.contains(row.name);
    if (wrong.empty() && is_known)
      wrong = is_named ? "id used twice" : "no id, and its number is the id of another line";
    ++work_.cleaning.lines;
    const char* dropped = wrong.empty() ? clean(row) : nullptr;
    if (wrong.empty() && dropped == nullptr) return keep(std::move(row), number);
    if (!is_known)
      lost_.try_emplace(std::move(row.name), Lost{number, wrong.empty() ? dropped : "", wrong});
    if (wrong.empty()) return;
    work_.cleaning.add_broken(number);
    if (work_.cleaning.first_broken.empty()) work_.cleaning.first_broken = std::move(wrong);
  }
  bool full() const { return options_.limit > 0 && work_.jobs.size() >= options_.limit; }

  Result<Workload> finish() {
    for (const Wait& wait : after_) {
      const auto found = index_.find(wait.before);
      if (found == index_.end()) return nobody(wait);
      work_.edges.push_back({wait.job, found->second});
    }
    if (auto ok = settle(work_, options_); !ok) return fail(ok.error());
    return std::move(work_);
  }

 private:
  struct Wait {
    std::uint32_t job = 0;
    std::uint64_t line = 0;
    std::string before;
  };
  struct Lost {
    std::uint64_t line = 0;
    const char* dropped = "";  // why
    std::string broken;        // what is wrong; empty: it was dropped
  };

  tl::unexpected<Error> nobody(const Wait& wait) const {
    std::string text = "line " + std::to_string(wait.line) + ": job " + work_.names[wait.job] +
                       " comes after " + wait.before + ", which is not there";
    std::string hint = "take it out of \"after\"";
    if (const auto lost = lost_.find(wait.before); lost != lost_.end()) {
      const Lost& line = lost->second;
      text += ": line " + std::to_string(line.line) +
              (line.broken.empty() ? std::string(" was dropped, ") + line.dropped
                                   : " is broken, " + line.broken);
      hint = "mend that line, or take its job out of \"after\"";
    } else if (full()) {
      hint += "; jobs beyond --limit do not count";
    }
    return fail(Errc::BadInput, std::move(text), std::move(hint), "after");
  }

  // Null when the job takes part, else why it does not.
  const char* clean(Row& row) {
    Cleaning& counts = work_.cleaning;
    if (!row.run || row.run->us <= 0) return ++counts.no_run, "no run time";
    if (row.cpus <= 0) return ++counts.no_procs, "no processors";
    const std::int64_t cpus = row.all_cpus();
    if (cpus > (options_.procs > 0 ? options_.procs : kUnitsMax))
      return ++counts.too_large, "too large";
    if (!row.estimate && !options_.drop_without_estimate) row.estimate = row.run;
    if (!row.estimate || row.estimate->us <= 0) return ++counts.no_estimate, "no estimate";
    if (!row.submit || row.submit->us < 0) return ++counts.no_submit, "no submit time";
    if (*row.run > *row.estimate) {
      ++counts.cut;
      row.run = row.estimate;
    }
    ++counts.kept;
    return nullptr;
  }

  void keep(Row row, std::uint64_t number) {
    const auto position = std::uint32_t(work_.jobs.size());
    index_.emplace(row.name, position);
    for (std::string& before : row.after) after_.push_back({position, number, std::move(before)});
    WorkJob job;
    job.submit = *row.submit;
    job.run = *row.run;
    job.estimate = chosen_estimate(*row.run, *row.estimate, options_);
    job.cpus = std::uint32_t(row.all_cpus());
    pool_.add(job, std::move(row.spec));
    work_.names.push_back(std::move(row.name));
  }

  const ReadOptions& options_;
  Workload work_;
  SpecPool pool_{work_};
  dom::parser parser_;
  std::unordered_map<std::string, std::uint32_t> index_;
  std::vector<Wait> after_;
  std::unordered_map<std::string, Lost> lost_;
};

double to_seconds(Duration d) { return double(d.us) / 1e6; }

void write_request(const rm::Request& request, nlohmann::ordered_json& out) {
  out["cpus"] = request.cpus;
  if (request.nodes > 1) out["nodes"] = request.nodes;
  if (request.mem_mib > 0) out["memory"] = request.mem_mib;
  if (request.gpus > 0) out["gpus"] = request.gpus;
  if (request.gpu_share > 0) out["gpu_share"] = request.gpu_share;
  if (!request.gpu_model.empty()) out["gpu_model"] = request.gpu_model;
  if (request.exclusive) out["exclusive"] = true;
  for (const auto& [key, value] : request.node_labels) out["node_labels"][key] = value;
  for (const auto& [name, count] : request.resources) out["resources"][name] = count;
}

}  // namespace

Result<Workload> read_jsonl(std::string_view text, const ReadOptions& options) {
  Reader reader(options);
  std::uint64_t number = 0;
  while (!text.empty() && !reader.full()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    ++number;
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first != std::string_view::npos && line[first] != '#') reader.line(line, number);
  }
  return reader.finish();
}

std::string to_jsonl(const Workload& workload, std::size_t at) {
  const WorkJob& job = workload.jobs[at];
  const sched::JobSpec& spec = *workload.specs[job.spec];
  const rm::Request& request = spec.request;
  nlohmann::ordered_json line;
  line["id"] = workload.name_of(at);
  line["submit"] = to_seconds(job.submit);
  line["run"] = to_seconds(job.run);
  line["estimate"] = to_seconds(job.estimate);
  write_request(request, line);
  for (const rm::Request& more : request.more) {
    nlohmann::ordered_json component;
    write_request(more, component);
    line["components"].push_back(std::move(component));
  }
  if (spec.priority != 0) line["priority"] = spec.priority;
  nlohmann::ordered_json labels;
  for (const auto& [key, value] : spec.labels) {
    if (std::ranges::find(kLabelKeys, key) != kLabelKeys.end())
      line[key] = value;
    else
      labels[key] = value;
  }
  if (!labels.empty()) line["labels"] = labels;
  const auto begin =
      std::lower_bound(workload.edges.begin(), workload.edges.end(), Edge{std::uint32_t(at), 0});
  for (auto edge = begin; edge != workload.edges.end() && edge->job == at; ++edge)
    line["after"].push_back(workload.name_of(edge->before));
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

}  // namespace drover::sim
