// rm/amounts.hpp - how much of each resource. Whole numbers only, so sums are exact in any order.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace drover::rm {

// The fixed kinds come first. GPU models, licences and custom resources take the slots from Named
// on, by name (see ResourceNames).
enum class Kind : std::uint8_t {
  CpuMilli,
  MemMib,
  GpuMilli,
  Nodes,
  Engines,
  RunningJobs,
  QueuedJobs,
  Named  // the first of kNamedKinds
};
inline constexpr std::size_t kFixedKinds = std::size_t(Kind::Named);
inline constexpr std::size_t kNamedKinds = 17;
inline constexpr std::size_t kKinds = kFixedKinds + kNamedKinds;

constexpr Kind named_kind(std::size_t slot) { return Kind(kFixedKinds + slot); }
constexpr bool is_named(Kind kind) { return kind >= Kind::Named; }

// The largest amount that anyone may write: above every machine, and far enough below 2^63 that
// sums of millions of amounts cannot wrap.
inline constexpr std::int64_t kMaxAmount = std::int64_t(1) << 40;

struct Amounts {
  std::array<std::int64_t, kKinds> of{};

  constexpr std::int64_t& operator[](Kind kind) { return of[std::size_t(kind)]; }
  constexpr std::int64_t operator[](Kind kind) const { return of[std::size_t(kind)]; }
  friend constexpr bool operator==(const Amounts&, const Amounts&) = default;
  constexpr Amounts& operator+=(const Amounts& other) {
    for (std::size_t k = 0; k < kKinds; ++k) of[k] += other.of[k];
    return *this;
  }
  constexpr Amounts& operator-=(const Amounts& other) {
    for (std::size_t k = 0; k < kKinds; ++k) of[k] -= other.of[k];
    return *this;
  }
  constexpr bool is_zero() const { return *this == Amounts{}; }
};

constexpr Amounts most_of(Amounts a, const Amounts& b) {  // of each kind
  for (std::size_t k = 0; k < kKinds; ++k) a.of[k] = a.of[k] < b.of[k] ? b.of[k] : a.of[k];
  return a;
}

// Most requests name neither a GPU model nor a licence nor a custom resource: the kinds from here
// on are zero.
constexpr std::size_t width_of(const Amounts& amounts) {
  std::int64_t named = 0;
#pragma GCC unroll 32
  for (std::size_t k = kFixedKinds; k < kKinds; ++k) named |= amounts.of[k];
  return named == 0 ? kFixedKinds : kKinds;
}

// Takes so much off; false: more than there was of some kind. All kinds are looked at together,
// since every end comes through here, for its node and for each quota of its path.
[[nodiscard]] constexpr bool subtract(Amounts& sum, const Amounts& amounts, std::size_t width) {
  std::int64_t signs = 0;
#pragma GCC unroll 8
  for (std::size_t k = 0; k < kFixedKinds; ++k) signs |= sum.of[k] -= amounts.of[k];
  for (std::size_t k = kFixedKinds; k < width; ++k) signs |= sum.of[k] -= amounts.of[k];
  return signs >= 0;
}

// The first resource `free` has too little of; nothing when `want` fits.
constexpr std::optional<Kind> first_shortage(const Amounts& free, const Amounts& want) {
  for (std::size_t k = 0; k < kKinds; ++k)
    if (free.of[k] < want.of[k]) return Kind(k);
  return std::nullopt;
}

// "cpu", "memory", "gpu", ... and "named0", "named1", ... for the slots, whose real names
// ResourceNames knows.
std::string_view to_string(Kind kind);

}  // namespace drover::rm
