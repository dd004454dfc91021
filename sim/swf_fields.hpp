// sim/swf_fields.hpp - the fields of a usual line of a trace, eight characters at a time.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <array>
#include <cstdint>

namespace drover::sim {

inline constexpr std::size_t kSwfFields = 18;
using SwfFields = std::array<std::int64_t, kSwfFields>;

// A whole number at `at`, its decimals cut off, and `at` set behind it; false when there is none.
// Something that is neither digit nor point must follow.
bool scan_number(const char*& at, std::int64_t& value);

// Of lines up to so long the fields may be read at once; `readable` must say that as many
// characters may be looked at from the beginning of the line, whatever they are.
inline constexpr std::size_t kUsualLine = 120, kUsualReadable = 136;

// The fields that a simulation reads. Of the others a usual line is only asked to be numbers.
inline constexpr std::array<std::uint8_t, 9> kSwfRead{0, 1, 3, 4, 7, 8, 9, 11, 14};

// The line is [line, line + size), without its end. True: it has 18 numbers between blanks (' '),
// and nothing else; those of kSwfRead are in `fields`, the others undefined. False: it has not, or
// needs a closer look; all of `fields` are then undefined.
// Sets of characters are words of bits, so that the rules for a number are asked of the whole line
// at once, and where all fields begin and end is known before one is read: the processor need not
// wait for the end of one to begin with the next.
bool scan_usual_line(const char* line, std::size_t size, SwfFields& fields);

}  // namespace drover::sim
