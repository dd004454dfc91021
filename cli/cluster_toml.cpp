// cli/cluster_toml.cpp - nodes as JSON become node classes as TOML.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cluster_toml.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

namespace drover::cli {
namespace {

std::string toml_text(const std::string& text) { return to_text(Json(text)); }  // TOML's are JSON's

// How many distinct values of `key` there are among the cores.
std::int64_t distinct(const Json& cores, const char* key) {
  std::set<std::int64_t> values;
  for (const Json& core : cores) values.insert(number_of(core, key));
  return std::max<std::int64_t>(1, std::int64_t(values.size()));
}

std::string cores_of(const Json& topology, std::int64_t cpus) {
  const Json& cores = member(topology, "cores");
  const auto counted = [&](const std::string& why) {
    return "cpus = " + std::to_string(cpus) + why + "\n";
  };
  if (!cores.is_array() || cores.empty() || member(topology, "bindable") != true)
    return counted("");
  const std::int64_t packages = distinct(cores, "package");
  const std::int64_t numas =
      std::max<std::int64_t>(1, std::int64_t(member(topology, "numa_mem_mib").size()));
  const auto threads = std::int64_t(member(cores[0], "pus").size());
  const auto total = std::int64_t(cores.size());
  if (numas % packages != 0 || total % numas != 0 || threads * total != cpus)
    return counted("  # its cores are of several kinds: counted, not bound");
  return "packages = " + std::to_string(packages) + "\nnuma = " + std::to_string(numas / packages) +
         "\ncores = " + std::to_string(total / numas) + "\nthreads = " + std::to_string(threads) +
         "\n";
}

std::string gpus_of(const Json& topology) {
  const Json& gpus = member(topology, "gpus");
  if (!gpus.is_array() || gpus.empty()) return "";
  const std::string model = text_of(gpus[0], "model");
  std::string text = "gpus = " + std::to_string(gpus.size());
  const bool alike =
      std::ranges::all_of(gpus, [&](const Json& gpu) { return text_of(gpu, "model") == model; });
  text += alike ? "\n" : "  # of several models: all count as the first\n";
  if (!model.empty()) text += "gpu_model = " + toml_text(model) + "\n";
  return text;
}

std::string labels_of(const Json& node) {
  std::string text;
  for (const auto& [key, value] : member(node, "labels").items())
    text += (text.empty() ? "" : ", ") + toml_text(key) + " = " +
            toml_text(value.is_string() ? value.get<std::string>() : to_text(value));
  return text.empty() ? "" : "labels = { " + text + " }\n";
}

std::string resources_of(const Json& node) {
  std::string text;
  for (const auto& [name, amount] : member(node, "resources").items())
    text += (text.empty() ? "" : ", ") + toml_text(name) + " = " +
            std::to_string(number_of(amount, "total"));
  return text.empty() ? "" : "resources = { " + text + " }\n";
}

std::string properties_of(const Json& node) {
  return cores_of(member(node, "topology"), number_of(node, "cpus")) + "memory = \"" +
         std::to_string(number_of(node, "mem_mib")) + "MiB\"\n" +
         gpus_of(member(node, "topology")) + resources_of(node) + labels_of(node);
}

struct NodeClass {
  std::string name, properties;
  std::size_t count = 0;
};

// As the simulator makes them of the class: "c" of twelve gives c01 to c12.
std::vector<std::string> names_in(const NodeClass& of) {
  if (of.count == 1) return {of.name};
  const std::size_t width = std::to_string(of.count).size();
  std::vector<std::string> names;
  for (std::size_t number = 1; number <= of.count; ++number) {
    const std::string digits = std::to_string(number);
    names.push_back(of.name + std::string(width - digits.size(), '0') + digits);
  }
  return names;
}

// Numbers are added to the name of a class: no node gets the name of another one.
void name_apart(std::vector<NodeClass>& classes) {
  std::set<std::string> used;
  for (const NodeClass& one : classes)
    if (one.count == 1) used.insert(one.name);
  for (NodeClass& one : classes) {
    if (one.count == 1) continue;
    while (!one.name.empty() && one.name.back() >= '0' && one.name.back() <= '9')
      one.name.pop_back();
    if (one.name.empty()) one.name = "node";
    std::vector<std::string> names = names_in(one);
    for (; std::ranges::any_of(names, [&](const auto& name) { return used.contains(name); });
         names = names_in(one))
      one.name += "-";
    used.insert(names.begin(), names.end());
  }
}

}  // namespace

std::string cluster_toml(const Json& nodes) {
  std::vector<NodeClass> classes;
  std::map<std::string, std::size_t> index;
  std::string left_out;
  for (const Json& node : nodes) {
    if (text_of(node, "state").starts_with("down")) {
      left_out += "# left out, since it is down: " + toml_text(text_of(node, "name")) + "\n";
      continue;
    }
    const std::string properties = properties_of(node);
    const auto [known, is_new] = index.emplace(properties, classes.size());
    if (is_new) classes.push_back({text_of(node, "name"), properties, 0});
    ++classes[known->second].count;
  }
  name_apart(classes);
  std::string text = left_out;
  for (const NodeClass& one : classes) {
    text += "[[nodes]]\nname = " + toml_text(one.name) + "\n";
    if (one.count > 1) text += "count = " + std::to_string(one.count) + "\n";
    text += one.properties + "\n";
  }
  return text;
}

}  // namespace drover::cli
