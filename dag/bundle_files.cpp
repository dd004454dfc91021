// dag/bundle_files.cpp - which files belong to a document.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "dag/doc_fields.hpp"
#include "dag/flow_document.hpp"
#include "dag/read_step.hpp"
#include "dag/read_workflow.hpp"

namespace drover::dag {
namespace {

constexpr std::size_t kFilesMax = 10'000;

class Walk {
 public:
  explicit Walk(const Bundle& bundle) : bundle_(bundle) {}

  Result<void> look(const FlowDocument& document) {
    for (const DocValue* step : document.steps)
      if (auto looked = look_at(*step, document); !looked) return looked;
    return {};
  }

  Wanted wanted() && {
    return {{files_.begin(), files_.end()}, {patterns_.begin(), patterns_.end()}};
  }

 private:
  Result<void> look_at(const DocValue& step, const FlowDocument& document) {
    if (files_.size() + patterns_.size() > kFilesMax)
      return fail(Errc::Limit, "more than " + std::to_string(kFilesMax) + " files", "use fewer");
    note_script(step, document);
    if (const DocValue* undo = step.find("undo")) note_script(*undo, document);
    if (auto noted = note_patterns(step, document); !noted) return noted;
    for (const char* inner : {"step", "steps"})
      if (const DocValue* list = step.find(inner))
        for (const DocValue& member : list->items)
          if (auto looked = look_at(member, document); !looked) return looked;
    const DocValue* workflow = step.find("workflow");
    if (workflow == nullptr || workflow->kind != DocValue::Kind::Text) return {};
    const std::string path = joined_path(document.directory, workflow->text);
    files_.insert(path);
    const auto known = bundle_.files.find(path);
    const bool is_circle = std::ranges::count(chain_, path) > 0;
    if (known == bundle_.files.end() || is_circle || ++documents_ > kFilesMax) return {};
    chain_.push_back(path);
    auto looked = look_inside(step, path, known->second, document);
    chain_.pop_back();
    return looked;
  }

  void note_script(const DocValue& step, const FlowDocument& document) {
    const DocValue* script = step.find("script");
    if (script == nullptr || script->kind != DocValue::Kind::Text) return;
    if (script->text.starts_with("#!") || script->text.find('\n') != std::string::npos) return;
    files_.insert(joined_path(document.directory, script->text));
  }

  Result<void> note_patterns(const DocValue& step, const FlowDocument& document) {
    const DocValue* foreach = step.find("foreach");
    const DocValue* files = foreach != nullptr ? foreach->find("files") : nullptr;
    if (files == nullptr) return {};
    const auto note = [&](const DocValue& word) -> Result<void> {
      if (word.kind != DocValue::Kind::Text) return {};
      auto pattern = file_pattern(document, word.text);
      if (!pattern)
        return wrong_at(document.origin, word.line, std::move(pattern.error()), "files");
      patterns_.insert(std::move(*pattern));
      return {};
    };
    if (auto noted = note(*files); !noted) return noted;
    for (const DocValue& item : files->items)
      if (auto noted = note(item); !noted) return noted;
    return {};
  }

  // With the values that this step gives; another step may give others.
  Result<void> look_inside(const DocValue& step, const std::string& path, const std::string& text,
                           const FlowDocument& document) {
    Given given;
    if (const DocValue* with = step.find("with"))
      for (const auto& [name, value] : with->members) {
        auto word = DocField{document.origin, value, name}.word();
        if (word) given.emplace(name, std::move(*word));
      }
    auto inner = open_flow(text, {path, directory_of(path), "-."}, given);
    if (!inner) return {};  // said with its place when the workflow is read
    return look(*inner);
  }

  const Bundle& bundle_;
  std::set<std::string> files_, patterns_;
  std::vector<std::string> chain_;  // sub-workflows that are being looked into
  std::size_t documents_ = 0;
};

}  // namespace

Result<Wanted> files_wanted(const Bundle& bundle) {
  auto document = open_flow(bundle.text, {bundle.origin, "", ""}, bundle.params);
  if (!document) return fail(std::move(document.error()));
  Walk walk(bundle);
  if (auto looked = walk.look(*document); !looked) return fail(looked.error());
  return std::move(walk).wanted();
}

}  // namespace drover::dag
