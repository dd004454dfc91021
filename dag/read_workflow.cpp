// dag/read_workflow.cpp - all documents of a workflow as one list of steps.
// SPDX-License-Identifier: Apache-2.0
#include "dag/read_workflow.hpp"

#include <algorithm>
#include <memory>

#include "base/units.hpp"
#include "dag/check_workflow.hpp"
#include "dag/doc_json.hpp"
#include "dag/flow_params.hpp"
#include "dag/read_step.hpp"
#include "dag/recording.hpp"

namespace drover::dag {
namespace {

constexpr std::size_t kNestedMax = 8;  // workflows in workflows
constexpr std::size_t kStepNameMax = 128;

// A list of steps that may need each other: those of a document, or of a group.
struct Level {
  std::string prefix;
  std::uint32_t parent = kNoStep;
  std::map<std::string, std::uint32_t, std::less<>> names;  // as they are called there
  std::vector<std::pair<std::uint32_t, std::vector<NeedWord>>> needs;
};

class Reader {
 public:
  // What the workflow has already is not looked at but by name.
  Reader(Workflow& flow, const Bundle& bundle)
      : flow_(flow), bundle_(bundle), first_(std::uint32_t(flow.steps.size())) {}

  // `chain`: the files that the document is in, outermost first.
  Result<void> read(const FlowDocument& document, Level& level, std::vector<std::string>& chain) {
    for (const DocValue* table : document.steps)
      if (auto step = read_one(*table, document, level, chain); !step) return step;
    return resolve(document, level);
  }

  Result<void> check() { return check_workflow(flow_, origins_, first_); }

  std::string place_of(std::uint32_t step) const {
    const Step& at = flow_.steps[step];
    return origins_[step - first_].document + ":" + std::to_string(at.line) + ": step " + at.name;
  }

 private:
  // Of the steps that may be needed there: in a workflow that goes on, also those it had.
  std::optional<std::uint32_t> find(const Level& level, const std::string& name) const {
    if (const auto found = level.names.find(name); found != level.names.end()) return found->second;
    if (level.parent != kNoStep) return std::nullopt;
    const auto had = flow_.find(name);
    const bool fits = had && *had < first_ && flow_.steps[*had].parent == kNoStep;
    return fits ? had : std::nullopt;
  }

  Result<void> read_one(const DocValue& table, const FlowDocument& document, Level& level,
                        std::vector<std::string>& chain) {
    const StepPlace place{document, bundle_, level.parent != kNoStep && in_group_};
    auto read = read_step(table, place);
    if (!read) return fail(std::move(read.error()));
    const std::string& origin = document.origin;
    const std::string name = read->step.name;
    const auto at = std::uint32_t(flow_.steps.size());
    if (at >= kWorkflowStepsMax)
      return wrong_at(origin, table.line,
                      "more than " + std::to_string(kWorkflowStepsMax) + " steps",
                      "use foreach for many runs of the same step", Errc::Limit);
    if (const auto other = find(level, name))
      return wrong_at(origin, table.line,
                      "two steps are named '" + name + "'; the other is in line " +
                          std::to_string(flow_.steps[*other].line),
                      "give each step its own name");
    level.names.emplace(name, at);
    if (auto programs = read_programs(*read, place); !programs) return programs;
    if (auto fits = check_size(*read, origin); !fits) return fits;
    read->step.name = level.prefix + name;
    read->step.parent = level.parent;
    if (read->step.name.size() > kStepNameMax)
      return wrong_at(origin, table.line, "'" + read->step.name + "' is too long for a name",
                      "use shorter names in nested workflows");
    if (!flow_.by_name.emplace(read->step.name, at).second)
      return wrong_at(origin, table.line, "two steps are named '" + read->step.name + "'",
                      "give each step its own name");
    level.needs.emplace_back(at, std::move(read->needs));
    flow_.steps.push_back(std::move(read->step));
    origins_.push_back({origin, std::move(read->uses), read->uses_item});
    if (!read->members.empty()) return read_group(*read, at, document, chain);
    if (read->workflow != nullptr) return read_inner(*read, at, document, chain);
    return {};
  }

  // A small document can name a large file often, or many items.
  Result<void> check_size(const StepReading& read, const std::string& origin) {
    const Step& step = read.step;
    bytes_ += step.job.size() + step.undo.size();
    items_ += step.foreach.items.size();
    if (bytes_ > kWorkflowBytesMax)
      return wrong_at(origin, step.line,
                      "the jobs of all steps have more than " + std::to_string(kWorkflowBytesMax) +
                          " bytes with their scripts",
                      "use foreach for many runs of the same script", Errc::Limit);
    if (items_ > kWorkflowItemsMax)
      return wrong_at(
          origin, step.line,
          "all steps together run for more than " + std::to_string(kWorkflowItemsMax) + " items",
          "make several workflows of it", Errc::Limit);
    return {};
  }

  Result<void> read_programs(StepReading& read, const StepPlace& place) {
    const FlowDocument& document = place.document;
    Step& step = read.step;
    step.kind = read.members.empty() && read.workflow == nullptr ? StepKind::Job : StepKind::Group;
    // Above a sub-workflow's jobs lie its own defaults; those of the first document lie below all.
    const std::string below = chain_depth_ > 0 && document.defaults != nullptr
                                  ? to_text(to_json(*document.defaults))
                                  : std::string();
    if (step.kind == StepKind::Job && read.program.is_empty() && step.replay.workflow == 0)
      return wrong_at(document.origin, step.line, "step '" + step.name + "' has nothing to run",
                      "give it a script, command, code or workflow");
    if (step.kind == StepKind::Job || !read.program.is_empty()) {
      auto job = read_program(read, read.program, place, below);
      if (!job) return fail(std::move(job.error()));
      step.job = std::move(job->job);
      step.engine = std::move(job->engine);
    }
    if (step.strategy == Strategy::Single && step.targets.size() == 1) {  // degraded
      step.job = laid_over(step.job, step.targets.front());
      step.targets.clear();
    }
    if (auto known = settle_replay(read, document.origin); !known) return known;
    if (read.undo == nullptr) return {};
    auto words = read_undo_words(document.origin, *read.undo);
    if (!words) return fail(std::move(words.error()));
    if (words->job == nullptr) words->job = read.program.job;
    auto undo = read_program(read, *words, place, below);
    return undo ? (step.undo = std::move(undo->job), Result<void>())
                : fail(std::move(undo.error()));
  }

  // A replay runs for what was recorded, as often as that did.
  Result<void> settle_replay(StepReading& read, const std::string& origin) {
    Step& step = read.step;
    if (step.replay.workflow == 0) return {};
    const auto found = bundle_.recordings.find(recording_name(step.replay));
    if (found == bundle_.recordings.end()) return {};
    step.replay.recorded = found->second;
    recorded_bytes_ += bytes_of(*found->second);
    if (recorded_bytes_ > kRecordingBytesMax)
      return wrong_at(origin, step.line,
                      "what the replays of a workflow recorded has more than " +
                          std::to_string(kRecordingBytesMax) + " bytes",
                      "replay less in one workflow", Errc::Limit);
    if (!found->second->items) return {};
    step.foreach.source = Foreach::Source::Items;
    step.foreach.items = *found->second->items;
    return {};
  }

  Result<void> read_group(const StepReading& read, std::uint32_t at, const FlowDocument& document,
                          std::vector<std::string>& chain) {
    Level inner{.prefix = flow_.steps[at].name + ".", .parent = at, .names = {}, .needs = {}};
    in_group_ = true;
    for (const DocValue* table : read.members)
      if (auto step = read_one(*table, document, inner, chain); !step) return step;
    in_group_ = false;
    const bool in_row =
        flow_.steps[at].strategy == Strategy::Transaction &&
        std::ranges::all_of(inner.needs, [](const auto& n) { return n.second.empty(); });
    if (auto resolved = resolve(document, inner); !resolved) return resolved;
    if (in_row)
      for (std::uint32_t member = at + 2; member < flow_.steps.size(); ++member)
        flow_.steps[member].needs.push_back({.step = member - 1});
    const bool undoes = flow_.steps[at].strategy == Strategy::Transaction;
    for (std::uint32_t member = at + 1; member < flow_.steps.size(); ++member)
      if (!undoes && !flow_.steps[member].undo.empty())
        return wrong_at(document.origin, flow_.steps[member].line,
                        "only a step of a transaction is undone", "drop its undo");
    return {};
  }

  // The values that the document gives to a sub-workflow.
  static Result<Given> given_to(const StepReading& read, const std::string& origin) {
    Given given;
    if (read.with == nullptr) return given;
    const DocField field{origin, *read.with, "with"};
    if (auto table = field.table(); !table) return fail(std::move(table.error()));
    for (const auto& [name, value] : read.with->members) {
      auto word = value.kind == DocValue::Kind::List ? Result<std::string>(to_text(to_json(value)))
                                                     : DocField{origin, value, name}.word();
      if (!word) return fail(std::move(word.error()));
      given.emplace(name, std::move(*word));
    }
    return given;
  }

  Result<void> read_inner(const StepReading& read, std::uint32_t at, const FlowDocument& document,
                          std::vector<std::string>& chain) {
    const std::string& origin = document.origin;
    const std::uint32_t line = read.workflow->line;
    auto word = DocField{origin, *read.workflow, "workflow"}.text();
    if (!word) return fail(std::move(word.error()));
    const std::string path = joined_path(document.directory, *word);
    std::string names;
    for (const std::string& outer : chain) names += outer + " -> ";
    if (std::ranges::count(chain, path) > 0)
      return wrong_at(origin, line, "workflows contain each other: " + names + path,
                      "a workflow cannot run itself");
    if (chain.size() > kNestedMax)
      return wrong_at(
          origin, line,
          "workflows are nested more than " + std::to_string(kNestedMax) + " deep: " + names + path,
          "make it flatter", Errc::Limit);
    const auto file = bundle_.files.find(path);
    if (file == bundle_.files.end())
      return wrong_at(origin, line, "there is no file '" + *word + "'",
                      "a workflow is a file beside the document", Errc::NotFound);
    bytes_ += file->second.size();  // it is read again for every step that runs it
    auto given = given_to(read, origin);
    if (!given) return fail(std::move(given.error()));
    Level inner{.prefix = flow_.steps[at].name + ".", .parent = at, .names = {}, .needs = {}};
    auto opened = open_flow(file->second, {path, directory_of(path), inner.prefix}, *given);
    if (!opened) return fail(std::move(opened.error()), origin + ":" + std::to_string(line));
    const auto kept = std::make_unique<FlowDocument>(std::move(*opened));
    chain.push_back(path);
    ++chain_depth_;
    auto steps = this->read(*kept, inner, chain);
    --chain_depth_;
    chain.pop_back();
    return steps;
  }

  Result<void> resolve(const FlowDocument& document, const Level& level) {
    for (const auto& [at, words] : level.needs) {
      std::vector<Need>& needs = flow_.steps[at].needs;
      for (const NeedWord& word : words) {
        const auto found = find(level, word.name);
        if (!found) {
          std::vector<std::string_view> known;
          for (const auto& [name, step] : level.names) known.push_back(name);
          for (std::uint32_t s = 0; level.parent == kNoStep && s < first_; ++s)
            if (flow_.steps[s].parent == kNoStep) known.push_back(flow_.steps[s].name);
          return unknown_at(document.origin, word.line,
                            level.parent != kNoStep ? "step (here, only those beside it)" : "step",
                            word.name, known);
        }
        needs.push_back({*found, word.when, word.element_wise});
      }
      std::ranges::sort(needs, {}, &Need::step);
      const auto twice = std::ranges::adjacent_find(needs, {}, &Need::step);
      if (twice != needs.end())
        return wrong_at(
            document.origin, flow_.steps[at].line,
            "'" + flow_.steps[at].name + "' needs '" + flow_.steps[twice->step].name + "' twice",
            "say it once");
    }
    return {};
  }

  Workflow& flow_;
  const Bundle& bundle_;
  const std::uint32_t first_;        // of those that are read
  std::vector<StepOrigin> origins_;  // of each from there on
  std::size_t bytes_ = 0, items_ = 0, recorded_bytes_ = 0;
  std::size_t chain_depth_ = 0;
  bool in_group_ = false;
};

}  // namespace

Result<std::vector<ReplayWanted>> replays_wanted(const Bundle& bundle) {
  std::vector<ReplayWanted> wanted;
  const auto speaks_of_it = [](const std::string& text) {
    return text.find("replay") != std::string::npos;
  };
  const bool any = speaks_of_it(bundle.text) ||
                   std::ranges::any_of(bundle.files,
                                       [&](const auto& file) { return speaks_of_it(file.second); });
  if (!any) return wanted;
  auto document = open_flow(bundle.text, {bundle.origin, "", ""}, bundle.params);
  if (!document) return fail(std::move(document.error()));
  Workflow flow = document->head;
  Reader reader(flow, bundle);
  Level level;
  std::vector<std::string> chain{bundle.origin};
  if (auto read = reader.read(*document, level, chain); !read) return fail(read.error());
  for (std::uint32_t s = 0; s < flow.steps.size(); ++s)
    if (flow.steps[s].replay.workflow != 0)
      wanted.push_back({flow.steps[s].replay, reader.place_of(s)});
  return wanted;
}

Result<Workflow> read_workflow(const Bundle& bundle) {
  auto document = open_flow(bundle.text, {bundle.origin, "", ""}, bundle.params);
  if (!document) return fail(std::move(document.error()));
  Workflow flow = document->head;
  if (document->defaults != nullptr) flow.defaults = to_text(to_json(*document->defaults));
  if (!bundle.defaults.empty()) flow.defaults = laid_over(bundle.defaults, flow.defaults);
  Reader reader(flow, bundle);
  Level level;
  std::vector<std::string> chain{bundle.origin};
  if (auto read = reader.read(*document, level, chain); !read) return fail(read.error());
  if (auto right = reader.check(); !right) return fail(right.error());
  return flow;
}

namespace {

Result<void> append_steps(Workflow& flow, const Bundle& fragment, const FlowDocument& document) {
  const auto first = std::uint32_t(flow.steps.size());
  Reader reader(flow, fragment);
  Level level;
  std::vector<std::string> chain{fragment.origin};
  if (auto read = reader.read(document, level, chain); !read) return read;
  if (auto right = reader.check(); !right) return right;
  for (auto s = first; s < flow.steps.size(); ++s) {
    if (flow.steps[s].is_final)
      return fail(Errc::BadInput, reader.place_of(s) + ": a step that is added cannot be final",
                  "final steps are those of the first document");
    if (flow.steps[s].replay.workflow != 0)
      return fail(Errc::Unsupported,
                  reader.place_of(s) + ": a step that is added cannot be a replay",
                  "replays are looked up when a workflow is submitted: write it there");
  }
  return {};
}

}  // namespace

Result<void> add_steps(Workflow& flow, const Bundle& fragment) {
  auto document = open_flow(fragment.text, {fragment.origin, "", ""}, {});
  if (!document) return fail(std::move(document.error()));
  for (const auto& [name, value] : document->root.members)
    if (name != "step" && name != "steps")
      return wrong_at(fragment.origin, value.line, "'" + name + "' in steps that are added",
                      "only [[step]] can be added to a workflow that runs");
  auto own = Variables::only(own_values(flow));
  if (!own) return fail(std::move(own.error()));
  document->own = std::move(*own);
  document->head.params = flow.params;
  document->head.variables = flow.variables;
  const auto before = std::ptrdiff_t(flow.steps.size());
  auto appended = append_steps(flow, fragment, *document);
  if (appended) return {};
  for (auto step = flow.steps.begin() + before; step != flow.steps.end(); ++step)
    flow.by_name.erase(step->name);
  flow.steps.erase(flow.steps.begin() + before, flow.steps.end());
  return appended;
}

}  // namespace drover::dag
