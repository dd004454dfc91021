// base/id_bits.hpp - a set of dense ids as bits, with one summary bit per word so that sparse sets
// cost little.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace drover {

// Grows by itself. insert, erase and contains are O(1); first_common is O(ids/4096 + words that
// both fill).
template <class Id>
class IdBits {
 public:
  void insert(Id id) {
    const std::size_t word = std::size_t(id) / 64;
    if (word >= words_.size()) {
      words_.resize(word + 1);
      summary_.resize(word / 64 + 1);
    }
    const std::uint64_t bit = std::uint64_t(1) << (std::size_t(id) % 64);
    count_ += (words_[word] & bit) == 0 ? 1 : 0;
    words_[word] |= bit;
    summary_[word / 64] |= std::uint64_t(1) << (word % 64);
  }

  void erase(Id id) {
    if (!contains(id)) return;
    const std::size_t word = std::size_t(id) / 64;
    words_[word] &= ~(std::uint64_t(1) << (std::size_t(id) % 64));
    if (words_[word] == 0) summary_[word / 64] &= ~(std::uint64_t(1) << (word % 64));
    --count_;
  }

  void set(Id id, bool member) {
    if (member) {
      insert(id);
    } else {
      erase(id);
    }
  }

  bool contains(Id id) const {
    const std::size_t word = std::size_t(id) / 64;
    return word < words_.size() && (words_[word] >> (std::size_t(id) % 64) & 1) != 0;
  }

  std::uint32_t count() const { return count_; }
  bool empty() const { return count_ == 0; }

  // The smallest id >= `from` that is in this set and, when given, in `other`.
  std::optional<Id> first_common(const IdBits* other, std::uint32_t from = 0) const {
    std::size_t word = from / 64;
    if (word >= words_.size()) return std::nullopt;
    if (const std::uint64_t hit = both(other, word) & (~std::uint64_t(0) << (from % 64)); hit != 0)
      return id_at(word, hit);
    ++word;
    for (std::size_t s = word / 64; s < summary_.size(); ++s) {
      std::uint64_t candidates = summary_[s];
      if (other != nullptr) candidates &= s < other->summary_.size() ? other->summary_[s] : 0;
      if (s == word / 64) candidates &= ~std::uint64_t(0) << (word % 64);
      for (; candidates != 0; candidates &= candidates - 1) {
        const std::size_t at = s * 64 + std::size_t(std::countr_zero(candidates));
        if (const std::uint64_t hit = both(other, at); hit != 0) return id_at(at, hit);
      }
    }
    return std::nullopt;
  }

  // How many ids are in this set and in both others; O(words of this set).
  std::uint32_t count_common(const IdBits* a, const IdBits* b) const {
    std::uint32_t sum = 0;
    for (std::size_t word = 0; word < words_.size(); ++word)
      sum += std::uint32_t(std::popcount(both(a, word) & both(b, word)));
    return sum;
  }

  // Keeps what is in `other` too; adds what is in it; O(words of both).
  void intersect(const IdBits& other) {
    for (std::size_t word = 0; word < words_.size(); ++word) words_[word] = both(&other, word);
    recount();
  }
  void unite(const IdBits& other) {
    if (other.words_.size() > words_.size()) words_.resize(other.words_.size());
    for (std::size_t word = 0; word < other.words_.size(); ++word)
      words_[word] |= other.words_[word];
    recount();
  }
  // Becomes those of `all` that it did not have.
  void complement(const IdBits& all) {
    words_.resize(all.words_.size());
    for (std::size_t word = 0; word < words_.size(); ++word)
      words_[word] = all.words_[word] & ~words_[word];
    recount();
  }

 private:
  void recount() {
    summary_.assign(words_.empty() ? 0 : (words_.size() - 1) / 64 + 1, 0);
    count_ = 0;
    for (std::size_t word = 0; word < words_.size(); ++word) {
      if (words_[word] == 0) continue;
      summary_[word / 64] |= std::uint64_t(1) << (word % 64);
      count_ += std::uint32_t(std::popcount(words_[word]));
    }
  }
  std::uint64_t both(const IdBits* other, std::size_t word) const {
    if (other == nullptr) return words_[word];
    return word < other->words_.size() ? words_[word] & other->words_[word] : 0;
  }
  static Id id_at(std::size_t word, std::uint64_t hit) {
    return Id(std::uint32_t(word * 64 + std::size_t(std::countr_zero(hit))));
  }

  std::vector<std::uint64_t> words_, summary_;
  std::uint32_t count_ = 0;
};

}  // namespace drover
