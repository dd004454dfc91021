// cli/status_line.hpp - one line on stderr that is drawn again; plain lines without a terminal.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace drover::cli {

// May be used from several threads: output of the job passes through it, so that line and output
// never mix.
class StatusLine {
 public:
  StatusLine(bool quiet, bool color);
  ~StatusLine() { clear(); }
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  bool is_live() const { return live_; }
  // Live: replaces the line. Otherwise printed once per different text.
  void show(const std::string& text);
  void clear();
  // Takes the line away for good; later output of the job is dropped.
  void close();
  // Takes the line away for good; output of the job goes on.
  void mute();
  // Takes the line away, writes the bytes of the job to `fd`, and puts it back at the next line
  // start. False when the reader is gone.
  bool pass(int fd, std::string_view bytes);

 private:
  void erase_line();
  void draw_line();

  std::mutex mutex_;
  bool live_ = false, quiet_ = false, color_ = false, drawn_ = false, at_line_start_ = true,
       closed_ = false;
  std::string text_;
};

// "[#####.....]" of `width` cells.
std::string bar(double fraction, std::size_t width);

}  // namespace drover::cli
