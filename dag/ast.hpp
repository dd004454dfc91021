// dag/ast.hpp - the job as parsed: stages of code, references resolved to positions.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dag/job_request.hpp"
#include "dag/strategy.hpp"

namespace drover::dag {

enum class CodeKind : std::uint8_t { Script, Command, Statement };

inline constexpr std::uint32_t kNoStage = UINT32_MAX;
struct StageNeed {
  std::uint32_t stage = kNoStage;  // position in JobAst::stages or LogicalPlan::stages
  When when = When::Ok;
  bool each = false;
  friend auto operator<=>(const StageNeed&, const StageNeed&) = default;
};

// One stage: a piece of code and the strategy that says how, where and how often it runs.
struct StageAst {
  std::string name;
  Strategy strategy = Strategy::Single;
  CodeKind kind = CodeKind::Script;
  std::string language;
  std::string code;  // the script, or the command's program
  bool is_array = false;
  std::uint64_t elements = 1;
  std::vector<StageNeed> after;  // ascending, each stage once
  Join join = Join::All;
  StepForm form{};
  std::uint32_t group = kNoStage;  // the stage that it is part of
  std::uint32_t targets = 0;
  bool has_undo = false;
  bool is_final = false;
  std::uint32_t weight = 1;
  std::uint32_t fuse = 0;
};

struct JobAst {
  std::string name;
  std::map<std::string, std::string> labels;
  std::vector<StageAst> stages;
};

std::string to_text(const JobAst& job);  // indented; the code itself is left out

}  // namespace drover::dag
