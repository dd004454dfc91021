// linkis/labels.hpp - the text forms of labels: userCreator and engineType.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace drover::linkis {

struct UserCreator {
  std::string user, creator;
};
// "hadoop-IDE": exactly one dash, as the contract has it. BadInput otherwise.
Result<UserCreator> parse_user_creator(std::string_view text);

struct EngineType {
  std::string type, version;  // lower case; the version may be empty
};
// "spark-2.4.3": cut at the first dash. BadInput: empty, too long, or not a word.
Result<EngineType> parse_engine_type(std::string_view text);

// What Drover calls them. `aliases` are "jdbc=sql" pairs of the configuration. An empty run type
// leaves the language to the engine.
struct DroverEngine {
  std::string engine, language;
};
DroverEngine to_drover_engine(const EngineType& type, std::string_view run_type,
                              const std::vector<std::string>& aliases);

}  // namespace drover::linkis
