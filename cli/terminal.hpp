// cli/terminal.hpp - what may reach a terminal: widths, colours, and no escapes that others wrote.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace drover::cli {

enum class ColorMode : std::uint8_t { Auto, Always, Never };
enum class Color : std::uint8_t { None, Red, Green, Yellow, Blue, Dim, Bold };

bool is_terminal(int fd);
std::size_t terminal_width();   // of stdout, else stderr, else $COLUMNS, else 80
std::size_t terminal_height();  // likewise; else 24
// Auto: a terminal, NO_COLOR empty, TERM not "dumb".
bool use_color(ColorMode mode, int fd);
std::string paint(std::string_view text, Color color, bool on);

// Text for one line: control characters and escape sequences become `?`, so that a job's name can
// neither move the cursor nor forge a line.
std::string clean_line(std::string_view text);

std::size_t display_width(std::string_view utf8);  // code points, combining marks not counted
std::string cut_to_width(std::string_view utf8, std::size_t width);  // ends in an ellipsis when cut

// Lets text, colours, tabs and line ends of a stream pass and swallows every other escape sequence,
// also when it is split over calls. For job output on a terminal.
class EscapeFilter {
 public:
  std::string pass(std::string_view bytes);

 private:
  enum class State : std::uint8_t { Text, Escape, Csi, String, StringEscape };
  State state_ = State::Text;
  std::string pending_;  // a CSI sequence that is not complete yet
};

}  // namespace drover::cli
