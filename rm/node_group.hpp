// rm/node_group.hpp - a set of nodes that usually has one member or very many.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "rm/node_bits.hpp"

namespace drover::rm {

// Nodes with the same free amounts: on a busy cluster hardly two have as much memory left, on an
// idle one thousands have. A few ids stand in the group itself, more are a bitmap; a bitmap for
// each would be a kilobyte to fetch for every node that changes.
class NodeGroup {
 public:
  void insert(NodeId id) {
    if (contains(id)) return;
    if (bits_ == nullptr && count_ < kFew) {
      const auto end = few_.begin() + count_++;
      const auto at = std::upper_bound(few_.begin(), end, id);
      std::copy_backward(at, end, end + 1);
      *at = id;
      return;
    }
    if (bits_ == nullptr) {
      bits_ = std::make_unique<NodeBits>();
      for (const NodeId known : few_) bits_->insert(known);
    }
    bits_->insert(id);
    ++count_;
  }

  void erase(NodeId id) {
    if (!contains(id)) return;
    --count_;
    if (bits_ != nullptr) {
      bits_->erase(id);
      if (count_ == 0) bits_.reset();
      return;
    }
    const auto at = std::find(few_.begin(), few_.begin() + count_, id);
    std::copy(at + 1, few_.begin() + count_ + 1, at);
  }

  bool contains(NodeId id) const {
    if (bits_ != nullptr) return bits_->contains(id);
    return std::find(few_.begin(), few_.begin() + count_, id) != few_.begin() + count_;
  }
  std::uint32_t count() const { return count_; }
  bool empty() const { return count_ == 0; }

  // The smallest id >= `from` that is in this group and, when given, in `other`.
  std::optional<NodeId> first_common(const NodeBits* other, std::uint32_t from = 0) const {
    if (bits_ != nullptr) return bits_->first_common(other, from);
    for (std::uint32_t i = 0; i < count_; ++i)
      if (raw(few_[i]) >= from && (other == nullptr || other->contains(few_[i]))) return few_[i];
    return std::nullopt;
  }

 private:
  static constexpr std::uint32_t kFew = 6;
  std::uint32_t count_ = 0;
  std::array<NodeId, kFew> few_{};  // in order, when there are no bits
  std::unique_ptr<NodeBits> bits_;
};

}  // namespace drover::rm
