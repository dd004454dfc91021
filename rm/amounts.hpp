// rm/amounts.hpp - how much of each resource. Whole numbers only, so sums are exact in any order.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace drover::rm {

// The fixed kinds come first; custom resources and licences take the free slots by name (see
// ResourceNames).
enum class Kind : std::uint8_t {
  CpuMilli,
  MemMib,
  GpuMilli,
  Nodes,
  Engines,
  RunningJobs,
  QueuedJobs,
  Custom0,
  Custom1,
  Custom2,
  Custom3,
  Custom4
};
inline constexpr std::size_t kKinds = 12;

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

// The first resource `free` has too little of; nothing when `want` fits.
constexpr std::optional<Kind> first_shortage(const Amounts& free, const Amounts& want) {
  for (std::size_t k = 0; k < kKinds; ++k)
    if (free.of[k] < want.of[k]) return Kind(k);
  return std::nullopt;
}

std::string_view to_string(Kind kind);  // "cpu", "memory", "gpu", ...

}  // namespace drover::rm
