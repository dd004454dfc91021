// nodeagent/cgroup_pool.hpp - empty v2 cgroups kept for the next attempt; a new one is dear.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <vector>

#include "nodeagent/cgroups.hpp"

namespace drover::nodeagent {

// A directory "pool.N" with its files open. Only attempts that left nothing behind give theirs
// back.
struct CgroupSlot {
  std::uint32_t number = 0;  // 0 = the attempt has a directory of its own name
  int dir = -1, events = -1;
  std::int64_t user_us = 0, system_us = 0;  // CPU time of the attempts before this one
};

class CgroupPool {
 public:
  explicit CgroupPool(const Cgroups& cgroups) : cgroups_(cgroups) {}

  // A slot, or one with number 0 when pooling is not offered or too many are in use.
  CgroupSlot take();
  bool is_empty(const CgroupSlot& slot) const;  // one pread
  void give_back(CgroupSlot slot);
  void discard(CgroupSlot& slot);  // closes; the directory is the caller's to remove
  void clear();                    // removes all free ones
  void skip_number(std::uint32_t used) { next_ = next_ > used ? next_ : used + 1; }

 private:
  const Cgroups& cgroups_;
  std::vector<CgroupSlot> free_;
  std::uint32_t next_ = 1, in_use_ = 0;
};

}  // namespace drover::nodeagent
