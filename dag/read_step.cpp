// dag/read_step.cpp - the keys of a step.
// SPDX-License-Identifier: Apache-2.0
#include "dag/read_step.hpp"

#include <algorithm>
#include <array>

#include "base/units.hpp"
#include "dag/placeholder.hpp"

namespace drover::dag {
namespace {

constexpr std::size_t kNameMax = 64;

bool is_step_name(std::string_view text) {
  const auto is_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && text.size() <= kNameMax && is_word(text.front()) &&
         std::ranges::all_of(text, [&](char c) { return is_word(c) || c == '_' || c == '-'; });
}

Result<void> read_name(StepReading& into, const DocField& field) {
  auto name = field.text();
  if (!name) return fail(std::move(name.error()));
  if (!is_step_name(*name))
    return wrong_at(field.origin, field.value.line,
                    "'" + name->substr(0, 80) + "' is not a valid name of a step",
                    "use up to 64 letters, digits, '_' and '-'");
  into.step.name = std::move(*name);
  return {};
}

Result<When> read_when(const DocField& field, std::string_view word) {
  constexpr std::array<std::string_view, 3> kWords{"ok", "fail", "done"};
  const auto found = std::ranges::find(kWords, word);
  if (found == kWords.end())
    return unknown_at(field.origin, field.value.line, "condition", word, kWords);
  return std::array{When::Ok, When::Failed, When::Ended}.at(std::size_t(found - kWords.begin()));
}

// "a", "a:fail"
Result<void> read_need_text(NeedWord& into, const DocField& field) {
  auto text = field.text();
  if (!text) return fail(std::move(text.error()));
  const std::size_t colon = text->find(':');
  into.name = text->substr(0, colon);
  if (colon == std::string::npos) return {};
  return keep(read_when(field, std::string_view(*text).substr(colon + 1)), into.when);
}

constexpr std::array kNeedKeys{
    DocKey<NeedWord>{"step", [](NeedWord& n, const DocField& f) { return keep(f.text(), n.name); }},
    DocKey<NeedWord>{"each",
                     [](NeedWord& n, const DocField& f) { return keep(f.flag(), n.element_wise); }},
    DocKey<NeedWord>{"when",
                     [](NeedWord& n, const DocField& f) -> Result<void> {
                       auto word = f.text();
                       if (!word) return fail(std::move(word.error()));
                       return keep(read_when(f, *word), n.when);
                     }},
};

Result<void> read_need(StepReading& into, const DocField& field) {
  NeedWord need;
  need.line = field.value.line;
  const bool is_table = field.value.kind == DocValue::Kind::Table;
  auto read = is_table ? read_keys<NeedWord>(field.origin, field.value, "need", kNeedKeys, need)
                       : read_need_text(need, field);
  if (!read) return read;
  if (need.element_wise && need.when != When::Ok)
    return wrong_at(field.origin, need.line, "a need with each = true asks for success",
                    "leave when out");
  into.needs.push_back(std::move(need));
  return {};
}

Result<void> read_needs(StepReading& into, const DocField& field) {
  if (field.value.kind != DocValue::Kind::List) return read_need(into, field);
  for (const DocValue& item : field.value.items)
    if (auto read = read_need(into, DocField{field.origin, item, "needs"}); !read) return read;
  return {};
}

Result<void> read_members(StepReading& into, const DocField& field) {
  if (!into.members.empty())
    return wrong_at(field.origin, field.value.line, "'step' and 'steps' are the same",
                    "use one of them");
  auto list = field.list();
  if (!list) return fail(std::move(list.error()));
  for (const DocValue& item : (*list)->items) into.members.push_back(&item);
  return {};
}

Result<void> read_any(StepReading& into, const DocField& field) {
  auto any = field.flag();
  if (!any) return fail(std::move(any.error()));
  into.step.join = *any ? Join::Any : Join::All;
  return {};
}

Result<void> read_weight(StepReading& into, const DocField& field) {
  auto weight = field.integer(0, 1'000'000);
  if (!weight) return fail(std::move(weight.error()));
  into.step.weight = std::uint32_t(*weight);
  return {};
}

template <const DocValue* StepReading::*member>
Result<void> note(StepReading& into, const DocField& field) {
  into.*member = &field.value;
  return {};
}
template <const DocValue* ProgramWords::*member>
Result<void> note_program(StepReading& into, const DocField& field) {
  into.program.*member = &field.value;
  return {};
}
template <const DocValue* ProgramWords::*member>
Result<void> note_undo(ProgramWords& into, const DocField& field) {
  into.*member = &field.value;
  return {};
}

// clang-format off
constexpr std::array kKeys{
    DocKey<StepReading>{"name", read_name},
    DocKey<StepReading>{"script", note_program<&ProgramWords::script>},
    DocKey<StepReading>{"args", note_program<&ProgramWords::args>},
    DocKey<StepReading>{"command", note_program<&ProgramWords::command>},
    DocKey<StepReading>{"code", note_program<&ProgramWords::code>},
    DocKey<StepReading>{"language", note_program<&ProgramWords::language>},
    DocKey<StepReading>{"engine", note_program<&ProgramWords::engine>},
    DocKey<StepReading>{"session", note_program<&ProgramWords::session>},
    DocKey<StepReading>{"reset", note_program<&ProgramWords::reset>},
    DocKey<StepReading>{"job", note_program<&ProgramWords::job>},
    DocKey<StepReading>{"timeout", note_program<&ProgramWords::timeout>},
    DocKey<StepReading>{"retry", note_program<&ProgramWords::retry>},
    DocKey<StepReading>{"workflow", note<&StepReading::workflow>},
    DocKey<StepReading>{"with", note<&StepReading::with>},
    DocKey<StepReading>{"needs", read_needs},
    DocKey<StepReading>{"any", read_any},
    DocKey<StepReading>{"foreach", note<&StepReading::foreach>},
    DocKey<StepReading>{"cache", note<&StepReading::cache>},
    DocKey<StepReading>{"strategy", [](StepReading& s, const DocField& f) { return keep(f.text(), s.strategy); }},
    DocKey<StepReading>{"targets", note<&StepReading::targets>},
    DocKey<StepReading>{"degrade", note<&StepReading::degrade>},
    DocKey<StepReading>{"late_after", note<&StepReading::late_after>},
    DocKey<StepReading>{"rate", note<&StepReading::rate>},
    DocKey<StepReading>{"replay", note<&StepReading::replay>},
    DocKey<StepReading>{"final", [](StepReading& s, const DocField& f) { return keep(f.flag(), s.step.is_final); }},
    DocKey<StepReading>{"fuse", [](StepReading& s, const DocField& f) { return keep(f.flag(), s.step.may_fuse); }},
    DocKey<StepReading>{"weight", read_weight},
    DocKey<StepReading>{"undo", note<&StepReading::undo>},
    DocKey<StepReading>{"step", read_members},
    DocKey<StepReading>{"steps", read_members},
};
constexpr std::array kUndoKeys{
    DocKey<ProgramWords>{"script", note_undo<&ProgramWords::script>},
    DocKey<ProgramWords>{"args", note_undo<&ProgramWords::args>},
    DocKey<ProgramWords>{"command", note_undo<&ProgramWords::command>},
    DocKey<ProgramWords>{"code", note_undo<&ProgramWords::code>},
    DocKey<ProgramWords>{"language", note_undo<&ProgramWords::language>},
    DocKey<ProgramWords>{"engine", note_undo<&ProgramWords::engine>},
    DocKey<ProgramWords>{"session", note_undo<&ProgramWords::session>},
    DocKey<ProgramWords>{"reset", note_undo<&ProgramWords::reset>},
    DocKey<ProgramWords>{"job", note_undo<&ProgramWords::job>},
    DocKey<ProgramWords>{"timeout", note_undo<&ProgramWords::timeout>},
    DocKey<ProgramWords>{"retry", note_undo<&ProgramWords::retry>},
};
// clang-format on

// What only another kind of step has.
Result<void> check_kind(const StepReading& read, const StepPlace& place) {
  const std::string& origin = place.document.origin;
  const std::string name = "step '" + read.step.name + "'";
  if (read.workflow != nullptr) {
    if (!read.program.is_empty() || !read.members.empty())
      return wrong_at(origin, read.workflow->line, name + " runs a workflow and something else",
                      "make two steps of it");
    for (const DocValue* other : {read.foreach, read.undo, read.program.job, read.program.timeout,
                                  read.program.retry, read.targets, read.cache})
      if (other != nullptr)
        return wrong_at(origin, other->line, name + " runs a workflow: this belongs to its steps",
                        "write it in that workflow");
  } else if (read.with != nullptr) {
    return wrong_at(origin, read.with->line, "'with' gives values to a workflow",
                    "write workflow = \"file.toml\"");
  }
  if (!place.in_group) {
    if (read.undo != nullptr)
      return wrong_at(origin, read.undo->line, "only a step of a transaction is undone",
                      "put the step under one: strategy = \"transaction\" and [[step.step]]");
    return {};
  }
  if (read.workflow != nullptr || !read.members.empty())
    return wrong_at(origin, read.step.line, name + " is in a group and cannot be one itself",
                    "make the inner group a step of its own");
  if (read.step.is_final)
    return wrong_at(origin, read.step.line, name + " is in a group and cannot be final",
                    "make it a step of its own");
  if (!read.strategy.empty() && read.strategy != "single")
    return wrong_at(origin, read.step.line,
                    name + " is in a group and cannot have a strategy of its own",
                    "make it a step of its own");
  return {};
}

}  // namespace

Result<ProgramWords> read_undo_words(const std::string& origin, const DocValue& table) {
  ProgramWords words;
  const DocField field{origin, table, "undo"};
  if (auto is = field.table(); !is) return fail(std::move(is.error()));
  if (auto read = read_keys<ProgramWords>(origin, table, "compensation", kUndoKeys, words); !read)
    return fail(std::move(read.error()));
  if (words.is_empty())
    return field.wrong("has nothing to run", "write undo = { command = [\"program\"] }");
  return words;
}

Result<StepReading> read_step(const DocValue& table, const StepPlace& place) {
  const std::string& origin = place.document.origin;
  StepReading read;
  read.step.line = table.line;
  if (table.kind != DocValue::Kind::Table)
    return wrong_at(origin, table.line, "a step is a table", "begin it with [[step.step]]");
  if (auto keys = read_keys<StepReading>(origin, table, "step", kKeys, read); !keys)
    return fail(std::move(keys.error()));
  if (read.step.name.empty())
    return wrong_at(origin, table.line, "a step has no name", "write name = \"...\"");
  if (auto right = check_kind(read, place); !right) return fail(std::move(right.error()));
  if (auto foreach = read_foreach(read, place); !foreach) return fail(std::move(foreach.error()));
  if (auto strategy = read_strategy(read, place); !strategy)
    return fail(std::move(strategy.error()));
  return read;
}

Result<std::int64_t> settled_integer(const StepPlace& place, const DocField& field,
                                     std::int64_t least, std::int64_t most) {
  if (field.value.kind != DocValue::Kind::Text) return field.integer(least, most);
  const DocValue& at = field.value;
  auto text = place.document.own.substitute(at.text, Variables::Unknown::Refuse);
  if (!text) return wrong_at(field.origin, at.line, std::move(text.error()), field.what);
  auto number = parse_integer(*text, least, most, field.what);
  if (!number) return wrong_at(field.origin, at.line, std::move(number.error()), field.what);
  return number;
}

Result<void> note_names(StepReading& into, const StepPlace& place, const DocValue& at,
                        std::string_view text, Names names) {
  const FlowDocument& document = place.document;
  for (std::string& name : names_in(text)) {
    if (name.starts_with("steps.")) {
      into.uses.push_back({std::move(name), at.line});
      continue;
    }
    const bool is_param = name.starts_with("params.");
    const bool is_known = document.own.find(name) || (!is_param && is_run_date(name)) ||
                          std::ranges::count(kSystemNames, name) > 0;
    if (names == Names::Strict && (name == "item" || name == "index")) into.uses_item = true;
    if (is_known || (names == Names::Code && !is_param)) continue;
    std::vector<std::string> own;
    for (const auto& [param, is] : document.head.params)
      own.push_back(is_param ? "params." + param : param);
    for (const auto& [variable, is] : document.head.variables) own.push_back(variable);
    std::vector<std::string_view> known(own.begin(), own.end());
    for (const std::string_view date : run_date_names()) known.push_back(date);
    known.insert(known.end(), kSystemNames.begin(), kSystemNames.end());
    return unknown_at(document.origin, at.line, is_param ? "parameter" : "variable", name, known);
  }
  if (names == Names::Code) return {};
  for (std::size_t open = 0; (open = text.find("${", open)) != std::string_view::npos;) {
    const auto found = next_placeholder(text, open);
    if (!found || found->begin != open)
      return wrong_at(document.origin, at.line,
                      "'" + std::string(text.substr(open, 40)) + "' is no variable",
                      "write ${name} or ${name + 1}; only code has the shell's own");
    open = found->end;
  }
  return {};
}

}  // namespace drover::dag
