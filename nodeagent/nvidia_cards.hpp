// nodeagent/nvidia_cards.hpp - the cards that NVIDIA's driver drives, as its /proc tree names them.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <vector>

namespace drover::nodeagent {

struct NvidiaCard {
  std::string address;  // "0000:3b:00.0"; the domain is part of it
  std::string model;    // "NVIDIA H100 80GB HBM3"; "" when the driver does not say
  friend bool operator==(const NvidiaCard&, const NvidiaCard&) = default;
};

// By PCI address, which is the order in which NVML counts, and CUDA where CUDA_DEVICE_ORDER is
// PCI_BUS_ID. Cards that the driver excludes, as after a fault, are left out, and so is what cannot
// be read; empty where there is no such driver. `root` is for tests.
std::vector<NvidiaCard> read_nvidia_cards(const std::string& root = "/proc/driver/nvidia/gpus");

}  // namespace drover::nodeagent
