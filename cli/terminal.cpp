// cli/terminal.cpp - terminal facts and the filter against foreign escapes.
// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

namespace drover::cli {
namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Combining marks U+0300..U+036F take no column: CC 80 .. CD AF.
bool is_combining(std::string_view text, std::size_t i) {
  const auto lead = static_cast<unsigned char>(text[i]);
  if (i + 1 >= text.size()) return false;
  const auto next = static_cast<unsigned char>(text[i + 1]);
  return (lead == 0xCC && next >= 0x80) || (lead == 0xCD && next <= 0xAF);
}

constexpr std::size_t kMaxCsi = 64;

}  // namespace

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  if (::ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* columns = std::getenv("COLUMNS");
  const int value = columns != nullptr ? std::atoi(columns) : 0;
  return value >= 20 && value <= 1000 ? std::size_t(value) : 80;
}

std::size_t terminal_height() {
  winsize size{};
  for (const int fd : {1, 2})
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row > 0) return size.ws_row;
  return 24;
}

bool use_color(ColorMode mode, int fd) {
  if (mode != ColorMode::Auto) return mode == ColorMode::Always;
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* term = std::getenv("TERM");
  if (term == nullptr || std::string_view(term) == "dumb") return false;
  return is_terminal(fd);
}

std::string paint(std::string_view text, Color color, bool on) {
  if (!on || color == Color::None) return std::string(text);
  const char* code = "0";
  switch (color) {
    case Color::None: break;
    case Color::Red: code = "31"; break;
    case Color::Green: code = "32"; break;
    case Color::Yellow: code = "33"; break;
    case Color::Blue: code = "34"; break;
    case Color::Dim: code = "2"; break;
    case Color::Bold: code = "1"; break;
  }
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

std::string clean_line(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool is_c1 = c == 0xC2 && i + 1 < text.size() &&
                       static_cast<unsigned char>(text[i + 1]) < 0xA0 &&
                       static_cast<unsigned char>(text[i + 1]) >= 0x80;
    if (is_c1) {
      out += '?';
      ++i;
    } else if (c < 0x20 || c == 0x7F) {
      out += c == '\n' || c == '\t' ? ' ' : '?';
    } else {
      out += text[i];
    }
  }
  return out;
}

std::size_t display_width(std::string_view utf8) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < utf8.size(); ++i)
    if (!is_continuation(utf8[i]) && !is_combining(utf8, i)) ++width;
  return width;
}

std::string cut_to_width(std::string_view utf8, std::size_t width) {
  if (display_width(utf8) <= width) return std::string(utf8);
  if (width == 0) return "";
  std::size_t seen = 0, i = 0;
  for (; i < utf8.size(); ++i) {
    if (is_continuation(utf8[i]) || is_combining(utf8, i)) continue;
    if (seen + 1 == width) break;
    ++seen;
  }
  return std::string(utf8.substr(0, i)) + "\u2026";
}

std::string EscapeFilter::pass(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto u = static_cast<unsigned char>(c);
    switch (state_) {
      case State::Text:
        if (c == '\x1b') {
          state_ = State::Escape;
        } else if ((u >= 0x20 && u != 0x7F) || c == '\n' || c == '\t' || c == '\r') {
          out += c;
        }
        break;
      case State::Escape:
        pending_ = "\x1b[";
        state_ = c == '['                                                   ? State::Csi
                 : c == ']' || c == 'P' || c == '_' || c == '^' || c == 'X' ? State::String
                                                                            : State::Text;
        break;
      case State::Csi:
        pending_ += c;
        if (u >= 0x40 && u <= 0x7E) {
          if (c == 'm') out += pending_;
          state_ = State::Text;
        } else if (pending_.size() > kMaxCsi || u < 0x20) {
          state_ = State::Text;
        }
        break;
      case State::String:
        if (c == '\x07') state_ = State::Text;
        if (c == '\x1b') state_ = State::StringEscape;
        if (c == '\n') state_ = State::Text;  // no honest title holds a line end
        break;
      case State::StringEscape: state_ = c == '\\' ? State::Text : State::String; break;
    }
  }
  return out;
}

}  // namespace drover::cli
