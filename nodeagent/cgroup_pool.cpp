// nodeagent/cgroup_pool.cpp - open, reuse and drop pooled cgroups.
// SPDX-License-Identifier: Apache-2.0
#include "nodeagent/cgroup_pool.hpp"

#include <unistd.h>

#include <cstring>
#include <string_view>

namespace drover::nodeagent {
namespace {

constexpr std::uint32_t kInUseMax =
    256;  // two descriptors each; a busy node of long jobs needs no pool
constexpr std::size_t kFreeMax = 128;

}  // namespace

CgroupSlot CgroupPool::take() {
  if (cgroups_.tracking() != Cgroups::Tracking::V2 || in_use_ >= kInUseMax) return {};
  CgroupSlot slot;
  if (!free_.empty()) {
    slot = free_.back();
    free_.pop_back();
  } else {
    const CgroupName name(next_);
    slot.dir = cgroups_.create(name);
    slot.events = slot.dir < 0 ? -1 : cgroups_.open_events(name);
    if (slot.events < 0) {
      if (slot.dir >= 0) ::close(slot.dir);
      (void)cgroups_.try_remove(name);
      return {};
    }
    slot.number = next_++;
  }
  ++in_use_;
  return slot;
}

bool CgroupPool::is_empty(const CgroupSlot& slot) const {
  char text[128];
  const ssize_t got = ::pread(slot.events, text, sizeof(text), 0);
  return got > 0 &&
         std::string_view(text, std::size_t(got)).find("populated 0") != std::string_view::npos;
}

void CgroupPool::give_back(CgroupSlot slot) {
  if (free_.size() < kFreeMax) {
    --in_use_;
    free_.push_back(slot);
    return;
  }
  const CgroupName name(slot.number);
  discard(slot);
  (void)cgroups_.try_remove(name);
}

void CgroupPool::discard(CgroupSlot& slot) {
  if (slot.number == 0) return;
  ::close(slot.dir);
  ::close(slot.events);
  slot = {};
  --in_use_;
}

void CgroupPool::clear() {
  for (CgroupSlot& slot : free_) {
    ::close(slot.dir);
    ::close(slot.events);
    (void)cgroups_.try_remove(CgroupName(slot.number));
  }
  free_.clear();
}

}  // namespace drover::nodeagent
