// store/job_record_codec.cpp - what changes of a job, field by field, both ways.
// SPDX-License-Identifier: Apache-2.0
#include "store/codec.hpp"

namespace drover::store {
namespace {

constexpr auto kLastReason = std::uint32_t(sched::Reason::EngineLost);
constexpr auto kLastJobState = std::uint32_t(sched::JobState::Suspended);

}  // namespace

void encode(const sched::JobRecord& record, proto::JobRecord& out) {
  out.Clear();
  out.set_id(raw(record.id));
  out.set_state(std::uint32_t(record.state));
  out.set_reason(std::uint32_t(record.reason));
  out.set_detail(record.detail);
  out.set_submitted_us(record.submitted.us);
  out.set_started_us(record.started.us);
  out.set_ended_us(record.ended.us);
  out.set_priority(record.priority);
  out.set_held(record.held);
  out.set_cursor(record.cursor);
  out.set_cursor_set(record.cursor_set);
  out.set_active(record.counts.active);
  out.set_succeeded(record.counts.succeeded);
  out.set_failed(record.counts.failed);
  out.set_cancelled(record.counts.cancelled);
  out.set_timed_out(record.counts.timed_out);
  out.set_exit_code(record.exit_code);
  out.set_throttle(record.throttle);
  out.set_dependencies_met(record.dependencies_met);
  out.set_dependencies_never(record.dependencies_never);
  out.set_singleton_met(record.singleton_met);
  out.set_starts_known(record.starts_known);
  for (const JobId job : record.starts_left) out.add_starts_left(raw(job));
  out.set_begin_us(record.begin.us);
  out.set_revision(record.revision);
  out.set_counterparts(record.counterparts);
  out.set_place_from_us(record.place_from.us);
  for (const NodeId node : record.place_on) out.add_place_on(raw(node));
}

bool decode(const proto::JobRecord& in, sched::JobRecord& out) {
  if (in.state() > kLastJobState || in.reason() > kLastReason) return false;
  out.id = JobId(in.id());
  out.state = sched::JobState(in.state());
  out.reason = sched::Reason(in.reason());
  out.detail = in.detail();
  out.submitted = {in.submitted_us()};
  out.started = {in.started_us()};
  out.ended = {in.ended_us()};
  out.priority = in.priority();
  out.held = in.held();
  out.cursor = in.cursor();
  out.cursor_set = in.cursor_set();
  out.counts = {in.active(), in.succeeded(), in.failed(), in.cancelled(), in.timed_out()};
  out.exit_code = in.exit_code();
  out.throttle = in.throttle();
  out.dependencies_met = in.dependencies_met();
  out.dependencies_never = in.dependencies_never();
  out.singleton_met = in.singleton_met();
  out.starts_known = in.starts_known();
  out.starts_left.clear();
  for (const std::uint64_t job : in.starts_left()) out.starts_left.push_back(JobId{job});
  out.begin = {in.begin_us()};
  out.revision = in.revision();
  out.counterparts = in.counterparts();
  out.place_from = {in.place_from_us()};
  out.place_on.clear();
  for (const std::uint32_t node : in.place_on()) out.place_on.push_back(NodeId{node});
  return true;
}

}  // namespace drover::store
