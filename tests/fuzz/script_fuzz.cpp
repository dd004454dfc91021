// tests/fuzz/script_fuzz.cpp - any text as a batch script: checks, directives and its spec.
// SPDX-License-Identifier: Apache-2.0
// LINK: drover::cli
#include <cstdint>
#include <cstdlib>
#include <string>

#include "cli/script.hpp"
#include "cli/selector.hpp"
#include "cli/spec_builder.hpp"
#include "cli/submit_options.hpp"
#include "cli/terminal.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace drover::cli;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const bool good = bool(check_script(text, "x.sh"));
  auto options = read_directives(text, "x.sh", Directives::Auto);
  if (options) {
    std::vector<std::string> warnings;
    (void)refuse_unsupported(*options, true, warnings);
    SpecSource source;
    source.script = text;
    source.cwd = "/";
    source.now_us = 1'800'000'000'000'000;
    const auto spec = build_spec(*options, source, warnings);
    // What is sent must be JSON that survives its own reader.
    if (spec && good && !parse_json(to_text(*spec), "spec")) std::abort();
  }
  (void)parse_selector({text});
  if (find_bad_utf8(text) && good) std::abort();
  const std::string filtered = EscapeFilter().pass(text);
  if (filtered.size() > text.size()) std::abort();
  if (clean_line(text).find('\x1b') != std::string::npos) std::abort();
  return 0;
}
