// sched/items.hpp - one text for each element of an array, kept as one string.
// SPDX-License-Identifier: Apache-2.0
//
// A million short texts as strings of their own would cost more than they say.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::sched {

class Items {
 public:
  static constexpr std::size_t kMax = 1'000'000, kItemMax = 64 << 10, kBytesMax = 16 << 20;

  Items() = default;
  // From the store. Ends that do not grow, or reach beyond the text, give no items at all.
  Items(std::string text, std::vector<std::uint32_t> ends) {
    if (!std::ranges::is_sorted(ends) || (!ends.empty() && ends.back() != text.size())) return;
    text_ = std::move(text);
    ends_ = std::move(ends);
  }

  void add(std::string_view item) {  // within the limits above
    text_ += item;
    ends_.push_back(static_cast<std::uint32_t>(text_.size()));
  }
  bool empty() const { return ends_.empty(); }
  std::size_t size() const { return ends_.size(); }
  std::size_t bytes() const { return text_.size(); }
  std::string_view operator[](std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(text_).substr(begin, ends_[i] - begin);
  }
  const std::string& text() const { return text_; }
  const std::vector<std::uint32_t>& ends() const { return ends_; }
  friend bool operator==(const Items&, const Items&) = default;

 private:
  std::string text_;
  std::vector<std::uint32_t> ends_;
};

// `word` with ${item} and ${index} replaced; what else stands in braces stays.
std::string fill_in_item(std::string_view word, std::string_view item, std::uint32_t index);

}  // namespace drover::sched
