// server/workflow_submission.cpp - from a request's body to what the turn decides about.
// SPDX-License-Identifier: Apache-2.0
#include "server/workflow_submission.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "dag/document.hpp"
#include "dag/job_text.hpp"
#include "dag/read_workflow.hpp"
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
constexpr std::array<std::string_view, 3> kRules{"critical_path", "drop_implied", "fuse"};

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
                                           : nullptr;
    if (rule == nullptr) return json_unknown(name, kRules);
    auto on = json_bool(item, name);
    if (!on) return fail(on.error());
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
  auto stored = load_workflow(*snapshot, resumes);
  if (!stored) return fail(stored.error());
  if (stored->record.owner.uid != submit.owner.uid)
    return fail(Errc::NotFound,
                "there is no workflow " + std::to_string(raw(resumes)) + " of yours",
                "drover dag ls", "resumes");
  auto old = flow::replay(resumes, *stored->source, stored->facts);
  if (!old) return fail(old.error());
  submit.resumes = resumes;
  for (std::uint32_t i = 0; i < old->plan().parts.size(); ++i) {
    const dag::Part& part = old->plan().parts[i];
    if (part.role != dag::PartRole::Run || part.is_fused || !part.fused.empty() ||
        old->mark(i) != dag::Mark::Succeeded)
      continue;
    const std::string& name = old->workflow().steps[part.step].name;
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
                             found && state.items ? list_of(*state.items) : std::string()});
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

Result<Drafted> draft_workflow(WorkflowBody body, const store::Store& store, Owner owner,
                               std::string user, Time now) {
  auto workflow = dag::read_workflow(body.bundle);
  if (!workflow) return fail(workflow.error());
  for (const dag::Step& step : workflow->steps)
    if (step.replay.workflow != 0)
      return fail(Errc::Unsupported,
                  body.bundle.origin + ":" + std::to_string(step.line) + ": step " + step.name +
                      ": strategy 'replay' is not offered yet",
                  "run the recorded step again with its own document", "strategy");
  auto plan = dag::plan_workflow(*workflow, body.rules);
  if (!plan) return fail(plan.error());
  Drafted drafted;
  flow::SubmitWorkflow& submit = drafted.submit;
  submit.owner = owner;
  submit.user = user;
  submit.workflow = std::make_shared<const dag::Workflow>(*workflow);
  submit.plan = std::make_shared<const dag::WorkflowPlan>(*plan);
  auto source = std::make_shared<flow::WorkflowSource>();
  source->bundle = std::move(body.bundle);
  source->rules = body.rules;
  source->user = std::move(user);
  source->submitted = now;
  auto names = flow::names_of(*workflow, *source);
  if (!names) return fail(names.error());
  submit.source = std::move(source);
  const dag::Run run(JobId{1}, *std::move(workflow), *std::move(plan), *std::move(names));
  std::set<std::string> seen;
  for (std::uint32_t i = 0; i < run.plan().parts.size(); ++i) {
    const dag::Part& part = run.plan().parts[i];
    if (part.is_fused || part.role == dag::PartRole::Gather) continue;
    auto text = dag::draft_job_text(run, i);
    const dag::Step& step = run.workflow().steps[part.step];
    if (!text)
      return fail(text.error(), submit.source->bundle.origin + ":" + std::to_string(step.line) +
                                    ": step " + step.name);
    if (seen.insert(text->content).second) drafted.jobs.push_back({part.step, text->json});
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
    if (facts->size() < kFactsPerRead) return stored;
  }
}

}  // namespace drover::server
