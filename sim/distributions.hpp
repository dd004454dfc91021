// sim/distributions.hpp - seeded draws. Own code, since the standard ones differ between libraries.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cmath>
#include <cstdint>
#include <numbers>

#include "base/prng.hpp"

namespace drover::sim {

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : prng_(seed) {}

  double uniform() { return (double(prng_.next() >> 11) + 0.5) * 0x1p-53; }  // in (0, 1)
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  bool chance(double probability) { return uniform() < probability; }
  std::uint64_t below(std::uint64_t bound) { return prng_.below(bound); }
  double exponential(double mean) { return -mean * std::log(uniform()); }

  double normal() {  // Box and Muller, 1958
    return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform());
  }

  // Marsaglia and Tsang, "A simple method for generating gamma variables", TOMS 26(3), 2000.
  double gamma(double shape, double scale) {
    if (shape < 1) return gamma(shape + 1, scale) * std::pow(uniform(), 1 / shape);
    const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    for (;;) {
      const double x = normal(), v = std::pow(1 + c * x, 3);
      if (v > 0 && std::log(uniform()) < 0.5 * x * x + d - d * v + d * std::log(v))
        return d * v * scale;
    }
  }

 private:
  Prng prng_;
};

}  // namespace drover::sim
