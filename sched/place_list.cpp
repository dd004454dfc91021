// sched/place_list.cpp - the row and the tree beside it.
// SPDX-License-Identifier: Apache-2.0
#include "sched/place_list.hpp"

#include <algorithm>

namespace drover::sched {

bool PlaceList::Iterator::late_is_next() const {
  if (!list_->late_ || late_ == list_->late_->end()) return false;
  return at_ == list_->row_.size() || *late_ < list_->row_[at_].place();
}

Place PlaceList::Iterator::operator*() const {
  return late_is_next() ? *late_ : list_->row_[at_].place();
}

PlaceList::Iterator& PlaceList::Iterator::operator++() {
  if (late_is_next()) {
    ++late_;
    return *this;
  }
  do ++at_;
  while (at_ < list_->row_.size() && list_->row_[at_].gone);
  return *this;
}

std::size_t PlaceList::index_of(const Place& place) const {
  const auto before = [](const Item& item, const Place& p) { return item.place() < p; };
  const auto first = row_.begin() + std::ptrdiff_t(head_);
  return std::size_t(std::lower_bound(first, row_.end(), place, before) - row_.begin());
}

bool PlaceList::contains(const Place& place) const {
  const std::size_t index = index_of(place);
  if (is_at(index, place)) return !row_[index].gone;
  return late_ && late_->contains(place);
}

void PlaceList::insert(const Place& place) {
  const bool is_last = row_.empty() || row_.back().place() < place;
  if (is_last && !(late_ && late_->contains(place))) {
    // A queue that stays as long as it is moves through its row: the room of those who have left is
    // used again before more is taken. Each time that frees at least one place in kReuse.
    if (row_.size() == row_.capacity() && (head_ + gone_) * kReuse > row_.size()) close_up();
    row_.push_back({place.priority, false, place.job});
    return;
  }
  const std::size_t index = index_of(place);
  if (is_at(index, place)) {  // it was here before, and has come back
    gone_ -= row_[index].gone ? 1 : 0;
    row_[index].gone = false;
    return;
  }
  if (!late_) late_ = std::make_unique<Late>();
  late_->insert(place);
}

void PlaceList::erase(const Place& place) {
  const std::size_t index = is_at(head_, place) ? head_ : index_of(place);
  if (!is_at(index, place)) {
    if (late_) late_->erase(place);
    if (late_ && late_->empty()) late_.reset();
    return;
  }
  if (row_[index].gone) return;
  row_[index].gone = true;
  ++gone_;
  for (; head_ < row_.size() && row_[head_].gone; ++head_) --gone_;
  if (head_ == row_.size()) {
    row_.clear();
    head_ = 0;
  } else if (head_ + gone_ > row_.size() / 2 + kSlack) {
    close_up();
  }
}

void PlaceList::close_up() {
  const auto first = row_.begin() + std::ptrdiff_t(head_);
  row_.erase(std::copy_if(first, row_.end(), row_.begin(), [](const Item& i) { return !i.gone; }),
             row_.end());
  head_ = gone_ = 0;
  if (row_.capacity() > 4 * row_.size() + kSlack) row_.shrink_to_fit();
}

void PlaceList::clear() {
  row_.clear();
  head_ = gone_ = 0;
  late_.reset();
}

}  // namespace drover::sched
