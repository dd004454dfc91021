// sim/swf_fields.cpp - sets of characters as bits, and numbers from words of eight characters.
// SPDX-License-Identifier: Apache-2.0
#include "sim/swf_fields.hpp"

#include <bit>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

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

// Which of 64 characters are what, a bit for each.
struct Marks {
  std::uint64_t blanks = 0, digits = 0, minus = 0;
};

#if defined(__SSE2__)
Marks marks_of(const char* at) {
  Marks marks;
  for (int i = 0; i < 64; i += 16) {
    const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + i));
    const __m128i digit = _mm_sub_epi8(text, _mm_set1_epi8('0'));
    const auto put = [&](std::uint64_t& to, __m128i bytes) {
      to |= std::uint64_t(unsigned(_mm_movemask_epi8(bytes))) << i;
    };
    put(marks.blanks, _mm_cmpeq_epi8(text, _mm_set1_epi8(' ')));
    put(marks.digits, _mm_cmpeq_epi8(_mm_min_epu8(digit, _mm_set1_epi8(9)), digit));
    put(marks.minus, _mm_cmpeq_epi8(text, _mm_set1_epi8('-')));
  }
  return marks;
}
#else
Marks marks_of(const char* at) {
  Marks marks;
  for (int i = 0; i < 64; ++i) {
    marks.blanks |= std::uint64_t(at[i] == ' ') << i;
    marks.digits |= std::uint64_t(static_cast<unsigned char>(at[i] - '0') < 10) << i;
    marks.minus |= std::uint64_t(at[i] == '-') << i;
  }
  return marks;
}
#endif

// A half of the line: what it has, and what the half before it ends with.
struct Half {
  std::uint64_t filled = 0, digits = 0, minus = 0;
  std::uint64_t after_blank = 0, after_digit = 0, after_minus = 0;

  Half(const Marks& marks, std::size_t size, const Half* before) {
    const std::uint64_t inside = size < 64 ? (std::uint64_t(1) << size) - 1 : ~std::uint64_t(0);
    filled = ~marks.blanks & inside;
    digits = marks.digits & inside;
    minus = marks.minus & inside;
    after_blank = ~(filled << 1);
    after_digit = digits << 1;
    after_minus = minus << 1;
    if (before == nullptr) return;
    after_blank &= ~(before->filled >> 63);
    after_digit |= before->digits >> 63;
    after_minus |= before->minus >> 63;
  }
  std::uint64_t begins() const { return filled & after_blank; }
  std::uint64_t points() const { return filled & ~digits & ~minus; }  // whatever they are
  // A minus begins a number, digits follow it, and go before a point.
  bool is_sound() const {
    return ((minus & ~after_blank) | (after_minus & ~digits) | (points() & ~after_digit)) == 0;
  }
};

// Whether 16 in a row are filled.
bool has_long(std::uint64_t filled) {
  std::uint64_t runs = filled & filled >> 1;  // of 2, of 4, of 8
  runs &= runs >> 2;
  runs &= runs >> 4;
  return (runs & runs >> 8) != 0;
}

// Appends where bits are set, two at a time: one more than `count` may be written.
void append(std::uint64_t bits, int count, int base, std::uint8_t* to) {
  constexpr std::uint64_t kLast = std::uint64_t(1) << 63;  // else none may be left
  for (int i = 0; i < count; i += 2)
    for (int k = 0; k < 2; ++k) {
      to[i + k] = std::uint8_t(base + std::countr_zero(bits | kLast));
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

bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

// Of a line in which all fields are numbers.
bool scan_field(const char* at, std::int64_t& value) {
  const bool negative = *at == '-';
  const char* const first = at + (negative ? 1 : 0);
  const std::uint64_t word = word_at(first) ^ each('0');
  const std::uint64_t others = ((word + each(0x76)) | word) & each(0x80);
  if (others == 0 && is_digit(first[8])) return scan_number(at, value);
  const int digits = std::countr_zero(others) / 8;  // what follows them goes, zeros lead
  const std::int64_t number = number_of(word << (64 - 8 * digits));
  return value = negative ? -number : number, true;
}

}  // namespace

bool scan_number(const char*& at, std::int64_t& value) {
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
  const Half low(marks_of(line), size < 64 ? size : 64, nullptr);
  const Half high(size > 64 ? marks_of(line + 64) : Marks{}, size > 64 ? size - 64 : 0, &low);
  const int first = std::popcount(low.begins()), rest = std::popcount(high.begins());
  if (std::size_t(first + rest) != kSwfFields) return false;
  if (!low.is_sound() || !high.is_sound()) return false;
  if (has_long(low.filled) || has_long(high.filled) ||
      has_long(low.filled >> 32 | high.filled << 32))
    return false;
  if (const std::uint64_t any = low.points() | high.points(); any != 0) {  // one at most
    if ((any & (any - 1)) != 0 || (low.points() != 0 && high.points() != 0)) return false;
    if (line[std::countr_zero(any) + (high.points() != 0 ? 64 : 0)] != '.') return false;
  }
  std::uint8_t begins[kSwfFields + 2];
  append(low.begins(), first, 0, begins);
  append(high.begins(), rest, 64, begins + first);
  for (const std::size_t i : kSwfRead)
    if (!scan_field(line + begins[i], fields[i])) return false;
  return true;
}

}  // namespace drover::sim
