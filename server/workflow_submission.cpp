// server/workflow_submission.cpp - from a request's body to what the turn decides about.
// SPDX-License-Identifier: Apache-2.0
#include "server/workflow_submission.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "dag/document.hpp"
#include "dag/job_text.hpp"
#include "dag/read_workflow.hpp"
#include "dag/recording.hpp"
#include "flow/replay.hpp"
#include "server/job_json_in.hpp"
#include "server/json_fields.hpp"
#include "server/json_writer.hpp"

namespace drover::server {
namespace {

constexpr std::size_t kFilesMax = 10'000;
constexpr std::size_t kFactsPerRead = 100'000;
constexpr std::array<std::string_view, 8> kFields{"defaults", "document", "files",   "globs",
                                                  "origin",   "params",   "resumes", "rules"};
constexpr std::array<std::string_view, 5> kRules{"critical_path", "drop_implied", "fuse", "group",
                                                 "prune"};

Result<void> keep_pairs(Result<std::vector<std::pair<std::string, std::string>>> read,
                        std::map<std::string, std::string>& into) {
  if (!read) return fail(read.error());
  for (auto& [name, text] : *read) into[name] = std::move(text);
  return {};
}

Result<void> read_rules(JsonValue v, dag::PlanRules& rules) {
  return json_object(v, "rules", [&](std::string_view name, JsonValue item) -> Result<void> {
    bool* rule = name == "fuse"            ? &rules.fuse
                 : name == "drop_implied"  ? &rules.drop_implied
                 : name == "critical_path" ? &rules.critical_path
                 : name == "prune"         ? &rules.prune
                                           : nullptr;
    if (rule == nullptr && name != "group") return json_unknown(name, kRules);
    auto on = json_bool(item, name);
    if (!on) return fail(on.error());
    if (rule == nullptr)
      rules.group = *on;
    else
      *rule = *on;
    return {};
  });
}

Result<void> keep_defaults(std::string_view json, std::string& into) {
  if (json.size() > (1u << 20))
    return fail(Errc::Limit, "defaults has more than 1 MiB", {}, "defaults");
  if (dag::json_depth(json) > dag::kDocumentDepthMax)
    return fail(Errc::Limit,
                "defaults is nested deeper than " + std::to_string(dag::kDocumentDepthMax), {},
                "defaults");
  into = json;
  return {};
}

Result<void> read_field(WorkflowBody& body, std::string_view name, JsonValue v) {
  dag::Bundle& bundle = body.bundle;
  if (name == "document" || name == "origin") {
    auto text = name == "document" ? json_text(v, name, 8u << 20) : json_line(v, name, 4096);
    if (!text) return fail(text.error());
    (name == "document" ? bundle.text : bundle.origin) = *std::move(text);
    return {};
  }
  if (name == "defaults") {
    std::string_view text;
    simdjson::ondemand::object object;
    if (v.get_object().get(object) || object.raw_json().get(text))
      return json_wrong(name, "an object");
    return keep_defaults(text, bundle.defaults);
  }
  if (name == "files") return keep_pairs(json_pairs(v, name, kFilesMax, 4u << 20), bundle.files);
  if (name == "params") return keep_pairs(json_pairs(v, name, 10'000, 1u << 20), bundle.params);
  if (name == "rules") return read_rules(v, body.rules);
  if (name == "resumes") {
    auto id = json_integer(v, name, 1, INT64_MAX);
    if (!id) return fail(id.error());
    body.resumes = JobId(std::uint64_t(*id));
    return {};
  }
  return json_object(v, "globs", [&](std::string_view pattern, JsonValue found) -> Result<void> {
    auto files = json_texts(found, "globs", 1'000'000, 4096);
    if (!files) return fail(files.error());
    bundle.globs[std::string(pattern)] = *std::move(files);
    return {};
  });
}

// One that the caller may look into; whose somebody else's are is not told.
Result<dag::Run> run_of(const store::Snapshot& snapshot, JobId id, const Caller& caller) {
  auto stored = load_workflow(snapshot, id);
  const bool mine = stored && (caller.is_operator || stored->record.owner.uid == caller.uid);
  if ((stored && !mine) || (!stored && stored.error().code == Errc::NotFound))
    return fail(Errc::NotFound, "there is no workflow " + std::to_string(raw(id)) + " of yours",
                "drover dag ls -a lists them");
  if (!stored) return fail(stored.error());
  return flow::replay(id, *stored->source, stored->facts);
}

// What the step does, whatever earlier steps bring: the same here and there, it need not run again.
std::string content_of(const dag::Run& run, std::uint32_t part) {
  const dag::Workflow& workflow = run.workflow();
  const dag::Step& step = workflow.steps[run.plan().parts[part].step];
  const auto draft = dag::draft_job_text(run, part);
  std::string text = workflow.defaults + '\n' + step.job + '\n' + step.foreach.result;
  for (const std::string& item : step.foreach.items) text += '\n' + item;
  return draft ? text + '\n' + draft->content : text;
}

std::string list_of(const std::vector<std::string>& texts) {
  std::string json;
  JsonWriter out(json);
  out.begin_array();
  for (const std::string& text : texts) out.value(text);
  out.end_array();
  return json;
}

Result<void> find_reusable(flow::SubmitWorkflow& submit, const dag::Run& fresh, JobId resumes,
                           const store::Store& store) {
  auto snapshot = store.snapshot();
  if (!snapshot) return fail(snapshot.error());
  auto old = run_of(*snapshot, resumes, {submit.owner.uid, submit.owner.gid, submit.user, false});
  if (!old) {
    old.error().field = "resumes";
    return fail(old.error());
  }
  submit.resumes = resumes;
  for (std::uint32_t i = 0; i < old->plan().parts.size(); ++i) {
    const dag::Part& part = old->plan().parts[i];
    if (part.role != dag::PartRole::Run || part.is_fused || !part.fused.empty() ||
        old->mark(i) != dag::Mark::Succeeded)
      continue;
    const std::string& name = old->workflow().steps[part.step].name;
    if (old->workflow().steps[part.step].replay.workflow != 0) continue;  // it runs to compare
    const auto step = fresh.workflow().find(name);
    if (!step) continue;
    const std::uint32_t same = fresh.voice_of(*step);
    if (same == dag::kNoPart || fresh.plan().parts[same].role != dag::PartRole::Run ||
        content_of(fresh, same) != content_of(*old, i))
      continue;
    const dag::PartState& state = old->part(i);
    const bool found =
        old->workflow().steps[part.step].foreach.source == dag::Foreach::Source::Result;
    submit.reused.push_back({name,
                             state.job,
                             {state.values.begin(), state.values.end()},
                             found && state.items ? list_of(*state.items) : std::string(),
                             state.element});
  }
  return {};
}

// What replays run, from the caller's own workflows; of operators, from everybody's.
Result<void> find_recordings(dag::Bundle& bundle, const store::Store& store, const Caller& caller) {
  const auto wanted = dag::replays_wanted(bundle);
  if (!wanted) return fail(wanted.error());
  if (wanted->empty()) return {};
  auto snapshot = store.snapshot();
  if (!snapshot) return fail(snapshot.error());
  std::map<std::uint64_t, dag::Run> runs;
  std::size_t bytes = 0;
  for (const auto& [replay, place] : *wanted) {
    const std::string name = dag::recording_name(replay);
    if (bundle.recordings.contains(name)) continue;
    auto at = runs.find(replay.workflow);
    if (at == runs.end()) {
      auto run = run_of(*snapshot, JobId(replay.workflow), caller);
      if (!run) return fail(run.error(), place);
      at = runs.emplace(replay.workflow, *std::move(run)).first;
    }
    auto recording = dag::record_step(at->second, replay.step);
    if (!recording) return fail(recording.error(), place);
    bytes += dag::bytes_of(*recording);
    if (bytes > dag::kRecordingBytesMax)
      return fail(Errc::Limit,
                  place + ": what the replays recorded has more than " +
                      std::to_string(dag::kRecordingBytesMax) + " bytes",
                  "replay less in one workflow");
    bundle.recordings[name] = std::make_shared<const dag::Recording>(*std::move(recording));
  }
  return {};
}

}  // namespace

Result<WorkflowBody> read_workflow_body(std::string json) {
  WorkflowBody body;
  body.bundle.origin = "workflow";
  bool has_document = false;
  auto read = json_body(std::move(json), kFields, [&](std::string_view name, JsonValue v) {
    has_document = has_document || name == "document";
    return read_field(body, name, v);
  });
  if (!read) return fail(read.error());
  if (!has_document)
    return fail(Errc::BadInput, "the workflow has no document",
                "send {\"document\":\"...\"}: docs/workflows.md", "document");
  return body;
}

Result<Drafted> draft_workflow(WorkflowBody body, const store::Store& store, const Caller& caller,
                               Time now) {
  if (auto known = find_recordings(body.bundle, store, caller); !known) return fail(known.error());
  auto workflow = dag::read_workflow(body.bundle);
  if (!workflow) return fail(workflow.error());
  auto plan = dag::plan_workflow(*workflow, body.rules);
  if (!plan) return fail(plan.error());
  Drafted drafted;
  flow::SubmitWorkflow& submit = drafted.submit;
  submit.owner = {caller.uid, caller.gid};
  submit.user = caller.user;
  auto source = std::make_shared<flow::WorkflowSource>();
  source->bundle = std::move(body.bundle);
  source->rules = body.rules;
  source->user = caller.user;
  source->submitted = now;
  auto names = flow::names_of(*workflow, *source);
  if (!names) return fail(names.error());
  submit.source = std::move(source);
  submit.run = std::make_shared<dag::Run>(JobId{1}, *std::move(workflow), *std::move(plan),
                                          *std::move(names));
  const dag::Run& run = *submit.run;
  std::set<std::string> seen;
  for (std::uint32_t i = 0; i < run.plan().parts.size(); ++i) {
    const dag::Part& part = run.plan().parts[i];
    if (part.is_fused || part.role == dag::PartRole::Gather) continue;
    auto text = dag::draft_job_text(run, i);
    const dag::Step& step = run.workflow().steps[part.step];
    if (!text)
      return fail(text.error(), submit.source->bundle.origin + ":" + std::to_string(step.line) +
                                    ": step " + step.name);
    if (seen.insert(std::move(text->content)).second)
      drafted.jobs.push_back({part.step, std::move(text->json)});
  }
  if (raw(body.resumes) != 0)
    if (auto ok = find_reusable(submit, run, body.resumes, store); !ok) return fail(ok.error());
  return drafted;
}

Result<StoredWorkflow> load_workflow(const store::Snapshot& snapshot, JobId id) {
  StoredWorkflow stored;
  auto record = snapshot.workflow(id);
  if (!record) return fail(record.error());
  auto source = snapshot.workflow_source(id);
  if (!source) return fail(source.error());
  stored.record = *std::move(record);
  stored.source = std::make_shared<const flow::WorkflowSource>(*std::move(source));
  for (;;) {
    const std::uint64_t since = stored.facts.empty() ? 0 : stored.facts.back().number;
    auto facts = snapshot.workflow_facts(id, since, kFactsPerRead);
    if (!facts) return fail(facts.error());
    stored.facts.insert(stored.facts.end(), std::make_move_iterator(facts->begin()),
                        std::make_move_iterator(facts->end()));
    if (facts->size() < kFactsPerRead) break;
  }
  // The oldest goes with its facts first, and over several commits.
  if (stored.facts.size() < stored.record.facts && is_final(stored.record.state))
    return fail(Errc::NotFound, "workflow " + std::to_string(raw(id)) + " is being forgotten",
                "the oldest that have ended go first; drover dag ls");
  return stored;
}

}  // namespace drover::server
