// tests/fuzz/output_path_fuzz.cpp - an expanded path is absolute and has no line breaks.
// LINK: drover::sched
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "sched/output_path.hpp"

// The first line is the pattern, the rest is the job's name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace drover;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view pattern = text.substr(0, text.find('\n'));
  sched::PathValues values{
      .task = {.job = JobId{18'446'744'073'709'551'615u}, .index = TaskIndex{7}},
      .is_array = size % 2 == 0,
      .name = text.substr(std::min(pattern.size() + 1, text.size())),
      .node = "n1",
      .user = "ann",
      .cwd = "/home/ann"};
  const auto path = sched::expand_path(pattern, values);
  if (!path) {
    DROVER_CHECK(!path.error().message.empty(), "a refusal says why");
    return 0;
  }
  DROVER_CHECK(path->starts_with('/') && path->size() <= sched::kPathMax,
               "an absolute path that fits");
  DROVER_CHECK(path->find('\n') == std::string::npos && path->find('\0') == std::string::npos,
               "nothing that ends a line or a string");
  return 0;
}
