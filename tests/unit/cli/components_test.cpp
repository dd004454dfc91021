// tests/unit/cli/components_test.cpp - options between colons.
// SPDX-License-Identifier: Apache-2.0
#include "cli/components.hpp"

#include <gtest/gtest.h>

#include "cli/arguments.hpp"
#include "cli/submit_options.hpp"

namespace drover::cli {
namespace {

std::string built(const std::vector<std::string>& words) {
  const auto parsed =
      parse_arguments(words, {job_options()}, {true, Origin::CommandLine, "", true});
  if (!parsed) return "error: " + parsed.error().message;
  Json spec = Json::object();
  SpecSource source;
  source.cwd = "/home/ann";
  const auto laid = overlay_components(spec, parsed->options, source);
  return laid ? to_text(spec) : "error: " + laid.error().message;
}

TEST(Components, AreWhatStandsBetweenColons) {
  struct {
    std::vector<std::string> words;
    const char* expected;
  } const rows[] = {
      {{"-t5", "-n1", "--mem=8G"}, R"({"time_limit_s":300,"ntasks":1,"mem_mib":8192})"},
      {{"-t5", "--ntasks=1", "--mem=8G", ":", "--nodes=2", "--gpus-per-node=1"},
       R"({"time_limit_s":300,"components":[{"mem_mib":8192,"ntasks":1},{"gpus":1,"nodes":2}]})"},
      {{":", "-N2", ":", "-c4", "--hint=nomultithread"},
       R"({"components":[{},{"nodes":2},{"cpus_per_task":4,"hint":"nomultithread"}]})"},
      {{"-p", "a", ":", "-p", "a", "-N2"}, R"({"partition":"a","components":[{},{"nodes":2}]})"},
      {{"-n1", "script", ":", "-N2"}, R"({"ntasks":1})"},
      {{"-p", "a", ":", "-p", "b"},
       "error: component 2: --partition is of the whole job, and differs from what the first "
       "component says"},
      {{"-N2", ":", "-t5"},
       "error: component 2: --time is of the whole job, and differs from what the first component "
       "says"},
      {{":", "-N0"}, "error: component 2: option --nodes: "},
  };
  for (const auto& row : rows) {
    const std::string got = built(row.words);
    const std::string expected = row.expected;
    if (expected.ends_with(": "))
      EXPECT_TRUE(got.starts_with(expected)) << got;
    else
      EXPECT_EQ(got, expected);
  }
}

}  // namespace
}  // namespace drover::cli
