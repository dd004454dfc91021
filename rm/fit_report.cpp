// rm/fit_report.cpp - whether a request could ever run here, and if not, what the nodes offer
// instead.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "base/counted_words.hpp"
#include "base/units.hpp"
#include "rm/node_inventory.hpp"

namespace drover::rm {
namespace {

bool has(const Labels& node, const Labels::value_type& label) {
  const auto found = node.find(label.first);
  return found != node.end() && found->second == label.second;
}

std::int64_t gpus_of(const Topology& topology, const std::string& model) {
  if (model.empty()) return std::int64_t(topology.gpus.size());
  return std::ranges::count(topology.gpus, model, &Gpu::model);
}

std::int64_t longest_run(const std::vector<NodeId>& order, const NodeBits& suited) {
  std::int64_t longest = 0, run = 0;
  for (const NodeId id : order) {
    run = suited.contains(id) ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

struct Offer {  // what one node has when it is empty
  const NodeSpec* spec = nullptr;
  std::int64_t cpus = 0, mem_mib = 0, gpus = 0;
};

std::string to_text(const Offer& offer) {
  std::string text =
      counted(offer.cpus, "CPU") + ", " + format_memory_mib(offer.mem_mib) + " of memory";
  if (offer.gpus > 0) text += ", " + counted(offer.gpus, "GPU");
  return text + " (" + offer.spec->name + ")";
}

const Offer& largest(const std::vector<Offer>& offers, std::int64_t Offer::*by) {
  return *std::ranges::max_element(offers, {}, [&](const Offer& offer) {
    return std::tuple(offer.*by, offer.cpus, offer.mem_mib, offer.gpus);
  });
}

std::string join(const std::set<std::string>& words) {
  constexpr std::size_t kShown = 8;
  std::string text;
  std::size_t shown = 0;
  for (const std::string& word : words) {
    if (shown++ == kShown) return text + ", ...";
    text += (text.empty() ? "" : ", ") + word;
  }
  return text;
}

Error label_refusal(const Request& request, const std::vector<const NodeSpec*>& nodes) {
  for (const auto& label : request.node_labels) {
    std::set<std::string> values;
    bool found = false;
    for (const NodeSpec* node : nodes) {
      const auto value = node->labels.find(label.first);
      if (value != node->labels.end()) values.insert(value->second);
      found = found || has(node->labels, label);
    }
    if (found) continue;
    return {Errc::Limit, "no node has the label " + label.first + "=" + label.second,
            values.empty() ? "see the labels with drover node ls"
                           : "nodes have " + label.first + "=" + join(values),
            "constraints"};
  }
  if (!request.constraint.empty())
    return {Errc::Limit, "no node matches the constraint " + request.constraint,
            "see the labels with drover node ls", "constraints"};
  return {Errc::Limit, "no single node has all of the labels that are asked for",
          "see the labels with drover node ls", "constraints"};
}

// What the request wants of cores and sockets, when that is what no node has.
std::optional<Error> core_refusal(const Request& request,
                                  const std::vector<const NodeSpec*>& nodes) {
  const CoreRule& rule = request.cores;
  std::int64_t threads = 0, sockets = 0, cores = 0, most = 0;
  for (const NodeSpec* node : nodes) {
    const NodeThreads built = threads_of(node->topology);
    threads = std::max<std::int64_t>(threads, built.per_core);
    sockets = std::max(sockets, std::int64_t(built.sockets.size()));
    for (const SocketThreads& socket : built.sockets)
      cores = std::max<std::int64_t>(cores, socket.cores);
    most = std::max(most, std::int64_t(node->topology.cores.size()));
    if (suits(rule, request.cpus, built)) return std::nullopt;
  }
  const auto refuse = [](std::string what, std::string hint, const char* field) {
    return Error{Errc::Limit, "no node has " + std::move(what), std::move(hint), field};
  };
  if (rule.threads_per_core > threads)
    return refuse(counted(rule.threads_per_core, "thread") + " on a core",
                  "the most is " + std::to_string(threads), "threads_per_core");
  if (rule.min_sockets > sockets)
    return refuse(counted(rule.min_sockets, "socket"), "the most is " + std::to_string(sockets),
                  "sockets_per_node");
  if (rule.min_cores_per_socket > cores)
    return refuse("a socket of " + counted(rule.min_cores_per_socket, "core"),
                  "the largest has " + std::to_string(cores), "cores_per_socket");
  const std::string has = "nodes have up to " + counted(sockets, "socket") + ", " +
                          counted(cores, "core") + " on a socket, " + counted(threads, "thread") +
                          " on a core";
  std::string what = "room for " + counted(request.cpus, "CPU");
  if (rule.whole_cores()) what += " on whole cores";
  if (rule.threads_per_core > 0)
    what += ", " + counted(rule.threads_per_core, "thread") + " used of each";
  if (rule.tasks_per_socket > 0)
    what += ", at most " + counted(rule.tasks_per_socket, "task") + " of " +
            counted(std::max(rule.cpus_per_task, 1), "CPU") + " on a socket";
  return refuse(std::move(what), has,
                rule.tasks_per_socket > 0 ? "ntasks_per_socket" : "threads_per_core");
}

// A custom resource that no node has, or not so much of.
std::optional<Error> resource_refusal(const Request& request,
                                      const std::vector<const NodeSpec*>& nodes,
                                      const ResourceNames& names) {
  for (const auto& [name, count] : request.resources) {
    std::set<std::string> known;
    std::pair<std::int64_t, std::string> most;
    for (const NodeSpec* node : nodes)
      for (const auto& [other, offered] : node->topology.resources) {
        if (!names.custom(other)) continue;  // not counted
        known.insert(other);
        if (other == name && offered > most.first) most = {offered, node->name};
      }
    if (most.first >= count) continue;
    if (most.first > 0)
      return Error{
          Errc::Limit, "no node has " + std::to_string(count) + " " + name,
          "the largest node offers " + std::to_string(most.first) + " (" + most.second + ")",
          "resources"};
    const std::string_view near =
        nearest_match(name, std::vector<std::string_view>(known.begin(), known.end()));
    return Error{Errc::NotFound, "no node has the resource " + name,
                 !near.empty()   ? "did you mean " + std::string(near) + "?"
                 : known.empty() ? "no node names custom resources"
                                 : "nodes have " + join(known),
                 "resources"};
  }
  return std::nullopt;
}

}  // namespace

NoFit NodeInventory::explain(const NodeAsk& ask, std::uint32_t fit_now) const {
  constexpr std::uint32_t kSample = 64;
  const NodeBits* allowed = constraint_bits(ask);
  NoFit why;
  why.nodes_needed = ask.nodes;
  why.fit_now = fit_now;
  why.nodes_total = known_.count();
  why.not_up = known_.count() - up_.count();
  const std::uint32_t matching = up_.count_common(allowed, nullptr);
  why.label_mismatch = up_.count() - matching;
  std::uint32_t sampled = 0;
  std::array<std::uint32_t, kKinds> short_of{};
  for (const auto& [size, nodes] : sizes_) {
    if (!fits_empty(ask, size)) {
      why.too_small += nodes.count_common(&up_, allowed);
      continue;
    }
    for (auto id = nodes.first_common(&up_); id && sampled < kSample;
         id = nodes.first_common(&up_, raw(*id) + 1)) {
      if (allowed != nullptr && !allowed->contains(*id)) continue;
      const Node& node = *nodes_[raw(*id)];
      const Key free = free_of(node);
      if (fit_now > 0 && fits_free(ask, node, free)) continue;
      ++sampled;
      const bool others = !ask.exclusive && node.exclusive == 0 && !node.may_join(ask);
      why.of_one_user += others;
      const Kind kind = ask.exclusive || node.exclusive > 0 || others ? Kind::Nodes
                        : free.cpus < ask.cpus                        ? Kind::CpuMilli
                        : free.mem_mib < ask.mem_mib                  ? Kind::MemMib
                        : !fits_cores(ask, node)                      ? Kind::CpuMilli
                        : has_resources(ask, node)                    ? Kind::GpuMilli
                                                                      : ask.resources.front().kind;
      ++short_of[std::size_t(kind)];
    }
  }
  why.busy = matching - why.too_small - fit_now;
  if (sampled > 0)
    why.mostly_short_of = Kind(std::ranges::max_element(short_of) - short_of.begin());
  return why;
}

// Of each size the first few, then the first of those.
std::vector<NodeId> NodeInventory::suited(const NodeAsk& ask, bool in_service,
                                          std::size_t limit) const {
  std::vector<NodeId> suited;
  NodeBits among = up_;
  if (!in_service) among.complement(known_);
  const NodeBits* allowed = constraint_bits(ask);
  if (allowed != nullptr) among.intersect(*allowed);
  for (const auto& [size, nodes] : sizes_) {
    if (!fits_empty(ask, size)) continue;
    std::size_t taken = 0;
    for (auto id = nodes.first_common(&among); id && taken < limit;
         id = nodes.first_common(&among, raw(*id) + 1), ++taken)
      suited.push_back(*id);
  }
  std::ranges::sort(suited);
  if (suited.size() > limit) suited.resize(limit);
  return suited;
}

Result<void> NodeInventory::can_ever_fit(const Request& request) const {
  if (request.nodes < 1 || request.nodes > kMaxNodes)
    return fail(Errc::BadInput, "a job runs on 1 to 1048576 nodes", "ask for 1 or more", "nodes");
  if (request.cpus < 1)
    return fail(Errc::BadInput, "a task needs at least 1 CPU", "ask for 1 or more",
                "cpus_per_task");
  if (request.mem_mib < 0)
    return fail(Errc::BadInput, "a task cannot ask for less than no memory", "leave it out", "mem");
  if (request.gpus < 0)
    return fail(Errc::BadInput, "a task cannot ask for less than no GPUs", "leave it out", "gpus");
  if (could_ever_fit(request)) return {};
  const std::int64_t enough = large_enough(request);
  if (enough == 0) return fail(refusal(request));
  if (request.contiguous)
    return fail(Errc::Limit,
                "at most " + counted(enough, "neighbouring node") + is_or_are(enough) +
                    " large enough and may be used, " + std::to_string(request.nodes) +
                    " are asked for",
                "ask for at most " + std::to_string(enough) +
                    ", for less on each node, or without --contiguous",
                "nodes");
  return fail(Errc::Limit,
              "only " + counted(enough, "node") + is_or_are(enough) +
                  " large enough and may be used, " + std::to_string(request.nodes) +
                  " are asked for",
              "ask for at most " + std::to_string(enough) + ", or for less on each node", "nodes");
}

// Nodes that have not said what they have may be the ones that fit.
bool NodeInventory::could_ever_fit(const Request& request) const {
  if (known_.empty()) return true;
  const bool are_counted = request.contiguous && request.nodes > 1;
  return large_enough(request) + (are_counted ? 0 : undescribed_.count()) >= request.nodes;
}

// How many nodes could take part if they were empty, within the best alternative; of neighbours
// those side by side, with such as have not said what they have. 0 when a counted part of the
// constraint has too few, or a resource has no name. Counts that share nodes may still be too many
// together. O(sizes * nodes / 64) for each alternative, and O(nodes) more for neighbours.
std::int64_t NodeInventory::large_enough(const Request& request) const {
  const bool is_run = request.contiguous && request.nodes > 1;
  const auto unknown = [&] { return is_run ? longest_run(order_, undescribed_) : 0; };
  for (const auto& resource : request.resources)
    if (!names_.custom(resource.first)) return unknown();
  const bool any_node = request.node_labels.empty() && request.constraint.empty() &&
                        request.resources.empty() && request.gpu_model.empty() &&
                        request.cores == CoreRule{};
  const std::int64_t gpus = request.gpu_share > 0 ? 1 : request.gpus;
  const auto visit = [&](auto take) {
    for (const auto& [size, nodes] : sizes_)
      if (size.gpus >= gpus && size.cpus >= request.cpus && size.mem_mib >= request.mem_mib)
        take(nodes);
  };
  const auto count = [&](const NodeBits* allowed) {
    std::int64_t sum = 0;
    visit([&](const NodeBits& nodes) {
      sum += allowed == nullptr ? nodes.count() : nodes.count_common(allowed, nullptr);
    });
    return sum;
  };
  const auto count_side_by_side = [&](const NodeBits* allowed) {
    if (!is_run) return count(allowed);
    NodeBits suited;
    visit([&](const NodeBits& nodes) { suited.unite(nodes); });
    if (allowed != nullptr) suited.intersect(*allowed);
    suited.unite(undescribed_);
    return longest_run(order_, suited);
  };
  if (any_node) return count_side_by_side(nullptr);
  const NodeChoice choice = constraints_.evaluate(request);
  const auto count_within = [&](const NodeBits& within) {
    for (std::size_t part = 0; part < choice.counted.size(); ++part) {
      NodeBits allowed = choice.counted[part];
      allowed.intersect(within);
      if (count(&allowed) < choice.what.counted[part].nodes) return unknown();
    }
    return count_side_by_side(&within);
  };
  if (choice.alternatives.empty()) return count_within(choice.nodes);
  std::int64_t best = 0;
  for (const NodeBits& one : choice.alternatives) best = std::max(best, count_within(one));
  return best;
}

// Says what is missing, in the order a person would look: labels, GPU model, then the first amount.
Error NodeInventory::refusal(const Request& request) const {
  std::vector<const NodeSpec*> all;
  std::vector<Offer> offers;
  std::set<std::string> models;
  Request place = request;  // labels alone; a missing GPU model is named below
  place.gpus = place.gpu_share = 0;
  place.resources.clear();
  place.cores = {};
  const NodeChoice choice = constraints_.evaluate(place);
  for (std::uint32_t id = 0; id < nodes_.size(); ++id) {
    const Node* node = nodes_[id];
    if (node == nullptr || !node->known || !node->defect.empty()) continue;
    const NodeSpec& spec = node->spec;
    all.push_back(&spec);
    for (const Gpu& gpu : spec.topology.gpus) models.insert(gpu.model);
    if (!choice.nodes.contains(NodeId(id))) continue;
    offers.push_back({&spec, spec.topology.pu_count(), spec.topology.mem_mib(),
                      gpus_of(spec.topology, request.gpu_model)});
  }
  if (all.empty())
    return {Errc::Limit, "no node offers anything", "see drover node ls for the reason", ""};
  if (offers.empty()) return label_refusal(request, all);
  if (auto error = resource_refusal(request, all, names_)) return *std::move(error);

  const bool anywhere = request.node_labels.empty() && request.constraint.empty();
  const std::string what = anywhere ? "no node" : "no node with these labels";
  const auto refuse = [&](const std::string& wanted, std::int64_t Offer::*by, const char* field) {
    return Error{Errc::Limit, what + " has " + wanted,
                 "the largest node offers " + to_text(largest(offers, by)), field};
  };
  const auto short_of = [&](std::int64_t Offer::*by, std::int64_t wanted) {
    return largest(offers, by).*by < wanted;
  };
  if (short_of(&Offer::cpus, request.cpus))
    return refuse(counted(request.cpus, "CPU"), &Offer::cpus, "cpus_per_task");
  if (short_of(&Offer::mem_mib, request.mem_mib))
    return refuse(format_memory_mib(request.mem_mib) + " of memory", &Offer::mem_mib, "mem");
  const std::int64_t gpus = request.gpu_share > 0 ? 1 : request.gpus;
  if (short_of(&Offer::gpus, gpus)) {
    Error error = refuse(
        counted(gpus, "GPU") + (request.gpu_model.empty() ? "" : " of model " + request.gpu_model),
        &Offer::gpus, "gpus");
    if (!request.gpu_model.empty() && !models.empty()) error.hint += "; models: " + join(models);
    return error;
  }
  if (auto cores = core_refusal(request, all)) return *std::move(cores);
  if (!choice.what.counted.empty())
    return {Errc::Limit, "too few nodes are large enough for " + to_text(choice.what),
            "ask for fewer of them, or for less on each node", "constraints"};
  return refuse(counted(request.cpus, "CPU") + ", " + format_memory_mib(request.mem_mib) +
                    " of memory and " + counted(request.gpus, "GPU") + " together",
                request.gpus > 0 ? &Offer::gpus : &Offer::cpus, "cpus_per_task");
}

}  // namespace drover::rm
