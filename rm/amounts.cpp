// rm/amounts.cpp - the words for resource kinds.
// SPDX-License-Identifier: Apache-2.0
#include "rm/amounts.hpp"

namespace drover::rm {

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::CpuMilli: return "cpu";
    case Kind::MemMib: return "memory";
    case Kind::GpuMilli: return "gpu";
    case Kind::Nodes: return "nodes";
    case Kind::Engines: return "engines";
    case Kind::RunningJobs: return "running_jobs";
    case Kind::QueuedJobs: return "queued_jobs";
    case Kind::Custom0: return "custom0";
    case Kind::Custom1: return "custom1";
    case Kind::Custom2: return "custom2";
    case Kind::Custom3: return "custom3";
    case Kind::Custom4: return "custom4";
  }
  return "unknown";
}

}  // namespace drover::rm
