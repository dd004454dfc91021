// sim/import_metacentrum.cpp - SWF with three fields more: the processors used, the queue, and the
// request "nodes:ppn=CPUs per node[:property...][#excl]".
//
// Memory (field 10) is bytes per node. Of the properties only the cluster is a property that the
// machines file tells of ("cl_zewura", "zewura12.cerit-sc.cz"); the others hold on every node.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>

#include "sim/import.hpp"
#include "sim/read_swf.hpp"
#include "sim/spec_pool.hpp"

namespace drover::sim {
namespace {

constexpr std::int64_t kProcsMax = 1 << 20;
constexpr std::int64_t kMemoryMax = std::int64_t(1) << 40;  // MiB

std::vector<std::string_view> split(std::string_view text, std::string_view at) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of(at);
    if (end != 0) words.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return words;
}

std::int64_t number_of(std::string_view word, std::int64_t otherwise) {
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
  return code == std::errc() && end == word.data() + word.size() ? value : otherwise;
}

struct Shape {
  std::int64_t nodes = 1, per_node = 0;
  std::string cluster;  // empty = any
  bool exclusive = false;
};

Shape shape_of(std::string_view request, std::int64_t procs) {
  Shape shape;
  if (request.ends_with("#excl")) {
    shape.exclusive = true;
    request.remove_suffix(5);
  }
  const std::vector<std::string_view> words = split(request, ":");
  if (!words.empty()) shape.nodes = number_of(words[0], 1);
  for (const std::string_view word : words) {
    if (word.starts_with("ppn=")) shape.per_node = number_of(word.substr(4), 0);
    if (word.starts_with("cl_")) shape.cluster = word.substr(3);
    if (word.starts_with("zewura")) shape.cluster = "zewura";
    if (word.starts_with("zegox")) shape.cluster = "zegox";
  }
  // Requests in several parts ("1:ppn=4+2:ppn=2") are rare: the total counts, over as many nodes.
  if (shape.nodes < 1 || shape.per_node < 1 || shape.nodes > procs || shape.per_node > procs ||
      shape.nodes * shape.per_node != procs) {
    if (shape.nodes < 1 || procs % shape.nodes != 0) shape.nodes = 1;
    shape.per_node = procs / shape.nodes;
  }
  return shape;
}

}  // namespace

Result<Workload> import_metacentrum(std::string_view text, const ReadOptions& options) {
  Workload workload;
  SpecPool pool(workload);
  SwfScanner scanner(text);
  SwfLine line;
  WorkJob job;
  const std::int64_t machine = options.procs > 0 ? options.procs : kProcsMax;
  while (scanner.next(line)) {
    const std::vector<std::string_view> rest = split(line.rest, " \t\r");
    if (rest.size() < 3) {
      scanner.cleaning().add_broken(scanner.line_number());
      continue;
    }
    if (!clean(line, machine, options, scanner.cleaning(), job)) continue;
    const Shape shape = shape_of(rest.back(), job.cpus);
    sched::JobSpec spec;
    spec.request.mem_mib = std::clamp<std::int64_t>(line.asked_memory() / (1 << 20), 0, kMemoryMax);
    spec.request.nodes = shape.nodes;
    spec.request.exclusive = shape.exclusive;
    if (!shape.cluster.empty()) spec.request.node_labels["cluster"] = shape.cluster;
    spec.labels = {{"user", "user" + std::to_string(line.user())},
                   {"queue", label_value(rest[rest.size() - 2])}};
    job.estimate = chosen_estimate(job.run, job.estimate, options);
    workload.names.push_back(std::to_string(line.number()));
    pool.add(job, std::move(spec));
    if (options.limit > 0 && workload.jobs.size() >= options.limit) break;
  }
  count_from_first(workload);
  workload.cleaning = std::move(scanner.cleaning());
  if (auto ok = settle(workload, options); !ok) return fail(ok.error());
  return workload;
}

}  // namespace drover::sim
