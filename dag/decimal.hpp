// dag/decimal.hpp - exact decimal numbers of up to 18 digits, for variables.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace drover::dag {

struct Decimal {  // units / 10^scale
  std::int64_t units = 0;
  int scale = 0;

  // "12", "-3.50"; nothing for any other text.
  static std::optional<Decimal> from(std::string_view text);
  std::string to_string() const;  // without zeros at the end of a fraction
};

// `op` is one of + - * /. A quotient is rounded to ten places. BadInput for a division by zero and
// what needs more than 18 digits.
Result<Decimal> calculate(const Decimal& left, char op, const Decimal& right);

}  // namespace drover::dag
