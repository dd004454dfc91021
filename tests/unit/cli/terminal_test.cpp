// tests/unit/cli/terminal_test.cpp - what reaches a terminal.
// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.hpp"

#include <gtest/gtest.h>

#include "cli/exit_code.hpp"

namespace drover::cli {
namespace {

TEST(EscapeFilter, LetsTextAndColoursThrough) {
  struct {
    const char* name;
    std::string in, out;
  } const rows[] = {
      {"plain", "a\tb\r\nc", "a\tb\r\nc"},
      {"colour", "\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"},
      {"cursor", "a\x1b[2Jb\x1b[10;3Hc", "abc"},
      {"title",
       "a\x1b]0;evil\x07"
       "b",
       "ab"},
      {"title by ST", "a\x1b]0;evil\x1b\\b", "ab"},
      {"title cut by a line end", "a\x1b]0;evil\nb", "ab"},
      {"bell and backspace",
       "a\x07\x08"
       "b",
       "ab"},
      {"two byte escape",
       "a\x1b"
       "cb",
       "ab"},
      {"utf-8", "caf\xc3\xa9", "caf\xc3\xa9"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(EscapeFilter().pass(row.in), row.out) << row.name;
    EscapeFilter filter;  // the same, byte by byte
    std::string out;
    for (const char c : row.in) out += filter.pass(std::string_view(&c, 1));
    EXPECT_EQ(out, row.out) << row.name;
  }
}

TEST(Widths, CountCodePoints) {
  EXPECT_EQ(display_width("caf\xc3\xa9"), 4u);
  EXPECT_EQ(display_width("e\xcc\x81"), 1u);  // a combining accent
  EXPECT_EQ(cut_to_width("caf\xc3\xa9s", 4), "caf\u2026");
  EXPECT_EQ(cut_to_width("cafe", 4), "cafe");
  EXPECT_EQ(cut_to_width("cafe", 1), "\u2026");
  EXPECT_EQ(cut_to_width("cafe", 0), "");
}

TEST(CleanLine, LeavesNoControls) {
  EXPECT_EQ(clean_line("a\x1b[1mb\nc\x7f\xc2\x9b"
                       "d\xc3\xa9"),
            "a?[1mb c??d\xc3\xa9");
}

TEST(ErrorMessages, HaveOneShape) {
  const Error error{Errc::Limit, "too many GPUs", "use --gpus 4", "gpus"};
  EXPECT_EQ(format_error(error, {"", false, "drover quota ls"}, false, false),
            "error: too many GPUs\n  hint: use --gpus 4\n  see:  drover quota ls\n");
  EXPECT_EQ(format_error(error, {"r1", true, ""}, true, false),
            "{\"v\":1,\"error\":{\"code\":\"limit\",\"message\":\"too many GPUs\","
            "\"hint\":\"use --gpus 4\",\"field\":\"gpus\",\"request_id\":\"r1\",\"retryable\":true,"
            "\"exit_code\":7}}\n");
}

TEST(ExitCodes, FollowTheErrorCode) {
  EXPECT_EQ(exit_code_of(Errc::BadInput), 2);
  EXPECT_EQ(exit_code_of(Errc::Unsupported), 2);
  EXPECT_EQ(exit_code_of(Errc::NotFound), 3);
  EXPECT_EQ(exit_code_of(Errc::Denied), 4);
  EXPECT_EQ(exit_code_of(Errc::Unavailable), 5);
  EXPECT_EQ(exit_code_of(Errc::Conflict), 6);
  EXPECT_EQ(exit_code_of(Errc::Limit), 7);
  EXPECT_EQ(exit_code_of(Errc::Io), 1);
}

}  // namespace
}  // namespace drover::cli
