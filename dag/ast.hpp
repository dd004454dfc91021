// dag/ast.hpp - the job as parsed: stages of code, references resolved to positions.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dag/strategy.hpp"

namespace drover::dag {

enum class CodeKind : std::uint8_t { Script, Command };

// One stage: a piece of code and the strategy that says how, where and how often it runs.
struct StageAst {
  std::string name;
  Strategy strategy = Strategy::Single;
  CodeKind kind = CodeKind::Script;
  std::string language;
  std::string code;  // the script, or the command's program
  bool is_array = false;
  std::uint64_t elements = 1;
  std::vector<std::uint32_t> after;  // positions in JobAst::stages, ascending, each once
};

struct JobAst {
  std::string name;
  std::map<std::string, std::string> labels;
  std::vector<StageAst> stages;
};

std::string to_text(const JobAst& job);  // indented; the code itself is left out

}  // namespace drover::dag
