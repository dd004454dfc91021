// nodeagent/node_report.cpp - conversions for the wire; load and memory from /proc.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/node_report.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "nodeagent/launcher.hpp"
#include "proto/agent.pb.h"

namespace drover::nodeagent {

void fill_ref(proto::AttemptRef& out, const AttemptId& id) {
  out.set_job(raw(id.task.job));
  out.set_task(raw(id.task.index));
  out.set_attempt(raw(id.number));
  out.set_epoch(raw(id.epoch));
}

void fill_started(proto::Started& out, const StartReport& report) {
  fill_ref(*out.mutable_id(), report.id);
  out.set_at_us(report.at_us);
  out.set_pid(report.pid);
}

void fill_ended(proto::Ended& out, const EndReport& report) {
  fill_ref(*out.mutable_id(), report.id);
  out.set_cause(static_cast<proto::EndCause>(report.cause));
  out.set_exit_code(report.exit_code);
  out.set_term_signal(report.term_signal);
  out.set_never_started(report.never_started);
  if (!report.message.empty()) out.set_message(report.message);
  out.set_started_us(report.started_us);
  out.set_ended_us(report.ended_us);
  proto::Usage& usage = *out.mutable_usage();
  usage.set_user_us(report.user_us);
  usage.set_system_us(report.system_us);
  usage.set_max_rss_kib(report.max_rss_kib);
}

void fill_node(proto::NodeInfo& out, const NodeTopology& topology) {
  for (const NodeCore& core : topology.cores) {
    proto::CoreInfo& info = *out.add_cores();
    info.set_package(core.package);
    info.set_numa(core.numa);
    info.set_l3(core.l3);
    for (const std::uint32_t pu : core.pus) info.add_pus(pu);
  }
  for (const std::int64_t mib : topology.numa_mem_mib) out.add_numa_mem_mib(mib);
  for (const NodeGpu& gpu : topology.gpus) {
    proto::GpuInfo& info = *out.add_gpus();
    info.set_model(gpu.model);
    info.set_address(gpu.address);
    info.set_index(gpu.index);
    info.set_numa(gpu.numa);
  }
  for (const NodeNic& nic : topology.nics) {
    proto::NicInfo& info = *out.add_nics();
    info.set_name(nic.name);
    info.set_address(nic.address);
    info.set_numa(nic.numa);
  }
  out.set_bindable(topology.bindable);
}

void fill_health(proto::Health& out, std::int32_t supd_pid) {
  double load = 0;
  if (::getloadavg(&load, 1) == 1) out.set_load1(load);
  std::ifstream meminfo("/proc/meminfo");
  std::string name, unit;
  std::int64_t kib = 0;
  while (meminfo >> name >> kib >> unit)
    if (name == "MemAvailable:") out.set_mem_free_mib(kib / 1024);
  std::ifstream statm("/proc/" + std::to_string(supd_pid) + "/statm");
  std::uint64_t size = 0, resident = 0;
  if (statm >> size >> resident)
    out.set_supd_rss_kib(resident * std::uint64_t(::sysconf(_SC_PAGESIZE)) / 1024);
}

std::map<std::string, std::string> parse_facts(std::string_view lines) {
  std::map<std::string, std::string> facts;
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    const std::string_view line = lines.substr(0, end);
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
    const std::size_t equals = line.find('=');
    if (equals != std::string_view::npos)
      facts.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return facts;
}

std::map<std::string, std::string> node_capabilities(
    const NodeTopology& topology, const std::map<std::string, std::string>& supd_facts) {
  std::map<std::string, std::string> all = supd_facts;
  all["topology"] = topology.source;
  all["binding"] = topology.bindable ? "yes" : "no, CPUs are counted only";
  const int pidfd = open_pidfd(::getpid());
  all["pidfd"] = pidfd >= 0 ? "yes" : "no";
  if (pidfd >= 0) ::close(pidfd);
  utsname names{};
  if (::uname(&names) == 0) all["kernel"] = names.release;
  const std::string cgroup = all.count("cgroup") != 0 ? all["cgroup"] : "none";
  all["kill"] = cgroup.find("kill") != std::string::npos ? "cgroup.kill"
                : cgroup.substr(0, 4) != "none"          ? "cgroup, process by process"
                                                         : "weaker: by session and environment";
  all["memory_limit"] = cgroup.find("memory") != std::string::npos ? "yes" : "no";
  return all;
}

}  // namespace drover::nodeagent
