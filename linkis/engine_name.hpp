// linkis/engine_name.hpp - the instance of an engine: its name, which is used again, and the number
// of its job, which is not.
//
//   engine-7-12345   the engine-7 that is (or was) job 12345
//   engine-7         what people type: the engine-7 of now
//   once-12345       the engine of the once job 12345, whatever ran it
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace drover::linkis {

struct EngineName {
  std::string name;       // "engine-7", "once-12345"
  std::uint64_t job = 0;  // 0 = it is not said
  friend bool operator==(const EngineName&, const EngineName&) = default;
};

std::string once_name(std::uint64_t job);
// The name alone where there is no number, or where the name has it.
std::string engine_instance(const EngineName& engine);
// What is neither is a name, which no engine has.
EngineName parse_instance(std::string_view instance);
// Where its log lies: pages offer the log of an engine only if there is a word for that.
std::string engine_log_folder(std::string_view ticket);

}  // namespace drover::linkis
