// server/turn.cpp - collects, decides, commits, releases.
// SPDX-License-Identifier: Apache-2.0
#include "server/turn.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/check.hpp"

namespace drover::server {
namespace {

using metrics::FamilyId;

// Whoever asks says how old a result may be; beyond this none is.
constexpr Duration kOffersKept = seconds(std::int64_t(366) * 86'400);

double to_seconds(Duration d) { return double(d.us) / 1e6; }

template <class T>
void append(std::vector<T>& to, std::vector<T>&& from) {
  if (to.empty()) {
    to = std::move(from);
    return;
  }
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

// Turns follow each other: later after-images come later in the list, and the store writes in
// order.
void merge(sched::Changes& into, sched::Changes&& from) {
  append(into.new_jobs, std::move(from.new_jobs));
  append(into.altered, std::move(from.altered));
  append(into.jobs, std::move(from.jobs));
  append(into.tasks, std::move(from.tasks));
  append(into.nodes, std::move(from.nodes));
  append(into.events, std::move(from.events));
  append(into.results, std::move(from.results));
  if (from.usage) into.usage = std::move(from.usage);
  if (from.reservations) into.reservations = std::move(from.reservations);
  if (from.quotas) into.quotas = std::move(from.quotas);
  if (from.groups) into.groups = std::move(from.groups);
  if (from.next_job_id != 0) into.next_job_id = from.next_job_id;
  if (from.next_epoch != 0) into.next_epoch = from.next_epoch;
  if (from.next_node_id != 0) into.next_node_id = from.next_node_id;
  if (from.next_event_seq != 0) into.next_event_seq = from.next_event_seq;
}

std::size_t count(const sched::Changes& changes) {
  return changes.new_jobs.size() + changes.altered.size() + changes.jobs.size() +
         changes.tasks.size() + changes.nodes.size() + changes.events.size() +
         changes.results.size() + (changes.usage ? 1 : 0) + (changes.reservations ? 1 : 0) +
         (changes.quotas ? 1 : 0) + (changes.groups ? 1 : 0);
}

void merge(flow::Changes& into, flow::Changes&& from) {
  append(into.sources, std::move(from.sources));
  append(into.reopened, std::move(from.reopened));
  append(into.records, std::move(from.records));
  append(into.facts, std::move(from.facts));
  append(into.cache, std::move(from.cache));
}

std::size_t count(const store::CommitBatch& batch) {
  const flow::Changes& workflows = batch.workflows;
  return count(batch.changes) + batch.idempotency.size() + workflows.sources.size() +
         workflows.reopened.size() + workflows.records.size() + workflows.facts.size() +
         workflows.cache.size();
}

std::size_t bytes_of(const sched::JobSpec& spec) {
  std::size_t sum = spec.script.size() + spec.items.text().size();
  for (const auto* list : {&spec.env, &spec.argv})
    for (const std::string& one : *list) sum += one.size();
  return sum + (spec.statement ? spec.statement->origin.size() : 0);
}

// As much as can be for whole tables and documents: they are not short.
std::size_t bytes_of(const store::CommitBatch& batch) {
  const sched::Changes& changes = batch.changes;
  if (changes.usage || changes.reservations || changes.quotas || changes.groups) return SIZE_MAX;
  if (!batch.workflows.sources.empty() || !batch.workflows.reopened.empty()) return SIZE_MAX;
  std::size_t sum = 0;
  for (const auto* jobs : {&changes.new_jobs, &changes.altered})
    for (const auto& job : *jobs) sum += bytes_of(*job.spec);
  for (const auto& [job, json] : changes.results) sum += json.size();
  for (const auto& [workflow, fact] : batch.workflows.facts) sum += fact.text.size();
  return sum;
}

}  // namespace

Turn::Turn(net::Loop& loop, sched::Controller& controller, flow::Conductor& workflows,
           pool::EnginePool& engines, store::Store& store, metrics::Metrics& metrics,
           const Config& config, Ports ports)
    : loop_(loop),
      controller_(controller),
      workflows_(workflows),
      engines_(engines),
      metrics_(metrics),
      config_(config),
      ports_(std::move(ports)),
      timer_(loop, [this] { push(sched::Tick{}); }),
      committer_(loop, store, [this](Result<void> result, store::CommitBatch batch, Duration took) {
        on_durable(std::move(result), std::move(batch), took);
      }) {}

ReplyToken Turn::remember(OnReply on_reply, std::unique_ptr<store::IdempotencyEntry> key) {
  if (free_callers_.empty()) {
    callers_.emplace_back();
    free_callers_.push_back(std::uint32_t(callers_.size() - 1));
  }
  const std::uint32_t slot = free_callers_.back();
  free_callers_.pop_back();
  callers_[slot].on_reply = std::move(on_reply);
  callers_[slot].key = std::move(key);
  return ReplyToken(std::uint64_t(slot) + 1);
}

void Turn::submit(sched::Submit submit, std::unique_ptr<store::IdempotencyEntry> key,
                  OnReply on_reply) {
  submit.reply = remember(std::move(on_reply), std::move(key));
  push(std::move(submit));
}

void Turn::submit(flow::SubmitWorkflow submit, std::unique_ptr<store::IdempotencyEntry> key,
                  OnReply on_reply) {
  workflow_inputs_.emplace_back(remember(std::move(on_reply), std::move(key)), std::move(submit));
}

void Turn::workflow(flow::Input input, OnReply on_reply) {
  workflow_inputs_.emplace_back(remember(std::move(on_reply), nullptr), std::move(input));
}

void Turn::engines(pool::Input input, OnReply on_reply) {
  engine_inputs_.emplace_back(remember(std::move(on_reply), nullptr), std::move(input));
}

void Turn::command(sched::Command command, OnReply on_reply) {
  command.reply = remember(std::move(on_reply), nullptr);
  push(std::move(command));
}

void Turn::alter(sched::Alter alter, OnReply on_reply) {
  alter.reply = remember(std::move(on_reply), nullptr);
  push(std::move(alter));
}

void Turn::serve_node(sched::ServeNode serve, OnReply on_reply) {
  serve.reply = remember(std::move(on_reply), nullptr);
  push(std::move(serve));
}

void Turn::label_node(sched::LabelNode label, OnReply on_reply) {
  label.reply = remember(std::move(on_reply), nullptr);
  push(std::move(label));
}

void Turn::edit_quotas(sched::EditQuotas edit, OnReply on_reply) {
  edit.reply = remember(std::move(on_reply), nullptr);
  push(std::move(edit));
}

void Turn::edit_group(sched::EditGroup edit, OnReply on_reply) {
  edit.reply = remember(std::move(on_reply), nullptr);
  push(std::move(edit));
}

void Turn::put_reservation(sched::PutReservation put, OnReply on_reply) {
  put.reply = remember(std::move(on_reply), nullptr);
  push(std::move(put));
}

void Turn::remove_reservation(sched::RemoveReservation remove, OnReply on_reply) {
  remove.reply = remember(std::move(on_reply), nullptr);
  push(std::move(remove));
}

void Turn::push(sched::Input input) { inputs_.push_back(std::move(input)); }

std::size_t Turn::pending_records() const { return count(pending_); }

void Turn::run() {
  if (waiting() == 0) return;
  if (pending_records() >= std::size_t(config_.pending_records))
    return;  // the disk's turn: see on_durable
  const Now now = net::Loop::now();
  const std::size_t take = std::min(inputs_.size(), std::size_t(config_.inputs_per_turn));
  decide(now, take);
  metrics_.observe(FamilyId::TurnDuration, {}, to_seconds(net::Loop::now().mono - now.mono));
  metrics_.observe(FamilyId::TurnInputs, {}, double(take));
  arm_timer();
  commit_when_idle(Committer::When::AtOnce);
  if (!inputs_.empty()) loop_.post([] {});  // come back after a round of IO
}

// What jobs' ends mean for workflows, and the jobs that follow, belong to the same commit.
void Turn::decide(Now now, std::size_t take) {
  constexpr std::size_t kAhead = 8;
  for (std::size_t i = 0; i < take; ++i) {
    if (i % kAhead == 0)
      for (std::size_t j = 0; j < std::min(kAhead, take - i); ++j) controller_.expect(inputs_[j]);
    controller_.apply(std::move(inputs_.front()), now);
    inputs_.pop_front();
  }
  std::vector<sched::Reply> replies;
  for (auto& [token, input] : std::exchange(workflow_inputs_, {})) {
    auto result = workflows_.apply(std::move(input), now);
    if (raw(token) != 0) replies.push_back({token, std::move(result)});
  }
  for (auto& [token, input] : std::exchange(engine_inputs_, {})) {
    auto result = engines_.apply(std::move(input), now);
    if (raw(token) != 0) replies.push_back({token, std::move(result)});
  }
  bool more = true;
  while (more) {
    sched::TurnOutput output = controller_.finish(now);
    more = workflows_.follow(output, now);
    more = engines_.follow(output, now) || more;
    append(output.replies, std::exchange(replies, {}));
    collect(std::move(output));
  }
  merge(pending_.workflows, workflows_.collect());
  for (pool::Offer& offer : engines_.take_offers())
    pending_.workflows.cache.push_back(
        {offer.uid, std::move(offer.content_key), offer.at, offer.at + kOffersKept, offer.job, {}});
}

void Turn::collect(sched::TurnOutput output) {
  for (const sched::StartEstimate& estimate : output.estimates) {
    const double late = to_seconds(estimate.started - estimate.promised);
    metrics_.observe(FamilyId::StartEstimateError, {late > 0 ? "late" : "early"}, std::abs(late));
  }
  for (const sched::JobRecord& job : output.changes.jobs)
    if (sched::is_final(job.state)) ends_.push_back({job.id, job.state});
  for (const sched::Reply& reply : output.replies) {
    if (raw(reply.token) == 0) continue;
    DROVER_CHECK(raw(reply.token) <= callers_.size(), "a reply to a caller that exists");
    auto& key = callers_[std::size_t(raw(reply.token)) - 1].key;
    if (!key || !reply.result) continue;
    key->job = reply.result->job;
    pending_.idempotency.push_back(std::move(*key));
    key.reset();
  }
  merge(pending_.changes, std::move(output.changes));
  append(pending_held_.replies, std::move(output.replies));
  append(pending_held_.actions, std::move(output.actions));
}

void Turn::commit_when_idle(Committer::When when) {
  if (!committer_.idle()) return;
  const std::size_t records = pending_records();
  if (records == 0) {
    release(std::exchange(pending_held_, {}));  // nothing to store, nothing on the way before it
    return;
  }
  held_ = std::exchange(pending_held_, {});
  ends_in_flight_ = ends_.size();
  const BatchSize size{records, records <= CommitPace::kFewRecords ? bytes_of(pending_) : SIZE_MAX};
  committer_.commit(std::exchange(pending_, {}), size, when);
}

void Turn::on_durable(Result<void> result, store::CommitBatch batch, Duration took) {
  if (!result) {
    ports_.broken(result.error());
    return;
  }
  metrics_.observe(FamilyId::CommitDuration, {}, to_seconds(took));
  metrics_.observe(FamilyId::CommitRecords, {}, double(count(batch)));
  ends_.erase(ends_.begin(), ends_.begin() + std::ptrdiff_t(std::exchange(ends_in_flight_, 0)));
  Held held = std::exchange(held_, {});
  const bool more = pending_records() != 0;
  // The next batch syncs while this one's answers leave.
  if (more) commit_when_idle(Committer::When::Beside);
  ports_.stored(batch.changes);
  release(std::move(held));
  // Answers that had nothing to store, but had to wait their turn.
  if (!more) release(std::exchange(pending_held_, {}));
}

void Turn::release(Held held) {
  if (held.replies.empty() && held.actions.empty()) return check_quiet();
  for (const sched::Reply& reply : held.replies) {
    if (raw(reply.token) == 0) continue;
    const auto slot = std::uint32_t(raw(reply.token) - 1);
    Caller caller = std::exchange(callers_[slot], {});
    free_callers_.push_back(slot);
    if (caller.on_reply) caller.on_reply(reply.result);
  }
  if (!held.actions.empty()) ports_.actions(std::move(held.actions));
  ports_.released();
  check_quiet();
}

void Turn::arm_timer() {
  const Now now = net::Loop::now();
  auto due = controller_.next_timer(now);
  const auto of_workflows = workflows_.next_timer(now);
  if (of_workflows && (!due || *of_workflows < *due)) due = of_workflows;
  const auto of_engines = engines_.next_timer();
  if (of_engines && (!due || *of_engines < *due)) due = of_engines;
  if (!due) return timer_.stop();
  timer_.start(std::max(*due - now.mono, millis(1)));
}

void Turn::when_quiet(std::function<void()> done) {
  on_quiet_ = std::move(done);
  check_quiet();
}

void Turn::check_quiet() {
  if (!on_quiet_ || waiting() > 0 || !committer_.idle() || pending_records() != 0) return;
  std::exchange(on_quiet_, {})();
}

}  // namespace drover::server
