// store/workflow_codec.cpp - workflows, their facts and kept results as messages.
// SPDX-License-Identifier: Apache-2.0
#include "store/workflow_codec.hpp"

#include <memory>
#include <utility>

#include "dag/recording.hpp"

namespace drover::store {
namespace {

constexpr auto kLastKind = std::uint32_t(dag::FactKind::Closed);
constexpr auto kLastMark = std::uint32_t(dag::Mark::Cancelled);
constexpr auto kLastState = std::uint32_t(flow::WorkflowState::Cancelled);

template <class Pairs, class Repeated>
void put_pairs(const Pairs& pairs, Repeated* out) {
  for (const auto& [name, text] : pairs) {
    auto* pair = out->Add();
    pair->set_name(name);
    pair->set_text(text);
  }
}

}  // namespace

void encode(const flow::WorkflowSource& source, proto::WorkflowSource& out) {
  out.Clear();
  out.set_origin(source.bundle.origin);
  out.set_text(source.bundle.text);
  put_pairs(source.bundle.files, out.mutable_files());
  put_pairs(source.bundle.params, out.mutable_params());
  for (const auto& [pattern, found] : source.bundle.globs) {
    auto* list = out.add_globs();
    list->set_name(pattern);
    for (const std::string& file : found) list->add_texts(file);
  }
  out.set_user(source.user);
  out.set_defaults(source.bundle.defaults);
  out.set_submitted_us(source.submitted.us);
  out.set_no_fuse(!source.rules.fuse);
  out.set_no_drop_implied(!source.rules.drop_implied);
  out.set_no_critical_path(!source.rules.critical_path);
  out.set_no_prune(!source.rules.prune);
  if (source.rules.group) out.set_group(*source.rules.group ? 1 : 2);
  for (const auto& [name, recording] : source.bundle.recordings) {
    proto::StepRecording& one = *out.add_recordings();
    one.set_name(name);
    one.set_job(recording->job);
    one.set_has_items(recording->items.has_value());
    if (recording->items)
      for (const std::string& item : *recording->items) one.add_items(item);
    put_pairs(recording->values, one.mutable_values());
    one.set_succeeded(recording->succeeded);
    one.set_exit_code(recording->exit_code);
    one.set_ran(raw(recording->ran));
  }
}

bool decode(const proto::WorkflowSource& in, flow::WorkflowSource& out) {
  out = {};
  out.bundle.origin = in.origin();
  out.bundle.text = in.text();
  for (const auto& pair : in.files()) out.bundle.files[pair.name()] = pair.text();
  for (const auto& pair : in.params()) out.bundle.params[pair.name()] = pair.text();
  for (const auto& list : in.globs())
    out.bundle.globs[list.name()] = {list.texts().begin(), list.texts().end()};
  out.user = in.user();
  out.bundle.defaults = in.defaults();
  out.submitted = {in.submitted_us()};
  out.rules.fuse = !in.no_fuse();
  out.rules.drop_implied = !in.no_drop_implied();
  out.rules.critical_path = !in.no_critical_path();
  out.rules.prune = !in.no_prune();
  if (in.group() != 0) out.rules.group = in.group() == 1;
  for (const proto::StepRecording& one : in.recordings()) {
    dag::Recording recording;
    recording.job = one.job();
    if (one.has_items()) recording.items.emplace(one.items().begin(), one.items().end());
    for (const auto& pair : one.values()) recording.values[pair.name()] = pair.text();
    recording.succeeded = one.succeeded();
    recording.exit_code = one.exit_code();
    recording.ran = JobId(one.ran());
    out.bundle.recordings[one.name()] =
        std::make_shared<const dag::Recording>(std::move(recording));
  }
  return true;
}

void encode(const flow::WorkflowRecord& record, proto::WorkflowRecord& out) {
  out.Clear();
  out.set_id(raw(record.id));
  out.set_uid(record.owner.uid);
  out.set_gid(record.owner.gid);
  out.set_user(record.user);
  out.set_name(record.name);
  out.set_state(std::uint32_t(record.state));
  out.set_submitted_us(record.submitted.us);
  out.set_ended_us(record.ended.us);
  const dag::PartCounts& counts = record.counts;
  out.set_total(counts.total);
  out.set_running(counts.running);
  out.set_ready(counts.ready);
  out.set_succeeded(counts.succeeded);
  out.set_failed(counts.failed);
  out.set_skipped(counts.skipped);
  out.set_cancelled(counts.cancelled);
  out.set_weight(counts.weight);
  out.set_weight_done(counts.weight_done);
  out.set_first_failed(raw(record.first_failed));
  out.set_first_failed_step(record.first_failed_step);
  out.set_resumes(raw(record.resumes));
  out.set_facts(record.facts);
}

bool decode(const proto::WorkflowRecord& in, flow::WorkflowRecord& out) {
  if (in.state() > kLastState) return false;
  out = {};
  out.id = JobId(in.id());
  out.owner = {in.uid(), in.gid()};
  out.user = in.user();
  out.name = in.name();
  out.state = flow::WorkflowState(in.state());
  out.submitted = {in.submitted_us()};
  out.ended = {in.ended_us()};
  dag::PartCounts& counts = out.counts;
  counts.total = in.total();
  counts.running = in.running();
  counts.ready = in.ready();
  counts.succeeded = in.succeeded();
  counts.failed = in.failed();
  counts.skipped = in.skipped();
  counts.cancelled = in.cancelled();
  const std::uint64_t known = std::uint64_t(counts.running) + counts.ready + counts.succeeded +
                              counts.failed + counts.skipped + counts.cancelled;
  counts.waiting = counts.total > known ? std::uint32_t(counts.total - known) : 0;
  counts.weight = in.weight();
  counts.weight_done = in.weight_done();
  out.first_failed = JobId(in.first_failed());
  out.first_failed_step = in.first_failed_step();
  out.resumes = JobId(in.resumes());
  out.facts = in.facts();
  return true;
}

void encode(const dag::Fact& fact, proto::WorkflowFact& out) {
  out.Clear();
  out.set_number(fact.number);
  out.set_at_us(fact.at.us);
  out.set_kind(std::uint32_t(fact.kind));
  out.set_part(fact.part == dag::kNoPart ? 0 : fact.part + 1);
  out.set_job(raw(fact.job));
  out.set_mark(std::uint32_t(fact.mark));
  out.set_exit_code(fact.exit_code);
  out.set_name(fact.name);
  out.set_text(fact.text);
}

bool decode(const proto::WorkflowFact& in, dag::Fact& out) {
  if (in.kind() > kLastKind || in.mark() > kLastMark) return false;
  out.number = in.number();
  out.at = {in.at_us()};
  out.kind = dag::FactKind(in.kind());
  out.part = in.part() == 0 ? dag::kNoPart : in.part() - 1;
  out.job = JobId(in.job());
  out.mark = dag::Mark(in.mark());
  out.exit_code = in.exit_code();
  out.name = in.name();
  out.text = in.text();
  return true;
}

void encode(const flow::CacheEntry& entry, proto::StepResult& out) {
  out.Clear();
  out.set_uid(entry.uid);
  out.set_at_us(entry.at.us);
  out.set_until_us(entry.until.us);
  out.set_job(raw(entry.job));
  put_pairs(entry.values, out.mutable_values());
}

bool decode(const proto::StepResult& in, flow::CacheEntry& out) {
  out = {};
  out.uid = in.uid();
  out.at = {in.at_us()};
  out.until = {in.until_us()};
  out.job = JobId(in.job());
  for (const auto& pair : in.values()) out.values.emplace_back(pair.name(), pair.text());
  return true;
}

}  // namespace drover::store
