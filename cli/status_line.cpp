// cli/status_line.cpp - drawing over one terminal line.
// SPDX-License-Identifier: Apache-2.0
#include "cli/status_line.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/write_all.hpp"
#include "cli/terminal.hpp"

namespace drover::cli {

StatusLine::StatusLine(bool quiet, bool color)
    : live_(!quiet && is_terminal(2)), quiet_(quiet), color_(color) {}

void StatusLine::show(const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (quiet_ || closed_ || text == text_) return;
  text_ = text;
  if (live_) {
    if (at_line_start_) draw_line();
    return;
  }
  write_all(2, clean_line(text) + '\n');
}

void StatusLine::clear() {
  const std::lock_guard lock(mutex_);
  erase_line();
  text_.clear();
}

void StatusLine::close() {
  const std::lock_guard lock(mutex_);
  erase_line();
  closed_ = true;
}

void StatusLine::mute() {
  const std::lock_guard lock(mutex_);
  erase_line();
  text_.clear();
  quiet_ = true;
}

void StatusLine::erase_line() {
  if (drawn_) write_all(2, "\r\x1b[K");
  drawn_ = false;
}

void StatusLine::draw_line() {
  const std::size_t width = terminal_width();
  const std::string cut = cut_to_width(clean_line(text_), width > 1 ? width - 1 : 1);
  write_all(2, "\r\x1b[K" + paint(cut, Color::Dim, color_));
  drawn_ = true;
}

bool StatusLine::pass(int fd, std::string_view bytes) {
  if (bytes.empty()) return true;
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  erase_line();
  if (!write_all(fd, bytes)) return false;  // errno says why
  at_line_start_ = !is_terminal(fd) || bytes.back() == '\n';
  if (live_ && at_line_start_ && !text_.empty()) draw_line();
  return true;
}

std::string bar(double fraction, std::size_t width) {
  const double bounded = std::min(1.0, std::max(0.0, fraction));
  const auto full = std::size_t(std::lround(bounded * double(width)));
  return "[" + std::string(full, '#') + std::string(width - full, '.') + "]";
}

}  // namespace drover::cli
