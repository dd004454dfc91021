// sim/packing.hpp - how well requests pack on a cluster: droverd's placement beside simple ones.
//
// No queue: a job is placed at once or turned away, so only the choice of nodes differs. Fill:
// nothing ends, the cluster fills up. Churn: jobs come and go as in the trace.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "rm/resource_manager.hpp"
#include "sim/cluster.hpp"
#include "sim/workload.hpp"

namespace drover::sim {

// Chooses nodes and remembers what they hold. `place` answers a handle, or -1.
class Placer {
 public:
  virtual ~Placer() = default;
  virtual std::int64_t place(const rm::Request& request) = 0;
  virtual void give_back(std::int64_t handle) = 0;
  struct Free {
    std::int64_t cpus = 0, gpu_milli = 0, mem_mib = 0;
    std::vector<std::int64_t> of_gpus{};  // thousandths left of each; gpu_milli is their sum
    bool has_gpus_for(const rm::Request& request) const;
  };
  virtual std::vector<Free> free() const = 0;  // by node
};

enum class Placement : std::uint8_t { Production, FirstFit, BestFit };
std::unique_ptr<Placer> make_placer(Placement placement, const Cluster& cluster);
std::string_view to_string(Placement placement);  // "drover", "first-fit", "best-fit"

struct PackOptions {
  bool fill = true;
  double offered = 1.3;    // Fill: stop when so much of the scarcest resource has been asked for
  std::uint64_t seed = 1;  // Fill: the order of the jobs; 0 = that of the trace
};

struct PackResult {
  std::string placement;
  std::uint64_t placed = 0, turned_away = 0;
  // Fill: held at the end. Churn: on average from the first submission to the last.
  double cpu_share = 0, mem_share = 0, gpu_share = 0;
  double turned_away_share = 0;       // of the work (GPU time where the cluster has GPUs, else CPU)
  double share_at_first_refusal = 0;  // Fill: of that resource held when the first job was refused
  // Fill: of the free GPUs (CPUs without any), those on nodes where a job of this trace that wants
  // some does not fit, averaged over the jobs.
  double stranded_share = 0;
  std::uint64_t impossible = 0;  // would not fit on the empty cluster: left out
};

PackResult pack(const Workload& workload, const Cluster& cluster, Placement placement,
                const PackOptions& options);

}  // namespace drover::sim
