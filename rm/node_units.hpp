// rm/node_units.hpp - which hardware threads and GPUs of one node are held. Counts only; choosing
// is place_units.
//
// Holds are kept by OS index and outlive a change of the topology: a thread that vanished while a
// task was bound to it stays held until that task ends.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rm/unit_shape.hpp"

namespace drover::rm {

class NodeUnits {
 public:
  struct CoreState : UnitShape::Core {
    std::uint16_t free = 0;  // threads not held
    bool idle() const { return free == pus; }
  };
  struct L3State {
    std::uint16_t number = 0;
    std::uint32_t idle = 0;  // threads on cores that nobody holds a part of
  };
  struct NumaState {
    std::uint16_t package = 0;
    std::uint32_t free = 0;                // threads not held
    std::uint32_t idle = 0;                // those of them on idle cores
    std::uint32_t free_gpus = 0;           // of any model
    std::span<const std::uint32_t> cores;  // in logical order
    std::span<const L3State> l3s;
  };

  void rebuild(std::shared_ptr<const UnitShape> shape);  // O(threads); holds are kept
  void rebuild(const Topology& topology) { rebuild(std::make_shared<const UnitShape>(topology)); }

  void hold(std::span<const std::uint16_t> pus, std::span<const std::uint16_t> gpus);
  void drop(std::span<const std::uint16_t> pus, std::span<const std::uint16_t> gpus);

  // Of a GPU that is held, in thousandths; negative gives back.
  void share(std::uint16_t gpu, std::int64_t milli);
  bool has_shares() const { return shares_ > 0; }
  // What is left of a GPU that shares hold; 0 when nobody does, or one holds all of it.
  std::int64_t left_of(std::uint16_t gpu) const {
    if (gpu >= gpu_shares_.size() || gpu_shares_[gpu] == 0) return 0;
    return gpu_shares_[gpu] < 1000 ? 1000 - gpu_shares_[gpu] : 0;
  }
  std::int64_t left_of_shared() const;  // of all of them
  std::span<const std::int64_t> gpu_shares() const { return gpu_shares_; }

  bool bindable() const { return shape_->bindable; }
  std::uint32_t free_pus() const { return free_pus_; }
  std::uint32_t free_gpus() const { return free_gpus_; }
  std::uint32_t free_gpus(std::string_view model) const;  // "" = any
  bool is_free(std::uint16_t pu) const { return pu >= pu_holds_.size() || pu_holds_[pu] == 0; }
  bool is_free_gpu(std::uint16_t gpu) const {
    return gpu >= gpu_holds_.size() || gpu_holds_[gpu] == 0;
  }
  CoreState core(std::size_t index) const { return {shape_->cores[index], core_free_[index]}; }
  NumaState numa(std::size_t index) const {
    const UnitShape::Numa& built = shape_->numas[index];
    const NumaCounts& now = numas_[index];
    return {built.package, now.free,
            now.idle,      now.free_gpus,
            built.cores,   std::span(l3s_.data() + built.first_l3, built.l3_numbers.size())};
  }
  std::size_t numa_count() const { return numas_.size(); }
  const std::vector<std::uint16_t>& pu_indexes() const { return shape_->pu_indexes; }
  const std::vector<Gpu>& gpus() const { return shape_->gpus; }

  // How many leases hold each OS index; for the online check.
  std::span<const std::uint16_t> pu_holds() const { return {pu_holds_.data(), pu_holds_.size()}; }
  std::span<const std::uint16_t> gpu_holds() const {
    return {gpu_holds_.data(), gpu_holds_.size()};
  }

 private:
  struct NumaCounts {
    std::uint32_t free = 0, idle = 0, free_gpus = 0;
  };
  template <bool kBecomesFree>
  void count_pu(const UnitShape::Spot& at);
  void count_gpu(std::uint16_t gpu, bool becomes_free);

  std::shared_ptr<const UnitShape> shape_ = std::make_shared<const UnitShape>();
  std::uint32_t free_pus_ = 0, free_gpus_ = 0;
  // In the node itself where it is of a usual size: one piece of memory to fetch.
  template <class T, std::size_t kUsual>
  using Row = boost::container::small_vector<T, kUsual>;
  Row<NumaCounts, 8> numas_;
  Row<L3State, 8> l3s_;
  Row<std::uint16_t, 128> core_free_;     // by core
  Row<std::uint16_t, 128> pu_holds_;      // by OS index
  Row<std::uint16_t, 8> gpu_holds_;       // by driver index
  std::vector<std::int64_t> gpu_shares_;  // by driver index, thousandths
  std::int64_t shares_ = 0;               // their sum
};

}  // namespace drover::rm
