// dag/decimal.cpp - sums on 128 bits, so that nothing overflows before it is looked at.
// SPDX-License-Identifier: Apache-2.0
#include "dag/decimal.hpp"

#include <algorithm>

namespace drover::dag {
namespace {

__extension__ using Wide = __int128;

constexpr int kDigitsMax = 18;
constexpr int kQuotientScale = 10;
constexpr Wide kUnitsMax = 999'999'999'999'999'999;

Wide power_of_ten(int exponent) {
  Wide power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

Result<Decimal> kept(Wide units, int scale) {
  while (scale > 0 && units % 10 == 0) units /= 10, --scale;
  for (; scale > kDigitsMax; --scale) units /= 10;
  if (units > kUnitsMax || units < -kUnitsMax)
    return fail(Errc::BadInput,
                "the result has more than " + std::to_string(kDigitsMax) + " digits",
                "use smaller numbers", "variables");
  return Decimal{std::int64_t(units), scale};
}

}  // namespace

std::optional<Decimal> Decimal::from(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.size() > kDigitsMax + 1 || text.front() == '.' || text.back() == '.')
    return std::nullopt;
  Decimal made;
  bool has_point = false;
  int digits = 0;
  for (const char c : text) {
    if (c == '.' && !has_point) {
      has_point = true;
    } else if (c >= '0' && c <= '9' && ++digits <= kDigitsMax) {
      made.units = made.units * 10 + (c - '0');
      made.scale += has_point ? 1 : 0;
    } else {
      return std::nullopt;
    }
  }
  if (negative) made.units = -made.units;
  return made;
}

std::string Decimal::to_string() const {
  std::string text = std::to_string(units < 0 ? -units : units);
  if (scale > 0) {
    const auto places = std::size_t(scale);
    if (text.size() <= places) text.insert(0, places + 1 - text.size(), '0');
    text.insert(text.size() - places, ".");
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return units < 0 ? "-" + text : text;
}

Result<Decimal> calculate(const Decimal& left, char op, const Decimal& right) {
  if (op == '*') return kept(Wide(left.units) * right.units, left.scale + right.scale);
  if (op == '/') {
    if (right.units == 0)
      return fail(Errc::BadInput, "a division by zero", "divide by something else", "variables");
    const Wide top = Wide(left.units) * power_of_ten(kQuotientScale);
    Wide units = top / right.units;
    const Wide rest = top % right.units;  // half a unit and more is rounded away from zero
    const Wide twice = 2 * (rest < 0 ? -rest : rest);
    const Wide whole = right.units < 0 ? -Wide(right.units) : Wide(right.units);
    if (twice >= whole) units += (top < 0) == (right.units < 0) ? 1 : -1;
    const int scale = kQuotientScale + left.scale - right.scale;
    return scale < 0 ? kept(units * power_of_ten(-scale), 0) : kept(units, scale);
  }
  const int scale = std::max(left.scale, right.scale);
  const Wide a = Wide(left.units) * power_of_ten(scale - left.scale);
  const Wide b = Wide(right.units) * power_of_ten(scale - right.scale);
  return kept(op == '+' ? a + b : a - b, scale);
}

}  // namespace drover::dag
