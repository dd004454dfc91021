// store/task_rules_codec.cpp - field by field.
// SPDX-License-Identifier: Apache-2.0
#include "store/task_rules_codec.hpp"

#include "proto/store.pb.h"

namespace drover::store {

void encode(const rm::CoreRule& rule, proto::CoreRule& out) {
  out.set_threads_per_core(rule.threads_per_core);
  out.set_own_cores(rule.own_cores);
  out.set_tasks_per_socket(rule.tasks_per_socket);
  out.set_over_sockets(rule.over_sockets);
  out.set_cpus_per_task(rule.cpus_per_task);
  out.set_min_sockets(rule.min_sockets);
  out.set_min_cores_per_socket(rule.min_cores_per_socket);
}

void decode(const proto::CoreRule& in, rm::CoreRule& out) {
  out.threads_per_core = in.threads_per_core();
  out.own_cores = in.own_cores();
  out.tasks_per_socket = in.tasks_per_socket();
  out.over_sockets = in.over_sockets();
  out.cpus_per_task = in.cpus_per_task();
  out.min_sockets = in.min_sockets();
  out.min_cores_per_socket = in.min_cores_per_socket();
}

void encode(const rm::TaskRules& rules, proto::TaskRules& out) {
  out.set_over_nodes(std::uint32_t(rules.over_nodes));
  out.set_plane(rules.plane);
  out.set_over_sockets(std::uint32_t(rules.over_sockets));
  out.set_threads_per_core(rules.threads_per_core);
  out.set_ntasks_per_core(rules.ntasks_per_core);
  out.set_ntasks_per_socket(rules.ntasks_per_socket);
  out.set_sockets_per_node(rules.sockets_per_node);
  out.set_cores_per_socket(rules.cores_per_socket);
  out.set_cpu_bind(std::uint32_t(rules.cpu_bind));
  out.set_mem_bind(std::uint32_t(rules.mem_bind));
  out.set_verbose(rules.verbose);
}

bool decode(const proto::TaskRules& in, rm::TaskRules& out) {
  if (in.over_nodes() > std::uint32_t(rm::NodeDealing::Plane)) return false;
  if (in.over_sockets() > std::uint32_t(rm::SocketDealing::FullCyclic)) return false;
  if (in.cpu_bind() > std::uint32_t(rm::CpuBind::None)) return false;
  if (in.mem_bind() > std::uint32_t(rm::MemBind::Local)) return false;
  out.over_nodes = rm::NodeDealing(in.over_nodes());
  out.plane = in.plane();
  out.over_sockets = rm::SocketDealing(in.over_sockets());
  out.threads_per_core = in.threads_per_core();
  out.ntasks_per_core = in.ntasks_per_core();
  out.ntasks_per_socket = in.ntasks_per_socket();
  out.sockets_per_node = in.sockets_per_node();
  out.cores_per_socket = in.cores_per_socket();
  out.cpu_bind = rm::CpuBind(in.cpu_bind());
  out.mem_bind = rm::MemBind(in.mem_bind());
  out.verbose = in.verbose();
  return true;
}

void encode(const sched::ComponentTasks& tasks, proto::ComponentTasks& out) {
  out.set_ntasks(tasks.ntasks);
  out.set_cpus_per_task(tasks.cpus_per_task);
  out.set_ntasks_per_node(tasks.ntasks_per_node);
  if (tasks.layout != rm::TaskRules{}) encode(tasks.layout, *out.mutable_layout());
}

bool decode(const proto::ComponentTasks& in, sched::ComponentTasks& out) {
  out.ntasks = in.ntasks();
  out.cpus_per_task = in.cpus_per_task();
  out.ntasks_per_node = in.ntasks_per_node();
  return decode(in.layout(), out.layout);
}

}  // namespace drover::store
