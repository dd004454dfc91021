// server/advice_notes.cpp - looks at what nodes told lately, and writes what is new.
// SPDX-License-Identifier: Apache-2.0
#include "server/advice_notes.hpp"

#include <utility>
#include <vector>

#include "base/name_list.hpp"
#include "base/units.hpp"
#include "server/advice.hpp"
#include "server/launch_order.hpp"

namespace drover::server {
namespace {

constexpr Duration kTick = seconds(2);
constexpr Duration kWaitLeast = seconds(10);  // a shorter wait is not worth a line
constexpr int kTextsOfTick = 20;              // explanations cost
constexpr int kLooksOfTick = 500;             // a look may read the store

}  // namespace

AdviceNotes::AdviceNotes(Services& services)
    : services_(services), tick_(services.loop, [this] { on_tick(); }) {
  tick_.start(kTick, kTick);
}

void AdviceNotes::follow(const sched::Changes& changes) {
  for (const sched::JobRecord& job : changes.jobs) {
    if (sched::is_final(job.state)) {
      said_.erase(job.id);
      waits_.erase(job.id);
    } else if (job.state == sched::JobState::Scheduled && job.reason == sched::Reason::Quota &&
               waits_.size() < kWaitsMax) {
      waits_.try_emplace(job.id, Wait{net::Loop::now().wall, {}});
    }
  }
  if (waits_.empty()) return;
  for (const sched::TaskRecord& task : changes.tasks)
    if (task.lease && waits_.contains(task.id.job)) tell_wait(task);
}

// What quota it is is known while it waits only. Who waits for the engine waits for its quota.
void AdviceNotes::look_at_waits() {
  int left = kTextsOfTick;
  std::vector<std::pair<JobId, Wait>> more;
  for (auto& [id, wait] : waits_) {
    if (!wait.text.empty()) continue;
    if (left-- == 0) break;
    const auto why = services_.controller.why(id, std::nullopt, net::Loop::now());
    if (!why || why->reason != sched::Reason::Quota) continue;
    wait.text = why->text;
    for (const JobId statement : services_.engines.waiting_with(id))
      more.emplace_back(statement, wait);
  }
  for (auto& [id, wait] : more)
    if (waits_.size() < kWaitsMax) waits_.try_emplace(id, std::move(wait));
}

// A statement's engine takes the line with the statement, which may be short; the file of any other
// job is there when it has started.
void AdviceNotes::tell_wait(const sched::TaskRecord& task) {
  const auto spec = services_.specs.find(task.id.job);
  if (spec && !(*spec)->statement && !task.started.is_set()) return;
  const auto node = waits_.extract(task.id.job);
  const Wait& wait = node.mapped();
  const Duration waited = net::Loop::now().wall - wait.since;
  if (!spec || (*spec)->engine || wait.text.empty() || waited < kWaitLeast) return;
  auto& said = said_[task.id.job];
  if (said.test(std::size_t(sched::AdviceKind::Quota))) return;
  said.set(std::size_t(sched::AdviceKind::Quota));
  lines_.push_back({*spec,
                    {{task.id, task.attempt, task.epoch}, task.node},
                    {sched::AdviceKind::Quota, task.id.index,
                     "it waited " + format_duration(waited) + " for a quota: " + wait.text,
                     "drover quota ls shows them"}});
}

void AdviceNotes::speak() {
  for (const Line& line : std::exchange(lines_, {})) say(*line.spec, line.place, line.advice);
}

void AdviceNotes::on_tick() {
  speak();
  if (!services_.config.advice_notes) {
    (void)services_.agents.use().take_heard();
    waits_.clear();
    return;
  }
  look_at_waits();
  unseen_.merge(services_.agents.use().take_heard());
  for (int left = kLooksOfTick; left > 0 && !unseen_.empty(); --left) {
    const JobId id = unseen_.extract(unseen_.begin()).value();
    const std::vector<JobId> statements = services_.engines.running_on(id);
    for (const JobId statement : statements) look_at(statement);
    if (statements.empty()) look_at(id);
  }
}

void AdviceNotes::look_at(JobId id) {
  const auto spec = services_.specs.find(id);
  if (!spec || (*spec)->engine) return;
  for (const sched::Advice& advice : advice_on(services_, id, **spec, std::nullopt)) {
    const auto known = said_.find(id);
    if (known != said_.end() && known->second.test(std::size_t(advice.kind))) continue;
    const auto place = place_of({id, advice.task});
    if (!place) continue;
    said_[id].set(std::size_t(advice.kind));
    say(**spec, *place, advice);
  }
}

// Of a task that runs, as far as the disk knows.
std::optional<AdviceNotes::Place> AdviceNotes::place_of(TaskId task) const {
  const auto snapshot = services_.store.snapshot();
  if (!snapshot) return std::nullopt;
  const auto record = snapshot->task(task);
  if (!record || !*record || !(*record)->lease || (*record)->node.empty()) return std::nullopt;
  return Place{{task, (*record)->attempt, (*record)->epoch}, (*record)->node};
}

// Of a job that keeps its errors apart, there: what it prints may be read by programs.
void AdviceNotes::say(const sched::JobSpec& spec, const Place& place, const sched::Advice& advice) {
  const std::string text = advice.text + "; " + advice.hint;
  services_.metrics.add(metrics::FamilyId::Advice, {std::string(to_string(advice.kind))});
  if (spec.statement) return services_.agents.note(place.node, place.attempt, text);
  const auto files = task_files(spec, place.attempt.task, place.node);
  if (!files) return;
  LogRead line;
  line.owner = spec.owner;
  line.path = files->err.empty() ? files->out : files->err;
  line.append = "[drover: " + text + "]\n";
  services_.agents.read_log(first_name(place.node), line, [](const Result<LogPiece>&) {});
}

}  // namespace drover::server
