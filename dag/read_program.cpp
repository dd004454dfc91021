// dag/read_program.cpp - what a step runs: a script, a command or code, and its job's fields.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "base/units.hpp"
#include "dag/compile.hpp"
#include "dag/doc_json.hpp"
#include "dag/placeholder.hpp"
#include "dag/read_step.hpp"

namespace drover::dag {
namespace {

constexpr std::size_t kScriptMax = 4 << 20;

struct Language {
  std::string_view word, first_line;  // without one it runs on an engine
};
// Those of scripts, and of the engines that are shipped. Of others the step names the engine: which
// there are, the server knows.
constexpr std::array kLanguages{
    Language{"shell", "#!/bin/sh\n"},
    Language{"sh", "#!/bin/sh\n"},
    Language{"bash", "#!/bin/bash\n"},
    Language{"python", "#!/usr/bin/env python3\n"},
    Language{"python3", "#!/usr/bin/env python3\n"},
    Language{"sql", ""},
    Language{"py", ""},
    Language{"pyspark", ""},
    Language{"spark-sql", ""},
    Language{"sbatch", ""},
    Language{"exchange", ""},
};

// Fields that are the workflow's own business.
struct Reserved {
  std::string_view field, instead;
};
constexpr std::array kReserved{
    Reserved{"script", "write script = ... in the step itself"},
    Reserved{"argv", "write command = [...] in the step itself"},
    Reserved{"language", "write language = ... in the step itself"},
    Reserved{"engine", "write engine = ... in the step itself"},
    Reserved{"session", "write session = ... in the step itself"},
    Reserved{"reset", "write reset = ... in the step itself"},
    Reserved{"name", "the job is named after the step"},
    Reserved{"array", "write foreach = ... in the step itself"},
    Reserved{"array_throttle", "write foreach = { throttle = ... } in the step itself"},
    Reserved{"dependency", "write needs = [...] in the step itself"},
    Reserved{"dependencies", "write needs = [...] in the step itself"},
    Reserved{"dependency_any", "write any = true in the step itself"},
};

// What a script in it begins with; empty: it runs on an engine.
Result<std::string> language_line(const DocField& field, const std::string& word) {
  const auto* found = std::ranges::find(kLanguages, std::string_view(word), &Language::word);
  if (found != kLanguages.end()) return std::string(found->first_line);
  std::vector<std::string_view> known;
  known.reserve(kLanguages.size());
  for (const Language& language : kLanguages) known.push_back(language.word);
  auto error = unknown_at(field.origin, field.value.line, "language", word, known);
  if (nearest_match(word, known).empty())
    error.value().hint = "engine = \"...\" names the engine that speaks it";
  return error;
}

Result<void> note_all(StepReading& into, const StepPlace& place, const DocValue& value) {
  if (value.kind == DocValue::Kind::Text)
    return note_names(into, place, value, value.text, Names::Strict);
  for (const DocValue& item : value.items)
    if (auto noted = note_all(into, place, item); !noted) return noted;
  for (const auto& [name, item] : value.members)
    if (auto noted = note_all(into, place, item); !noted) return noted;
  return {};
}

// "exit:" without a code is an easy slip; the rest of `retry` is checked with the job.
Result<void> check_retry(const DocField& field) {
  const DocValue* on = field.value.find("on");
  if (on == nullptr) return {};
  auto words = DocField{field.origin, *on, "retry.on"}.words();
  if (!words) return fail(std::move(words.error()));
  for (const std::string& word : *words) {
    if (!word.starts_with("exit:") && word != "exit") continue;
    const std::string code = word.substr(std::min<std::size_t>(word.size(), 5));
    if (!parse_integer(code, 0, 255, "exit"))
      return wrong_at(field.origin, on->line,
                      "'" + word.substr(0, 80) + "' names no exit code between 0 and 255",
                      "write \"exit:75\"");
  }
  return {};
}

Result<void> read_fields(StepReading& into, const ProgramWords& words, const StepPlace& place,
                         Json& job) {
  const std::string& origin = place.document.origin;
  if (words.job != nullptr) {
    auto table = DocField{origin, *words.job, "job"}.table();
    if (!table) return fail(std::move(table.error()));
    for (const auto& [name, value] : words.job->members)
      if (const auto* own = std::ranges::find(kReserved, std::string_view(name), &Reserved::field);
          own != kReserved.end())
        return wrong_at(origin, value.line, "job." + name + " is set by the workflow",
                        std::string(own->instead));
    if (auto noted = note_all(into, place, *words.job); !noted) return noted;
    job = to_json(*words.job);
  }
  if (words.timeout != nullptr) {
    const DocField field{origin, *words.timeout, "timeout"};
    if (auto time = field.duration(); !time) return fail(std::move(time.error()));
    if (job.contains("time") || job.contains("time_limit_s"))
      return field.wrong("and job.time are the same", "use one of them");
    job["time"] = words.timeout->text;
  }
  if (words.retry == nullptr) return {};
  const DocField field{origin, *words.retry, "retry"};
  if (words.retry->kind == DocValue::Kind::Integer) {
    job["retry"] = Json{{"max", words.retry->integer}};
    return {};
  }
  if (auto table = field.table(); !table) return fail(std::move(table.error()));
  if (auto right = check_retry(field); !right) return right;
  job["retry"] = to_json(*words.retry);
  return {};
}

Result<void> set_script(StepReading& into, const StepPlace& place, const DocValue& at,
                        const std::string& text, Json& job) {
  if (text.size() > kScriptMax)
    return wrong_at(place.document.origin, at.line,
                    "a script has more than " + std::to_string(kScriptMax) + " bytes",
                    "keep large programs in files that it calls", Errc::Limit);
  job["script"] = text;
  return note_names(into, place, at, text, Names::Code);
}

// A text that begins with #!, or a file of the bundle.
Result<std::string> script_text(const ProgramWords& words, const StepPlace& place) {
  const std::string& origin = place.document.origin;
  auto text = DocField{origin, *words.script, "script"}.text();
  if (!text || text->starts_with("#!")) return text;
  if (text->find('\n') != std::string::npos)
    return wrong_at(origin, words.script->line, "the script does not start with #!",
                    "begin it with #!/bin/sh, or name a file");
  const std::string path = joined_path(place.document.directory, *text);
  const auto file = place.bundle.files.find(path);
  if (file == place.bundle.files.end())
    return wrong_at(origin, words.script->line, "there is no file '" + *text + "'",
                    "a script is a file beside the document, or a text that begins with #!",
                    Errc::NotFound);
  if (file->second.find('\0') != std::string::npos)
    return wrong_at(origin, words.script->line, "'" + *text + "' is no text",
                    "run a binary with command = [...]");
  auto code = place.document.settled(file->second);
  if (!code) return wrong_at(origin, words.script->line, std::move(code.error()), path);
  return code;
}

Result<void> read_script(StepReading& into, const ProgramWords& words, const StepPlace& place,
                         Json& job) {
  const std::string& origin = place.document.origin;
  auto text = script_text(words, place);
  if (!text) return fail(std::move(text.error()));
  if (!text->starts_with("#!"))
    return wrong_at(origin, words.script->line,
                    "'" + words.script->text + "' does not start with #!",
                    "its first line names the interpreter: #!/bin/sh");
  if (interpreter_of(*text).empty())
    return wrong_at(origin, words.script->line, "the line #! names no interpreter",
                    "make it #!/bin/sh, or the path of another one");
  return set_script(into, place, *words.script, *text, job);
}

Result<void> read_command(StepReading& into, const ProgramWords& words, const StepPlace& place,
                          Json& job) {
  const DocField field{place.document.origin, *words.command, "command"};
  if (words.command->kind == DocValue::Kind::Text) {
    auto text = field.text();
    if (!text) return fail(std::move(text.error()));
    if (text->empty()) return field.wrong("is empty", "write command = [\"program\", \"word\"]");
    job["argv"] = {"/bin/sh", "-c", *text};
    return note_names(into, place, *words.command, *text, Names::Code);
  }
  auto argv = field.words();
  if (!argv) return fail(std::move(argv.error()));
  if (argv->empty() || argv->front().empty())
    return field.wrong("is empty", "write command = [\"program\", \"word\"]");
  job["argv"] = *argv;
  return note_all(into, place, *words.command);
}

// Keys that say which engine, as fields of the job. The first of them names it in plans.
Result<std::string> read_engine(StepReading& into, const ProgramWords& words,
                                const StepPlace& place, Json& job) {
  const std::string& origin = place.document.origin;
  std::string shown;
  for (const auto& [word, key] :
       {std::pair{words.engine, "engine"}, std::pair{words.language, "language"},
        std::pair{words.session, "session"}, std::pair{words.reset, "reset"}}) {
    if (word == nullptr) continue;
    const DocField field{origin, *word, key};
    auto text = field.text();
    if (!text) return text;
    if (text->empty()) return field.wrong("is empty", "leave it out");
    if (auto noted = note_all(into, place, *word); !noted) return fail(noted.error());
    if (shown.empty()) shown = *text;
    job[key] = *std::move(text);
  }
  if (words.engine == nullptr && words.language == nullptr)
    return wrong_at(origin, into.step.line,
                    "step '" + into.step.name + "' names neither engine nor language",
                    "add engine = \"python\" or language = \"sql\"");
  return shown;
}

// Of a script, `code` without its first line; else a statement of an engine.
Result<std::string> read_code(StepReading& into, const ProgramWords& words, const StepPlace& place,
                              Json& job) {
  const std::string& origin = place.document.origin;
  const DocValue& at = words.code != nullptr ? *words.code : *words.script;
  auto code =
      words.code != nullptr ? DocField{origin, at, "code"}.text() : script_text(words, place);
  if (!code) return code;
  if (words.language == nullptr && !words.names_engine())
    return wrong_at(origin, at.line, "code without a language",
                    "add language = \"shell\", \"python\" or \"sql\"");
  std::string first;
  if (words.language != nullptr && words.engine == nullptr) {
    const DocField field{origin, *words.language, "language"};
    auto word = field.text();
    if (!word) return word;
    auto line = language_line(field, *word);
    if (!line) return line;
    if (!words.names_engine()) first = *std::move(line);
  }
  if (!first.empty()) {
    if (auto set = set_script(into, place, at, first + *code, job); !set) return fail(set.error());
    return std::string();
  }
  if (code->empty())
    return wrong_at(origin, at.line, "step '" + into.step.name + "' has no code", "write some");
  if (words.args != nullptr)
    return wrong_at(origin, words.args->line, "code for an engine has no arguments",
                    "pass values as variables: ${name}, or job.env");
  if (auto set = set_script(into, place, at, *code, job); !set) return fail(set.error());
  return read_engine(into, words, place, job);
}

Result<void> check_words(const StepReading& into, const ProgramWords& words,
                         const std::string& origin) {
  const int ways = (words.script != nullptr) + (words.command != nullptr) + (words.code != nullptr);
  if (ways > 1)
    return wrong_at(origin, into.step.line,
                    "step '" + into.step.name + "' has more than one of script, command and code",
                    "keep one of them");
  if (words.args != nullptr && words.script == nullptr)
    return wrong_at(origin, words.args->line, "args belong to a script",
                    "write them into the command");
  for (const DocValue* word : {words.language, words.engine, words.session, words.reset})
    if (word != nullptr && words.code == nullptr && words.script == nullptr)
      return wrong_at(origin, word->line, "language, engine, session and reset belong to code",
                      "write code = ... or script = \"file\"");
  return {};
}

}  // namespace

Result<ReadProgram> read_program(StepReading& into, const ProgramWords& words,
                                 const StepPlace& place, const std::string& below) {
  const std::string& origin = place.document.origin;
  if (auto right = check_words(into, words, origin); !right) return fail(right.error());
  Json job = Json::object();
  if (auto read = read_fields(into, words, place, job); !read) return fail(read.error());
  ReadProgram made;
  Result<void> read;
  const bool is_code =
      words.code != nullptr ||
      (words.script != nullptr && (words.language != nullptr || words.names_engine()));
  if (is_code)
    read = keep(read_code(into, words, place, job), made.engine);
  else if (words.script != nullptr)
    read = read_script(into, words, place, job);
  else if (words.command != nullptr)
    read = read_command(into, words, place, job);
  if (!read) return fail(std::move(read.error()));
  if (words.args != nullptr) {
    auto args = DocField{origin, *words.args, "args"}.words();
    if (!args) return fail(std::move(args.error()));
    if (auto noted = note_all(into, place, *words.args); !noted) return fail(noted.error());
    job["argv"] = *args;
  }
  made.job = laid_over(below, to_text(job));
  return made;
}

}  // namespace drover::dag
