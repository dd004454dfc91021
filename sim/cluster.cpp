// sim/cluster.cpp - machines from files.
// SPDX-License-Identifier: Apache-2.0
#include "sim/cluster.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <array>

#include "base/units.hpp"
#include "sim/file_bytes.hpp"
#include "sim/workload.hpp"

namespace drover::sim {
namespace {

constexpr std::int64_t kNodesMax = 1 << 20;
constexpr std::int64_t kUnitsMax = 65'535;       // CPUs of one node: OS indexes have 16 bits
constexpr std::int64_t kGpusMax = 4'096;         // of one node, as rm::check_topology has it
constexpr std::int64_t kClusterUnits = 1 << 24;  // of all nodes: they are in memory one by one
constexpr std::int64_t kMemoryMib = std::int64_t(1) << 40;
constexpr auto kKeys = std::to_array<std::string_view>(
    {"name", "count", "packages", "numa", "cores", "threads", "cpus", "memory", "gpus", "gpu_model",
     "labels", "bind", "resources"});

struct NodeGroup {
  std::string name = "node";
  std::int64_t count = 1, packages = 1, numa = 1, cores = 1, threads = 1, memory_mib = 0, gpus = 0;
  std::string gpu_model;
  rm::Labels labels;
  rm::Counts resources;  // custom ones
  bool bind = true;
};

// "n" and 3 of 100 give "n003".
std::string numbered(const std::string& name, std::int64_t number, std::int64_t count) {
  if (count == 1) return name;
  std::string digits = std::to_string(number);
  const std::size_t width = std::to_string(count).size();
  return name + std::string(width - digits.size(), '0') + digits;
}

struct Building {
  Cluster cluster;
  std::int64_t units = 0;  // CPUs and GPUs of all nodes so far
};

// The CPUs and GPUs of the group.
Result<std::int64_t> check_sizes(const NodeGroup& group, const Building& all) {
  std::int64_t cpus = 1;  // what is too much stays so, and no product overflows
  for (const std::int64_t part : {group.packages, group.numa, group.cores, group.threads})
    cpus = std::min(cpus * std::min(part, kUnitsMax + 1), kUnitsMax + 1);
  if (group.count < 1 || group.count > kNodesMax - std::int64_t(all.cluster.nodes.size()))
    return fail(Errc::Limit, "a cluster has 1 to " + std::to_string(kNodesMax) + " nodes");
  if (cpus < 1 || cpus > kUnitsMax)
    return fail(Errc::Limit, "a node has 1 to " + std::to_string(kUnitsMax) + " CPUs",
                "packages x numa x cores x threads, or cpus");
  const std::int64_t units = group.count * (cpus + group.gpus);
  if (units > kClusterUnits - all.units)
    return fail(Errc::Limit,
                "a cluster has at most " + std::to_string(kClusterUnits) + " CPUs and GPUs in all");
  return units;
}

Result<void> add_group(const NodeGroup& group, Building& all) {
  const auto units = check_sizes(group, all);
  if (!units) return fail(units.error());
  const std::int64_t numas = group.packages * group.numa;
  rm::NodeSpec spec;
  spec.labels = group.labels;
  spec.topology = rm::make_topology(std::uint16_t(group.packages), std::uint16_t(group.numa),
                                    std::uint16_t(group.cores), std::uint16_t(group.threads),
                                    group.memory_mib / numas);
  spec.topology.numa_mem_mib[0] += group.memory_mib % numas;
  spec.topology.bindable = group.bind;
  spec.topology.resources = group.resources;
  for (std::int64_t g = 0; g < group.gpus; ++g)
    spec.topology.gpus.push_back(
        {group.gpu_model, "", std::uint16_t(g), std::uint16_t(g * numas / group.gpus)});
  // The resource manager would keep a node that fails this, and offer nothing of it.
  if (auto ok = rm::check_topology(spec.topology); !ok) return fail(ok.error());
  for (std::int64_t n = 1; n <= group.count; ++n) {
    spec.name = numbered(group.name, n, group.count);
    all.cluster.nodes.push_back(spec);
  }
  all.units += *units;
  return {};
}

Result<void> check_names(const Cluster& cluster, const std::string& origin) {
  std::vector<std::string_view> names;
  names.reserve(cluster.nodes.size());
  for (const rm::NodeSpec& node : cluster.nodes) names.push_back(node.name);
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice == names.end()) return {};
  return fail(Errc::BadInput, origin + ": there are two nodes called " + std::string(*twice),
              "give each [[nodes]] table, or each line, a name of its own", "cluster");
}

class GroupReader {
 public:
  GroupReader(const toml::table& table, std::string origin)
      : table_(table), origin_(std::move(origin)) {}

  Result<NodeGroup> read() {
    for (const auto& [key, value] : table_) {
      if (std::ranges::find(kKeys, key.str()) != kKeys.end()) continue;
      const std::string_view near = nearest_match(key.str(), kKeys);
      return wrong(value, "unknown key \"" + std::string(key.str()) + "\"",
                   near.empty() ? "" : "did you mean " + std::string(near) + "?");
    }
    NodeGroup group;
    if (auto ok = count("count", group.count, 1, kNodesMax); !ok) return fail(ok.error());
    if (auto ok = count("gpus", group.gpus, 0, kGpusMax); !ok) return fail(ok.error());
    const std::pair<const char*, std::int64_t*> parts[] = {{"packages", &group.packages},
                                                           {"numa", &group.numa},
                                                           {"cores", &group.cores},
                                                           {"threads", &group.threads}};
    for (const auto& [key, out] : parts)
      if (auto ok = count(key, *out, 1, kUnitsMax); !ok) return fail(ok.error());
    if (table_.contains("cpus")) {  // counted, not bound
      group.bind = false;
      group.packages = group.numa = group.threads = 1;
      for (const char* other : {"packages", "numa", "cores", "threads"})
        if (const toml::node* both = table_.get(other))
          return wrong(*both, "cpus and " + std::string(other) + " exclude each other",
                       "cpus are counted only; packages, numa, cores and threads make them");
      if (auto ok = count("cpus", group.cores, 1, kUnitsMax); !ok) return fail(ok.error());
    }
    if (auto ok = text("name", group.name); !ok) return fail(ok.error());
    if (auto ok = text("gpu_model", group.gpu_model); !ok) return fail(ok.error());
    if (auto ok = memory(group.memory_mib); !ok) return fail(ok.error());
    if (auto ok = labels(group.labels); !ok) return fail(ok.error());
    if (auto ok = resources(group.resources); !ok) return fail(ok.error());
    if (const toml::node* bind = table_.get("bind")) {
      if (!bind->is_boolean()) return wrong(*bind, "bind is true or false", "");
      group.bind = bind->as_boolean()->get();
    }
    return group;
  }

 private:
  tl::unexpected<Error> wrong(const toml::node& at, std::string what, std::string hint) const {
    return fail(Errc::BadInput,
                origin_ + ":" + std::to_string(at.source().begin.line) + ": " + std::move(what),
                std::move(hint), "cluster");
  }
  Result<void> count(const char* key, std::int64_t& out, std::int64_t low,
                     std::int64_t high) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return {};
    const auto value = node->value_exact<std::int64_t>();
    if (!value || *value < low || *value > high)
      return wrong(*node,
                   std::string(key) + " is a whole number from " + std::to_string(low) + " to " +
                       std::to_string(high),
                   "");
    out = *value;
    return {};
  }
  Result<void> text(const char* key, std::string& out) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return {};
    const auto value = node->value_exact<std::string>();
    if (!value || value->empty()) return wrong(*node, std::string(key) + " is a text", "");
    out = *value;
    return {};
  }
  Result<void> memory(std::int64_t& out) const {
    const toml::node* node = table_.get("memory");
    if (node == nullptr) return {};
    const auto mib = parse_memory_mib(node->value_or<std::string>(""));
    if (!mib) return wrong(*node, "memory is a text such as \"256GiB\"", mib.error().hint);
    out = *mib;
    return {};
  }
  Result<void> labels(rm::Labels& out) const {
    const toml::node* node = table_.get("labels");
    if (node == nullptr) return {};
    if (!node->is_table()) return wrong(*node, "labels is a table of texts", "{rack = \"r1\"}");
    for (const auto& [key, value] : *node->as_table()) {
      const auto label = value.value_exact<std::string>();
      if (!label) return wrong(value, "a label's value is a text", "");
      out[std::string(key.str())] = *label;
    }
    return {};
  }

  Result<void> resources(rm::Counts& out) const {
    const toml::node* node = table_.get("resources");
    if (node == nullptr) return {};
    if (!node->is_table()) return wrong(*node, "resources is a table of numbers", "{fpga = 2}");
    for (const auto& [key, value] : *node->as_table()) {
      const auto number = value.value_exact<std::int64_t>();
      if (!number || *number < 1 || *number > rm::Room::kExtraMax)
        return wrong(value, "of a resource there is a whole number from 1 on", "{fpga = 2}");
      out[std::string(key.str())] = *number;
    }
    return {};
  }

  const toml::table& table_;
  std::string origin_;
};

std::vector<std::string_view> split(std::string_view line, std::string_view separators) {
  std::vector<std::string_view> words;
  const bool blanks = separators.find(' ') != std::string_view::npos;
  while (!line.empty()) {
    const std::size_t end = line.find_first_of(separators);
    if (!blanks || end != 0) words.push_back(line.substr(0, end));
    if (end == std::string_view::npos) break;
    line.remove_prefix(end + 1);
    if (!blanks && line.empty()) words.emplace_back();
  }
  return words;
}

// One cluster of what `read` makes of the words of each line that is neither empty nor a comment:
// true when it has set a group.
template <class Read>
Result<Cluster> read_lines(std::string_view text, const std::string& origin,
                           std::string_view separators, Read&& read) {
  Building all;
  for (std::uint64_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line[0] == ';' || line[0] == '#') continue;
    NodeGroup group;
    Result<bool> good = read(split(line, separators), group);
    if (good && *good)
      if (auto ok = add_group(group, all); !ok) good = fail(ok.error());
    if (!good) return fail(good.error(), origin + ":" + std::to_string(number));
  }
  if (auto ok = check_names(all.cluster, origin); !ok) return fail(ok.error());
  return std::move(all.cluster);
}

// The words at these places as whole numbers within these bounds.
struct Field {
  std::size_t at;
  const char* name;
  std::int64_t low, high;
  std::int64_t& out;
};

Result<bool> read_fields(const std::vector<std::string_view>& words,
                         std::initializer_list<Field> fields) {
  for (const Field& field : fields) {
    const auto value = parse_integer(words[field.at], field.low, field.high, field.name);
    if (!value) return fail(value.error());
    field.out = *value;
  }
  return true;
}

}  // namespace

std::int64_t Cluster::cpus() const {
  std::int64_t sum = 0;
  for (const rm::NodeSpec& node : nodes) sum += node.topology.pu_count();
  return sum;
}

std::int64_t Cluster::gpus() const {
  std::int64_t sum = 0;
  for (const rm::NodeSpec& node : nodes) sum += std::int64_t(node.topology.gpus.size());
  return sum;
}

Result<Cluster> flat_cluster(std::int64_t procs) {
  if (procs < 1 || procs > kUnitsMax)
    return fail(Errc::Limit,
                "a flat machine has 1 to " + std::to_string(kUnitsMax) + " processors, not " +
                    std::to_string(procs),
                "describe its nodes with --cluster FILE, or give --procs N", "procs");
  NodeGroup group;
  group.name = "machine";
  group.bind = false;
  group.cores = procs;
  Building all;
  if (auto ok = add_group(group, all); !ok) return fail(ok.error());
  return std::move(all.cluster);
}

Result<Cluster> parse_cluster_toml(std::string_view text, const std::string& origin) {
  toml::table parsed;
  try {
    parsed = toml::parse(text, origin);
  } catch (const toml::parse_error& error) {
    return fail(Errc::BadInput, origin + ":" + std::to_string(error.source().begin.line) + ": " +
                                    std::string(error.description()));
  }
  Building all;
  for (const auto& [key, value] : parsed) {
    if (key.str() != "nodes" || !value.is_array())
      return fail(Errc::BadInput, origin + ": unknown key \"" + std::string(key.str()) + "\"",
                  "a cluster is a list of [[nodes]] tables", "cluster");
    for (const toml::node& item : *value.as_array()) {
      if (!item.is_table()) return fail(Errc::BadInput, origin + ": nodes is a list of tables");
      const auto group = GroupReader(*item.as_table(), origin).read();
      if (!group) return fail(group.error());
      if (auto ok = add_group(*group, all); !ok)
        return fail(ok.error(), origin + ":" + std::to_string(item.source().begin.line));
    }
  }
  if (auto ok = check_names(all.cluster, origin); !ok) return fail(ok.error());
  return std::move(all.cluster);
}

Result<Cluster> parse_machines(std::string_view text, const std::string& origin) {
  const auto read = [](const std::vector<std::string_view>& words,
                       NodeGroup& group) -> Result<bool> {
    if (words.size() < 6)
      return fail(Errc::BadInput, "six words are expected",
                  "id name nodes cpus-per-node speed memory-per-node-in-KiB");
    group.name = std::string(words[1]);
    group.labels["cluster"] = group.name;
    auto good = read_fields(words, {{2, "nodes", 1, kNodesMax, group.count},
                                    {3, "CPUs per node", 1, kUnitsMax, group.cores},
                                    {5, "memory", 0, kMemoryMib * 1024, group.memory_mib}});
    group.memory_mib /= 1024;  // it is in KiB
    return good;
  };
  return read_lines(text, origin, " \t", read);
}

Result<Cluster> parse_gpu_nodes(std::string_view text, const std::string& origin) {
  const auto read = [](const std::vector<std::string_view>& words,
                       NodeGroup& group) -> Result<bool> {
    if (words.size() < 5)
      return fail(Errc::BadInput, "five fields are expected", "sn,cpu_milli,memory_mib,gpu,model");
    if (words[0] == "sn") return false;
    if (words[0].empty()) return fail(Errc::BadInput, "the node has no name");
    group.name = std::string(words[0]);
    group.gpu_model = std::string(words[4]);
    auto good = read_fields(words, {{1, "cpu_milli", 1'000, kUnitsMax * 1'000 + 999, group.cores},
                                    {2, "memory_mib", 0, kMemoryMib, group.memory_mib},
                                    {3, "gpu", 0, kGpusMax, group.gpus}});
    group.cores /= 1'000;
    return good;
  };
  return read_lines(text, origin, ",", read);
}

Result<Cluster> read_cluster(const std::string& path) {
  const Result<FileBytes> bytes = read_file(path);
  if (!bytes) return fail(bytes.error());
  const std::string_view text = without_bom(bytes->text());
  std::string_view name = path;
  if (name.ends_with(".gz")) name.remove_suffix(3);
  Result<Cluster> cluster = name.ends_with(".machines") ? parse_machines(text, path)
                            : name.ends_with(".csv")    ? parse_gpu_nodes(text, path)
                                                        : parse_cluster_toml(text, path);
  if (!cluster) return fail(cluster.error());
  if (cluster->nodes.empty())
    return fail(Errc::BadInput, path + " describes no node", "write a [[nodes]] table", "cluster");
  return cluster;
}

}  // namespace drover::sim
