// sim/swf_fields.cpp - numbers from words of eight characters (SWAR: SIMD within a register).
// SPDX-License-Identifier: Apache-2.0
#include "sim/swf_fields.hpp"

#include <bit>
#include <cstring>

namespace drover::sim {
namespace {

// The first character is the lowest byte.
std::uint64_t word_at(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}
constexpr std::uint64_t each(unsigned char byte) { return 0x0101010101010101u * byte; }
constexpr std::uint64_t low_bits(std::size_t n) {  // n <= 64
  return n < 64 ? (std::uint64_t(1) << n) - 1 : ~std::uint64_t(0);
}

// Bit i: character i of these 64 is no blank.
std::uint64_t filled(const char* at) {
  std::uint64_t mask = 0;
  for (int i = 0; i < 8; ++i) {
    const std::uint64_t word = word_at(at + 8 * i) ^ each(' ');
    const std::uint64_t high = (((word & each(0x7f)) + each(0x7f)) | word) & each(0x80);
    mask |= (((high >> 7) * 0x0102040810204080u) >> 56) << (8 * i);  // one bit of each byte
  }
  return mask;
}

// Appends where bits are set, four at a time: up to three more than `count` are written.
void append(std::uint64_t bits, int count, unsigned base, std::uint8_t* to) {
  for (int i = 0; i < count; i += 4)
    for (int k = 0; k < 4; ++k) {
      to[i + k] = std::uint8_t(base + unsigned(std::countr_zero(bits)));
      bits &= bits - 1;
    }
}

// Eight digits as bytes of 0 to 9, the highest first: pairs, then fours, then all.
std::int64_t number_of(std::uint64_t digits) {
  constexpr std::uint64_t kPairs = 0x000000FF000000FF;
  digits = digits * 10 + (digits >> 8);
  return std::int64_t(((digits & kPairs) * (100 + (1'000'000ull << 32)) +
                       ((digits >> 16) & kPairs) * (1 + (10'000ull << 32))) >>
                      32);
}

bool scan_field(const char* at, std::size_t size, std::int64_t& value) {
  if (size <= 8) {
    const std::size_t spare = 64 - 8 * size;
    std::uint64_t word = (word_at(at) ^ each('0')) << spare;  // what follows goes, zeros lead
    const std::uint64_t others = ((word + each(0x76)) | word) & each(0x80);
    if (others == 0) return value = number_of(word), true;
    if (size == 2 && at[0] == '-' && at[1] == '1') return value = -1, true;  // unknown
    const std::size_t digits = std::size_t(std::countr_zero(others >> spare)) / 8;
    if (digits > 0 && at[digits] == '.' && (others & (others - 1)) == 0)
      return value = number_of(word << (8 * (size - digits))), true;
  }
  const char* end = at;
  return scan_number(end, value) && end == at + size;
}

}  // namespace

bool scan_number(const char*& at, std::int64_t& value) {
  const auto is_digit = [](char c) { return static_cast<unsigned char>(c - '0') < 10; };
  const char* p = at;
  const bool negative = *p == '-';
  p += negative ? 1 : 0;
  const char* const digits = p;
  std::uint64_t sum = 0;
  for (; is_digit(*p); ++p) sum = sum * 10 + unsigned(*p - '0');
  if (p == digits || p - digits > 18) return false;
  if (*p == '.') do
      ++p;
    while (is_digit(*p));
  value = negative ? -std::int64_t(sum) : std::int64_t(sum);
  at = p;
  return true;
}

bool scan_usual_line(const char* line, std::size_t size, SwfFields& fields) {
  const std::uint64_t low = filled(line) & low_bits(size < 64 ? size : 64);
  const std::uint64_t high = size > 64 ? filled(line + 64) & low_bits(size - 64) : 0;
  // Where filled and blank change: beginnings and ends in turn.
  const std::uint64_t low_turns = low ^ (low << 1), high_turns = high ^ (high << 1 | low >> 63);
  const int first = std::popcount(low_turns), rest = std::popcount(high_turns);
  if (std::size_t(first + rest) != 2 * kSwfFields) return false;
  std::uint8_t turns[2 * kSwfFields + 8];
  append(low_turns, first, 0, turns);
  append(high_turns, rest, 64, turns + first);
  for (std::size_t i = 0; i < kSwfFields; ++i)
    if (!scan_field(line + turns[2 * i], std::size_t(turns[2 * i + 1] - turns[2 * i]), fields[i]))
      return false;
  return true;
}

}  // namespace drover::sim
