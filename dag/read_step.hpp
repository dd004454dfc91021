// dag/read_step.hpp - one [[step]] of a document, as far as it can be read without the others.
// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "dag/doc_fields.hpp"
#include "dag/flow_document.hpp"
#include "dag/read_workflow.hpp"
#include "dag/workflow.hpp"

namespace drover::dag {

struct NeedWord {  // before names are known
  std::string name;
  When when = When::Ok;
  bool element_wise = false;
  std::uint32_t line = 0;
};

struct NameUse {  // "steps.list.values.n"
  std::string name;
  std::uint32_t line = 0;
};

// What a step or a compensation says of the program that it runs.
struct ProgramWords {
  const DocValue *script = nullptr, *args = nullptr, *command = nullptr, *code = nullptr,
                 *language = nullptr, *job = nullptr, *timeout = nullptr, *retry = nullptr,
                 *engine = nullptr, *session = nullptr, *reset = nullptr;
  bool is_empty() const { return script == nullptr && command == nullptr && code == nullptr; }
  bool names_engine() const { return engine != nullptr || session != nullptr || reset != nullptr; }
};

struct StepReading {
  Step step;
  ProgramWords program;
  std::vector<NeedWord> needs;
  std::vector<NameUse> uses;             // of steps' values
  std::vector<const DocValue*> members;  // of a group
  const DocValue* workflow = nullptr;    // the file of a sub-workflow
  const DocValue* with = nullptr;
  const DocValue* undo = nullptr;
  std::string strategy;    // the word; empty = none
  bool uses_item = false;  // somewhere besides its code
  const DocValue* foreach = nullptr, *targets = nullptr, *late_after = nullptr, *rate = nullptr,
                  *replay = nullptr, *cache = nullptr, *degrade = nullptr;
};

struct StepPlace {
  const FlowDocument& document;
  const Bundle& bundle;
  bool in_group = false;
};

Result<StepReading> read_step(const DocValue& table, const StepPlace& place);

// Names in a text. A strict one is no code: what is no variable is refused, and `item` is noted.
enum class Names : std::uint8_t { Strict, Code };
Result<void> note_names(StepReading& into, const StepPlace& place, const DocValue& at,
                        std::string_view text, Names names);

struct ReadProgram {
  std::string job;     // a JSON object: script or argv, and the fields under `job`
  std::string engine;  // as Step::engine
};
Result<ReadProgram> read_program(StepReading& into, const ProgramWords& words,
                                 const StepPlace& place, const std::string& below);
// What a pattern of files is called in Bundle::globs: with parameters, from the first document on.
Result<std::string> file_pattern(const FlowDocument& document, const std::string& word);
Result<void> read_foreach(StepReading& into, const StepPlace& place);
// Strategy, targets, rate, replay and cache; what does not go together is refused.
Result<void> read_strategy(StepReading& into, const StepPlace& place);

// A whole number, or a text that becomes one with the parameters of the document.
Result<std::int64_t> settled_integer(const StepPlace& place, const DocField& field,
                                     std::int64_t least, std::int64_t most);

Result<ProgramWords> read_undo_words(const std::string& origin, const DocValue& table);

}  // namespace drover::dag
