// sim/cluster.hpp - the machine that a simulation runs on.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "rm/resource_manager.hpp"

namespace drover::sim {

struct Cluster {
  std::vector<rm::NodeSpec> nodes;
  std::int64_t cpus() const;
  std::int64_t gpus() const;
};

// One node of `procs` CPUs that are counted, not bound: the classic machine of the archive's logs.
// The resource manager numbers the CPUs of a node with 16 bits: larger machines are refused.
Result<Cluster> flat_cluster(std::int64_t procs);

// "[[nodes]]" tables, see docs/simulator.md. Unknown keys are errors that name the nearest one.
Result<Cluster> parse_cluster_toml(std::string_view text, const std::string& origin);

// Lines of: id, name, nodes, CPUs per node, speed, memory per node in KiB.
Result<Cluster> parse_machines(std::string_view text, const std::string& origin);

// CSV of the GPU cluster trace: sn,cpu_milli,memory_mib,gpu,model.
Result<Cluster> parse_gpu_nodes(std::string_view text, const std::string& origin);

// By the file's ending: .toml, .machines or .csv, each perhaps followed by .gz.
Result<Cluster> read_cluster(const std::string& path);

}  // namespace drover::sim
