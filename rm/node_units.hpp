// rm/node_units.hpp - which hardware threads and GPUs of one node are held. Counts only; choosing
// is place_units.
//
// Holds are kept by OS index and outlive a change of the topology: a thread that vanished while a
// task was bound to it stays held until that task ends.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rm/topology.hpp"

namespace drover::rm {

class NodeUnits {
 public:
  struct CoreState {
    std::uint16_t numa = 0, l3 = 0;   // l3: position in the NUMA node's list
    std::uint16_t pus = 0, free = 0;  // hardware threads: all, and those not held
    std::uint32_t first_pu = 0;       // into pu_indexes()
    bool idle() const { return free == pus; }
  };
  struct L3State {
    std::uint16_t number = 0;
    std::uint32_t idle = 0;  // threads on cores that nobody holds a part of
  };
  struct NumaState {
    std::uint16_t package = 0;
    std::uint32_t free = 0;            // threads not held
    std::uint32_t idle = 0;            // those of them on idle cores
    std::uint32_t free_gpus = 0;       // of any model
    std::vector<std::uint32_t> cores;  // in logical order
    std::vector<L3State> l3s;
  };

  void rebuild(const Topology& topology);  // O(threads); holds are kept

  void hold(std::span<const std::uint16_t> pus, std::span<const std::uint16_t> gpus);
  void drop(std::span<const std::uint16_t> pus, std::span<const std::uint16_t> gpus);

  bool bindable() const { return bindable_; }
  std::uint32_t free_pus() const { return free_pus_; }
  std::uint32_t free_gpus() const { return free_gpus_; }
  std::uint32_t free_gpus(std::string_view model) const;  // "" = any
  bool is_free(std::uint16_t pu) const { return pu >= pu_holds_.size() || pu_holds_[pu] == 0; }
  bool is_free_gpu(std::uint16_t gpu) const {
    return gpu >= gpu_holds_.size() || gpu_holds_[gpu] == 0;
  }
  const std::vector<CoreState>& cores() const { return cores_; }
  const std::vector<NumaState>& numas() const { return numas_; }
  const std::vector<std::uint16_t>& pu_indexes() const { return pu_indexes_; }
  const std::vector<Gpu>& gpus() const { return gpus_; }

  // How many leases hold each OS index; for the online check.
  std::span<const std::uint16_t> pu_holds() const { return pu_holds_; }
  std::span<const std::uint16_t> gpu_holds() const { return gpu_holds_; }

 private:
  void count_idle(const CoreState& core, bool becomes_idle);
  void count_pu(std::uint16_t pu, bool becomes_free);
  void count_gpu(std::uint16_t gpu, bool becomes_free);

  bool bindable_ = false;
  std::uint32_t free_pus_ = 0, free_gpus_ = 0;
  std::vector<CoreState> cores_;
  std::vector<NumaState> numas_;
  std::vector<std::uint16_t> pu_indexes_;  // OS indexes, core by core
  std::vector<std::uint32_t> core_of_pu_;  // by OS index; kNowhere when not in the topology
  std::vector<Gpu> gpus_;
  std::vector<std::uint16_t> pu_holds_, gpu_holds_;  // by OS or driver index
};

}  // namespace drover::rm
