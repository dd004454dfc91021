// nodeagent/topology.cpp - hwloc's tree flattened to cores, NUMA memory and GPUs.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/topology.hpp"

#include <hwloc.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <memory>
#include <set>

#include "nodeagent/nvidia_cards.hpp"

namespace drover::nodeagent {
namespace {

struct TopologyDeleter {
  void operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }
};
using TopologyPtr = std::unique_ptr<hwloc_topology, TopologyDeleter>;

std::int64_t physical_mem_mib() {
  return std::int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE) / (1 << 20);
}

void fill_flat(NodeTopology& node, std::uint32_t cpus) {
  node.cores.clear();
  for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) node.cores.push_back({0, 0, 0, {cpu}});
  std::int64_t total = 0;
  for (const std::int64_t mib : node.numa_mem_mib) total += mib;
  node.numa_mem_mib = {total > 0 ? total : physical_mem_mib()};
  for (NodeGpu& gpu : node.gpus) gpu.numa = 0;
  for (NodeNic& nic : node.nics) nic.numa = 0;
}

NodeTopology from_sysconf() {
  NodeTopology node;
  node.source = "sysconf: hwloc gave no data";
  fill_flat(node, std::max<std::uint32_t>(1, std::uint32_t(sysconf(_SC_NPROCESSORS_ONLN))));
  node.bindable = false;  // which of the numbers we may use is not known
  return node;
}

std::uint32_t numa_of(hwloc_topology_t topology, hwloc_obj_t object) {
  while (object != nullptr && object->nodeset == nullptr) object = object->parent;
  if (object == nullptr) return 0;
  const int first = hwloc_bitmap_first(object->nodeset);
  if (first < 0) return 0;
  const hwloc_obj_t numa = hwloc_get_numanode_obj_by_os_index(topology, unsigned(first));
  return numa == nullptr ? 0 : numa->logical_index;
}

std::uint32_t ancestor(hwloc_topology_t topology, hwloc_obj_type_t type, hwloc_obj_t object,
                       std::uint32_t otherwise) {
  const hwloc_obj_t found = hwloc_get_ancestor_obj_by_type(topology, type, object);
  return found == nullptr ? otherwise : found->logical_index;
}

void read_cores(hwloc_topology_t topology, NodeTopology& node) {
  const bool has_cores = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE) > 0;
  const hwloc_obj_type_t type = has_cores ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
  hwloc_obj_t object = nullptr;
  while ((object = hwloc_get_next_obj_by_type(topology, type, object)) != nullptr) {
    NodeCore core;
    core.package = ancestor(topology, HWLOC_OBJ_PACKAGE, object, 0);
    core.numa = numa_of(topology, object);
    core.l3 = ancestor(topology, HWLOC_OBJ_L3CACHE, object, core.package);
    for (int pu = hwloc_bitmap_first(object->cpuset); pu >= 0;
         pu = hwloc_bitmap_next(object->cpuset, pu))
      core.pus.push_back(std::uint32_t(pu));
    if (!core.pus.empty()) node.cores.push_back(std::move(core));
  }
}

bool sees_all_memory(hwloc_topology_t topology) {
  return hwloc_bitmap_isequal(hwloc_topology_get_topology_nodeset(topology),
                              hwloc_topology_get_complete_nodeset(topology)) != 0;
}

// Adds what is missing to `total`, in proportion; equally, where nothing is known.
void spread_up_to(std::int64_t total, std::vector<std::int64_t>& parts) {
  std::int64_t known = 0;
  for (const std::int64_t part : parts) known += part;
  if (known >= total) return;
  const auto count = std::int64_t(parts.size());
  for (std::int64_t& part : parts) part = known == 0 ? total / count : part * total / known;
}

void read_memory(hwloc_topology_t topology, NodeTopology& node) {
  hwloc_obj_t numa = nullptr;
  while ((numa = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, numa)) != nullptr)
    node.numa_mem_mib.push_back(std::int64_t(numa->attr->numanode.local_memory >> 20));
  if (node.numa_mem_mib.empty()) node.numa_mem_mib.push_back(0);
  // Memory that a virtual machine got after its start is missing from the nodes' own figures. Where
  // all nodes are ours they make up the machine; of some of them only their own figures are known.
  if (sees_all_memory(topology)) spread_up_to(physical_mem_mib(), node.numa_mem_mib);
}

// "NVIDIA H100 80GB HBM3" -> "nvidia-h100-80gb-hbm3": a word for requests and labels.
std::string to_word(const char* text) {
  std::string word;
  for (const char* at = text == nullptr ? "" : text; *at != '\0'; ++at) {
    const auto c = static_cast<unsigned char>(*at);
    if (std::isalnum(c) != 0)
      word += char(std::tolower(c));
    else if (!word.empty() && word.back() != '-')
      word += '-';
  }
  while (!word.empty() && word.back() == '-') word.pop_back();
  return word.empty() ? "gpu" : word;
}

std::string pci_address(hwloc_obj_t device) {
  const hwloc_obj_t pci = device->parent;
  if (pci == nullptr || pci->type != HWLOC_OBJ_PCI_DEVICE) return device->name;
  char text[32];
  const auto& at = pci->attr->pcidev;
  std::snprintf(text, sizeof(text), "%04x:%02x:%02x.%01x", unsigned(at.domain), unsigned(at.bus),
                unsigned(at.dev), unsigned(at.func));
  return text;
}

// The driver's number at the end of "nvml0", "rsmi3", "nvidia1"; -1 when it is another device.
int index_after(const std::string& name, const char* prefix) {
  const std::size_t length = std::char_traits<char>::length(prefix);
  if (name.compare(0, length, prefix) != 0 || name.size() == length) return -1;
  if (name.find_first_not_of("0123456789", length) != std::string::npos) return -1;
  return std::atoi(name.c_str() + length);
}

void read_gpus(hwloc_topology_t topology, NodeTopology& node) {
  std::set<std::string> seen;  // one card may show as several OS devices
  for (const char* prefix : {"nvml", "rsmi", "cuda", "ze"}) {
    hwloc_obj_t device = nullptr;
    while ((device = hwloc_get_next_osdev(topology, device)) != nullptr) {
      const int index = index_after(device->name == nullptr ? "" : device->name, prefix);
      if (index < 0) continue;
      NodeGpu gpu;
      gpu.address = pci_address(device);
      if (!seen.insert(gpu.address).second) continue;
      gpu.index = std::uint32_t(index);
      gpu.model = to_word(hwloc_obj_get_info_by_name(device, "GPUModel"));
      gpu.numa = numa_of(topology, hwloc_get_non_io_ancestor_obj(topology, device));
      node.gpus.push_back(std::move(gpu));
    }
  }
  if (!node.gpus.empty()) return;
  // Without the vendor's hwloc plugin, which few systems have, the driver says what it drives.
  for (const NvidiaCard& card : read_nvidia_cards()) {
    const hwloc_obj_t pci =
        hwloc_get_pcidev_by_busidstring(topology, card.address.c_str());  // none: near to nothing
    node.gpus.push_back(
        {to_word(card.model.c_str()), card.address, std::uint32_t(node.gpus.size()),
         pci == nullptr ? 0 : numa_of(topology, hwloc_get_non_io_ancestor_obj(topology, pci))});
  }
}

// Network interfaces first: an InfiniBand card is known as ib0 before it is known as mlx5_0.
void read_nics(hwloc_topology_t topology, NodeTopology& node) {
  std::set<std::string> seen;
  for (const auto type : {HWLOC_OBJ_OSDEV_NETWORK, HWLOC_OBJ_OSDEV_OPENFABRICS}) {
    hwloc_obj_t device = nullptr;
    while ((device = hwloc_get_next_osdev(topology, device)) != nullptr) {
      if (device->attr->osdev.type != type || device->name == nullptr) continue;
      NodeNic nic{device->name, pci_address(device), 0};
      if (!seen.insert(nic.address).second) continue;
      nic.numa = numa_of(topology, hwloc_get_non_io_ancestor_obj(topology, device));
      node.nics.push_back(std::move(nic));
    }
  }
}

void restrict_to_affinity(hwloc_topology_t topology) {
  const hwloc_bitmap_t allowed = hwloc_bitmap_alloc();
  if (allowed == nullptr) return;
  if (hwloc_get_cpubind(topology, allowed, HWLOC_CPUBIND_PROCESS) == 0 &&
      !hwloc_bitmap_iszero(allowed))
    (void)hwloc_topology_restrict(topology, allowed, 0);
  hwloc_bitmap_free(allowed);
}

Result<NodeTopology> from_hwloc(const std::string& synthetic) {
  hwloc_topology_t raw_topology = nullptr;
  if (hwloc_topology_init(&raw_topology) != 0) return from_sysconf();
  const TopologyPtr topology(raw_topology);
  if (!synthetic.empty() && hwloc_topology_set_synthetic(topology.get(), synthetic.c_str()) != 0)
    return fail(Errc::BadInput, "hwloc does not understand the topology \"" + synthetic + "\"",
                "for example --synthetic \"package:2 numa:1 l3:1 core:8 pu:2\"", "synthetic");
  hwloc_topology_set_io_types_filter(topology.get(), HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
  if (hwloc_topology_load(topology.get()) != 0) {
    if (synthetic.empty()) return from_sysconf();
    return fail(Errc::BadInput, "hwloc cannot build the topology \"" + synthetic + "\"",
                "for example --synthetic \"package:2 numa:1 l3:1 core:8 pu:2\"", "synthetic");
  }
  if (synthetic.empty()) restrict_to_affinity(topology.get());
  NodeTopology node;
  read_cores(topology.get(), node);
  if (node.cores.empty()) return from_sysconf();
  read_memory(topology.get(), node);
  read_gpus(topology.get(), node);
  read_nics(topology.get(), node);
  for (NodeCore& core : node.cores)
    core.numa = std::min(core.numa, std::uint32_t(node.numa_mem_mib.size() - 1));
  node.source = "hwloc " HWLOC_VERSION;
  if (!synthetic.empty()) {
    node.source = "synthetic";
    node.bindable = false;
  }
  return node;
}

}  // namespace

Result<NodeTopology> discover_topology(const TopologyOptions& options) {
  auto found = from_hwloc(options.synthetic);
  if (!found) return fail(std::move(found.error()));
  NodeTopology node = std::move(*found);
  if (options.cpus > 0) {
    fill_flat(node, options.cpus);
    node.bindable = false;
    node.source += ", CPUs overridden";
  }
  if (options.mem_mib > 0) {
    const auto count = std::int64_t(node.numa_mem_mib.size());
    for (std::int64_t i = 0; i < count; ++i)
      node.numa_mem_mib[std::size_t(i)] =
          options.mem_mib / count + (i < options.mem_mib % count ? 1 : 0);
  }
  if (options.gpus >= 0) {
    node.gpus.clear();
    for (std::uint32_t i = 0; i < std::uint32_t(options.gpus); ++i)
      node.gpus.push_back({"stand-in", "none:" + std::to_string(i), i,
                           i % std::uint32_t(node.numa_mem_mib.size())});
  }
  if (options.nics >= 0) {
    node.nics.clear();
    for (std::uint32_t i = 0; i < std::uint32_t(options.nics); ++i)
      node.nics.push_back({"stand-in" + std::to_string(i), "none:" + std::to_string(i),
                           i % std::uint32_t(node.numa_mem_mib.size())});
  }
  return node;
}

}  // namespace drover::nodeagent
