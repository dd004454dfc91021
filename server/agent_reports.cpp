// server/agent_reports.cpp - protobuf to sched messages.
// SPDX-License-Identifier: Apache-2.0
#include "server/agent_reports.hpp"

#include <algorithm>
#include <bitset>

#include "server/launch_order.hpp"

namespace drover::server {
namespace {

constexpr int kCoresMax = 4096, kGpusMax = 1024, kLabelsMax = 1000;

tl::unexpected<Error> bad(const std::string& what) {
  return fail(Errc::BadInput, "the agent's description of its node is not right: " + what,
              "agent and controller must be of one release");
}

bool is_name(const std::string& name) {
  if (name.empty() || name.size() > 255) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

bool is_engine_name(const std::string& name) {
  return name.starts_with("engine-") &&
         name.find_first_not_of("0123456789", 7) == std::string::npos;
}

Result<void> read_cores(const proto::NodeInfo& info, rm::Topology& topology) {
  std::bitset<65536> seen;
  for (const proto::CoreInfo& core : info.cores()) {
    if (core.package() > 65535 || core.l3() > 65535 ||
        core.numa() >= std::uint32_t(info.numa_mem_mib_size()))
      return bad("a core's place");
    rm::Core out{
        std::uint16_t(core.package()), std::uint16_t(core.numa()), std::uint16_t(core.l3()), {}};
    for (const std::uint32_t pu : core.pus()) {
      if (pu > 65535 || seen.test(pu)) return bad("a hardware thread's number");
      seen.set(pu);
      out.pus.push_back(std::uint16_t(pu));
    }
    if (out.pus.empty()) return bad("a core without hardware threads");
    topology.cores.push_back(std::move(out));
  }
  return {};
}

constexpr std::uint32_t kSeatsMax = 1000;

// "python.1000.s.NAME", pool_name() of pool/catalogue.hpp: statements of a session follow each
// other.
bool is_of_session(const rm::Labels& labels) {
  const auto pool = labels.find("pool");
  if (pool == labels.end()) return false;
  const std::size_t type = pool->second.find('.');
  const std::size_t uid =
      type == std::string::npos ? std::string::npos : pool->second.find('.', type + 1);
  return uid != std::string::npos;
}

// It has nothing but its labels, and seats for the statements that it runs at once.
Result<rm::NodeSpec> to_engine_spec(const proto::NodeInfo& info) {
  if (info.cores_size() > 0 || info.gpus_size() > 0 || info.resources_size() > 0)
    return bad("an engine has no cores or devices");
  if (info.labels_size() > kLabelsMax) return bad("the number of labels");
  rm::NodeSpec spec;
  spec.name = info.name();
  for (const auto& [name, value] : info.labels()) spec.labels[name] = value;
  spec.seats = is_of_session(spec.labels)
                   ? 1
                   : std::clamp<std::uint32_t>(info.engine().concurrency(), 1, kSeatsMax);
  return spec;
}

}  // namespace

Result<rm::NodeSpec> to_node_spec(const proto::NodeInfo& info) {
  if (!is_name(info.name())) return bad("its name");
  if (is_engine_name(info.name()) != info.has_engine())
    return bad("its name: engine-N names engines, and engines alone");
  if (info.has_engine()) return to_engine_spec(info);
  if (info.cores_size() < 1 || info.cores_size() > kCoresMax) return bad("the number of cores");
  if (info.numa_mem_mib_size() < 1 || info.numa_mem_mib_size() > kCoresMax)
    return bad("the NUMA nodes");
  if (info.gpus_size() > kGpusMax) return bad("the number of GPUs");
  if (info.labels_size() > kLabelsMax) return bad("the number of labels");
  rm::NodeSpec spec;
  spec.name = info.name();
  for (const auto& [name, value] : info.labels()) spec.labels[name] = value;
  if (auto read = read_cores(info, spec.topology); !read) return fail(read.error());
  for (const std::int64_t mib : info.numa_mem_mib()) {
    if (mib < 0 || mib > (std::int64_t(1) << 40)) return bad("the memory of a NUMA node");
    spec.topology.numa_mem_mib.push_back(mib);
  }
  for (const proto::GpuInfo& gpu : info.gpus()) {
    if (gpu.index() > 65535 || gpu.numa() > 65535) return bad("a GPU's number");
    spec.topology.gpus.push_back(
        {gpu.model(), gpu.address(), std::uint16_t(gpu.index()), std::uint16_t(gpu.numa())});
  }
  if (info.nics_size() > kGpusMax) return bad("the number of NICs");
  for (const proto::NicInfo& nic : info.nics()) {
    if (nic.numa() >= std::uint32_t(info.numa_mem_mib_size())) return bad("a NIC's place");
    spec.topology.nics.push_back({nic.name(), nic.address(), std::uint16_t(nic.numa())});
  }
  spec.topology.bindable = info.bindable();
  if (info.resources_size() > kLabelsMax) return bad("the number of custom resources");
  for (const auto& [name, count] : info.resources()) {
    if (count < 0 || count > rm::Room::kExtraMax) return bad("a custom resource's number");
    spec.topology.resources[name] = count;
  }
  return spec;
}

sched::TaskEnded to_ended(const proto::Ended& ended) {
  sched::TaskEnded out;
  out.id = to_attempt(ended.id());
  const int cause = int(ended.cause());
  out.cause = cause >= 0 && cause <= int(sched::EndCause::Unknown) ? sched::EndCause(cause)
                                                                   : sched::EndCause::Unknown;
  out.exit_code = ended.exit_code();
  out.term_signal = ended.term_signal();
  out.never_started = ended.never_started();
  out.returned = ended.returned();
  out.permanent = ended.permanent();
  out.message = ended.message().substr(0, 1000);
  out.started.us = std::max<std::int64_t>(0, ended.started_us());
  out.ended.us = std::max<std::int64_t>(0, ended.ended_us());
  out.usage = {ended.usage().user_us(), ended.usage().system_us(), ended.usage().max_rss_kib()};
  return out;
}

}  // namespace drover::server
