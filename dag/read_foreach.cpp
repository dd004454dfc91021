// dag/read_foreach.cpp - what a step runs for: a list, a range, files, or what another step said.
// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "dag/placeholder.hpp"
#include "dag/read_step.hpp"

namespace drover::dag {
namespace {

constexpr std::int64_t kLimitMax = 1'000'000;

struct Words {
  const DocValue *list = nullptr, *range = nullptr, *files = nullptr, *result = nullptr,
                 *limit = nullptr, *throttle = nullptr;
};
template <const DocValue* Words::*member>
Result<void> note(Words& into, const DocField& field) {
  into.*member = &field.value;
  return {};
}
constexpr std::array kKeys{
    DocKey<Words>{"list", note<&Words::list>},   DocKey<Words>{"range", note<&Words::range>},
    DocKey<Words>{"files", note<&Words::files>}, DocKey<Words>{"result", note<&Words::result>},
    DocKey<Words>{"limit", note<&Words::limit>}, DocKey<Words>{"throttle", note<&Words::throttle>},
};

tl::unexpected<Error> too_many(const StepReading& into, const StepPlace& place, const DocValue& at,
                               std::uint64_t count) {
  return wrong_at(place.document.origin, at.line,
                  "step '" + into.step.name + "' would run " + std::to_string(count) +
                      " times; its limit is " + std::to_string(into.step.foreach.limit),
                  "raise foreach.limit (up to " + std::to_string(kLimitMax) + ")", Errc::Limit);
}

Result<void> read_range(StepReading& into, const StepPlace& place, const DocValue& at) {
  const DocField field{place.document.origin, at, "range"};
  auto list = field.list();
  if (!list) return fail(std::move(list.error()));
  std::array<std::int64_t, 3> numbers{0, 0, 1};  // from, to, step
  if (at.items.size() < 2 || at.items.size() > 3)
    return field.wrong("has two or three numbers", "write range = [1, 10] or [0, 100, 5]");
  for (std::size_t i = 0; i < at.items.size(); ++i) {
    constexpr std::int64_t kFar = 1'000'000'000'000;
    const DocField end{place.document.origin, at.items[i], "range"};
    const auto number = settled_integer(place, end, -kFar, kFar);
    if (!number) return fail(number.error());
    numbers[i] = *number;
  }
  const auto [from, to, by] = numbers;
  if (by == 0) return field.wrong("has a step of 0", "leave the step out, or let it be positive");
  if (to != from && (to < from) != (by < 0))
    return field.wrong("is empty", "its step leads away from its end");
  const auto count = std::uint64_t((to - from) / by + 1);
  if (count > into.step.foreach.limit) return too_many(into, place, at, count);
  for (std::uint64_t i = 0; i < count; ++i)
    into.step.foreach.items.push_back(std::to_string(from + std::int64_t(i) * by));
  return {};
}

Result<void> read_files(StepReading& into, const StepPlace& place, const DocValue& at) {
  const std::string& origin = place.document.origin;
  const bool is_list = at.kind == DocValue::Kind::List;
  const DocField field{origin, at, "files"};
  auto words = is_list ? field.words() : Result<std::vector<std::string>>();
  if (!is_list) {
    auto one = field.text();
    if (!one) return fail(std::move(one.error()));
    words->push_back(std::move(*one));
  }
  if (!words) return fail(std::move(words.error()));
  for (const std::string& word : *words) {
    auto pattern = file_pattern(place.document, word);
    if (!pattern) return wrong_at(origin, at.line, std::move(pattern.error()), "files");
    const auto found = place.bundle.globs.find(*pattern);
    if (found == place.bundle.globs.end() || found->second.empty())
      return wrong_at(origin, at.line, "no file matches '" + word + "'",
                      "patterns start beside the document", Errc::NotFound);
    auto& items = into.step.foreach.items;
    items.insert(items.end(), found->second.begin(), found->second.end());
  }
  return {};
}

// "${steps.list.values.files}" or "steps.list.values.files"
Result<void> read_result(StepReading& into, const StepPlace& place, const DocValue& at,
                         std::string_view text) {
  if (const auto found = next_placeholder(text); found && found->begin == 0) {
    if (found->end == text.size() && found->op == 0) text = found->name;
  }
  if (!text.starts_with("steps.") || text.find("${") != std::string_view::npos)
    return wrong_at(place.document.origin, at.line,
                    "foreach is '" + std::string(text.substr(0, 80)) +
                        "', which is neither a list nor a value of a step",
                    "write [\"a\", \"b\"] or \"${steps.list.values.files}\"");
  into.step.foreach.source = Foreach::Source::Result;
  into.step.foreach.result = text;
  into.uses.push_back({std::string(text), at.line});
  return {};
}

// Of a text: parameters first, then a list or a result.
Result<void> read_text(StepReading& into, const StepPlace& place, const DocValue& at) {
  const std::string& origin = place.document.origin;
  auto text = place.document.own.substitute(at.text, Variables::Unknown::Keep);
  if (!text) return wrong_at(origin, at.line, std::move(text.error()), "foreach");
  const bool is_filled = *text != at.text;
  if (!text->starts_with('[') && !(is_filled && text->find("${") == std::string::npos))
    return read_result(into, place, at, *text);
  auto items = list_of(*text);
  if (!items) return wrong_at(origin, at.line, std::move(items.error()), "foreach");
  into.step.foreach.items = std::move(*items);
  return {};
}

Result<void> read_list(StepReading& into, const StepPlace& place, const DocValue& at) {
  if (at.kind == DocValue::Kind::Text) return read_text(into, place, at);
  auto items = DocField{place.document.origin, at, "foreach"}.words();
  if (!items) return fail(std::move(items.error()));
  for (const DocValue& item : at.items)
    if (item.kind == DocValue::Kind::Text)
      if (auto noted = note_names(into, place, item, item.text, Names::Strict); !noted)
        return noted;
  into.step.foreach.items = std::move(*items);
  return {};
}

Result<void> read_words(StepReading& into, const StepPlace& place, Words& words) {
  const std::string& origin = place.document.origin;
  const DocValue& at = *into.foreach;
  Foreach& foreach = into.step.foreach;
  if (at.kind == DocValue::Kind::Table) {
    if (auto read = read_keys<Words>(origin, at, "foreach", kKeys, words); !read) return read;
  } else {
    words.list = &at;
  }
  if (words.limit != nullptr) {
    auto limit = DocField{origin, *words.limit, "limit"}.integer(1, kLimitMax);
    if (!limit) return fail(std::move(limit.error()));
    foreach
      .limit = std::uint32_t(*limit);
  }
  if (words.throttle != nullptr) {
    auto most = DocField{origin, *words.throttle, "throttle"}.integer(1, kLimitMax);
    if (!most) return fail(std::move(most.error()));
    foreach
      .throttle = std::uint32_t(*most);
  }
  const int sources = (words.list != nullptr) + (words.range != nullptr) +
                      (words.files != nullptr) + (words.result != nullptr);
  if (sources > 1)
    return wrong_at(origin, at.line, "foreach has more than one of list, range, files and result",
                    "keep one of them");
  return {};
}

}  // namespace

Result<std::string> file_pattern(const FlowDocument& document, const std::string& word) {
  auto filled = document.own.substitute(word, Variables::Unknown::Refuse);
  if (!filled) return filled;
  return joined_path(document.directory, *filled);
}

Result<void> read_foreach(StepReading& into, const StepPlace& place) {
  if (into.foreach == nullptr) return {};
  Words words;
  if (auto read = read_words(into, place, words); !read) return read;
  Foreach& foreach = into.step.foreach;
  foreach
    .source = Foreach::Source::Items;
  Result<void> read;
  if (words.list != nullptr) read = read_list(into, place, *words.list);
  if (words.range != nullptr) read = read_range(into, place, *words.range);
  if (words.files != nullptr) read = read_files(into, place, *words.files);
  if (words.result != nullptr) {
    auto text = DocField{place.document.origin, *words.result, "result"}.text();
    read = text ? read_result(into, place, *words.result, *text)
                : Result<void>(fail(std::move(text.error())));
  }
  if (!read) return read;
  if (words.list == nullptr && words.range == nullptr && words.files == nullptr &&
      words.result == nullptr) {  // { throttle = 4 } goes with the items of a need
    foreach
      .source = Foreach::Source::Needed;
    return {};
  }
  if (foreach.source != Foreach::Source::Items) return {};
  if (foreach.items.empty())
    return wrong_at(place.document.origin, into.foreach->line,
                    "step '" + into.step.name + "' would run for nothing: foreach is empty",
                    "give it one item at least");
  if (foreach.items.size() > foreach.limit)
    return too_many(into, place, *into.foreach, foreach.items.size());
  return {};
}

}  // namespace drover::dag
