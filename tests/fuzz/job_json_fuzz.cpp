// tests/fuzz/job_json_fuzz.cpp - any bytes as a job or a command: an error, never a crash.
// SPDX-License-Identifier: Apache-2.0
// LINK: drover::server
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "server/command_json_in.hpp"
#include "server/config.hpp"
#include "server/job_json_in.hpp"
#include "server/json_writer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  static drover::server::JobReader reader;
  const auto spec = reader.read(text, drover::Time{1'790'000'000'000'000});
  if (spec && spec->script.empty() && spec->argv.empty())
    std::abort();  // nothing to run is an error
  if (spec && spec->request.cpus < 1) std::abort();
  (void)drover::server::read_command(text, "ids user reason signal");
  (void)drover::server::parse_config(text, "fuzz.toml");
  std::string out;
  drover::server::JsonWriter(out).value(text);
  return 0;
}
