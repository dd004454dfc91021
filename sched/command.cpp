// sched/command.cpp - what people ask of jobs: cancel, hold, release, requeue, suspend, resume.
// SPDX-License-Identifier: Apache-2.0
//
// Asking twice is no error.
#include <algorithm>
#include <utility>

#include "sched/controller_state.hpp"

namespace drover::sched {
namespace {

constexpr std::uint64_t kElementsMax = 100'000;  // that one command may name; each becomes a record

std::string job_text(JobId id) { return "job " + std::to_string(raw(id)); }

Reason by(const Actor& actor, const Job& job, Reason user, Reason person_in_charge) {
  return actor.is_operator && actor.uid != job.uid ? person_in_charge : user;
}
Reason holds(const Actor& actor, const Job& job) {
  return by(actor, job, Reason::HeldByUser, Reason::HeldByOperator);
}
Reason cancels(const Actor& actor, const Job& job) {
  return by(actor, job, Reason::CancelledByUser, Reason::CancelledByOperator);
}

// The elements that the command names and the job has.
Result<std::vector<std::uint32_t>> named_elements(const Job& job, const IndexSet& named) {
  if (named.count() > kElementsMax)
    return fail(Errc::Limit,
                "one command may name " + std::to_string(kElementsMax) + " elements of an array",
                "split the range, or name the whole job", "elements");
  std::vector<std::uint32_t> found;
  for (auto index = named.first(); index; index = named.next_after(*index)) {
    const bool has = job.is_array ? job.more->cursor->elements().contains(*index) : *index == 0;
    if (has) found.push_back(*index);
  }
  if (found.empty())
    return fail(Errc::NotFound, job_text(job.id) + " has no element " + named.to_string(),
                job.is_array ? "its elements are " + job.more->cursor->elements().to_string()
                             : "it is not an array",
                "elements");
  return found;
}

}  // namespace

void Controller::State::command(const Command& in, Now now) {
  const JobId id = in.target.job;
  Job* job = find(id);
  if (job == nullptr) {
    if (!recent.find(id)) {
      reply(in.reply,
            fail(Errc::NotFound, "there is no open " + job_text(id), "drover ls shows the jobs"));
    } else if (in.verb == Verb::Cancel && in.signal == 0) {
      reply(in.reply, Done{id, 0});
    } else {
      reply(in.reply, fail(Errc::Conflict, job_text(id) + " has ended", "submit it again"));
    }
    return;
  }
  if (!in.actor.is_operator && in.actor.uid != job->uid) {
    reply(in.reply, fail(Errc::Denied, job_text(id) + " belongs to another user",
                         "ask its owner or an operator"));
    return;
  }
  auto touched = obey(*job, in, now);  // the job may be gone after this
  if (!touched)
    reply(in.reply, fail(std::move(touched.error())));
  else
    reply(in.reply, Done{id, *touched});
}

Result<std::uint64_t> Controller::State::obey(Job& job, const Command& in, Now now) {
  const bool repeats = in.verb == Verb::Requeue || in.verb == Verb::Suspend;
  if (job.is_statement && repeats)
    return fail(
        Errc::Unsupported,
        job_text(job.id) + " is code on an engine: it is never stopped in between or run again",
        "cancel it, and submit it anew");
  switch (in.verb) {
    case Verb::Cancel: return in.signal != 0 ? send_signal(job, in) : cancel(job, in, now);
    case Verb::Hold: return in.target.whole_job ? hold(job, in, now) : hold_elements(job, in, now);
    case Verb::Release:
      return in.target.whole_job ? release(job, in, now) : release_elements(job, in, now);
    case Verb::Requeue: return requeue(job, in);
    case Verb::Suspend: return suspend(job, in);
    case Verb::Resume: return resume(job, in);
  }
  return fail(Errc::BadInput, "unknown verb");
}

// The tasks with an attempt that the command means.
Result<std::vector<std::uint32_t>> Controller::State::attempts_of(Job& job,
                                                                  const TaskRange& range) {
  std::vector<std::uint32_t> found;
  if (!range.whole_job) {
    auto named = named_elements(job, range.elements);
    if (!named) return fail(std::move(named.error()));
    for (const std::uint32_t index : *named)
      if (const Task* task = find_task(job, index); task != nullptr && task->record.lease)
        found.push_back(index);
  } else if (job.more != nullptr) {
    for (const auto& [index, task] : job.more->tasks)
      if (task.record.lease) found.push_back(index);
  }
  return found;
}

Result<std::uint64_t> Controller::State::cancel(Job& job, const Command& in, Now now) {
  auto attempts = attempts_of(job, in.target);
  if (!attempts) return fail(std::move(attempts.error()));
  const Reason reason = cancels(in.actor, job);
  std::uint64_t touched = 0;
  for (const std::uint32_t index : *attempts) {
    Task& task = *find_task(job, index);
    const bool known = task.record.state == TaskState::Ending && task.record.reason != Reason::None;
    if (known) continue;
    kill(job, task, TaskEvent::Cancel, reason);
    ++touched;
  }
  if (in.target.whole_job) {
    touched += job.waiting();
    cancel_waiting(job, reason, now);
    if (job.is_active() && touched > 0) move(job, JobEvent::Cancel);
    if (touched > 0) set_reason(job, reason, in.reason);
  } else {
    const auto named = named_elements(job, in.target.elements);
    if (!named) return fail(named.error());
    for (const std::uint32_t index : *named) {
      const Task* known = find_task(job, index);
      if (known == nullptr ? !is_untouched(job, index) : known->record.state != TaskState::Waiting)
        continue;
      close_task(job, materialise(job, index), TaskEvent::Cancel, reason, now);
      ++touched;
    }
  }
  if (!close_if_done(job, reason, now)) update_queues(job);
  return touched;
}

Result<std::uint64_t> Controller::State::send_signal(Job& job, const Command& in) {
  auto attempts = attempts_of(job, in.target);
  if (!attempts) return fail(std::move(attempts.error()));
  std::uint64_t touched = 0;
  for (const std::uint32_t index : *attempts) {
    const TaskRecord& record = find_task(job, index)->record;
    const Node& node = nodes.at(record.lease->node);
    if (record.state != TaskState::Running || raw(node.session) == 0) continue;
    out.actions.emplace_back(Kill{
        record.lease->node, node.session, {record.id, record.attempt, record.epoch}, in.signal});
    ++touched;
  }
  if (touched == 0)
    return fail(Errc::Conflict, job_text(job.id) + " is not running within reach",
                "drover why " + std::to_string(raw(job.id)));
  return touched;
}

Result<std::uint64_t> Controller::State::hold(Job& job, const Command& in, Now now) {
  if ((job.gates & kHeldGate) != 0) return 0;
  const std::uint64_t waiting = job.waiting();
  if (waiting == 0)
    return fail(Errc::Conflict,
                job_text(job.id) + " is already on a node: only what waits can be held",
                "drover requeue puts it back into the queue");
  if (job.active == 0 || job.state == JobState::Running) move(job, JobEvent::Hold);
  job.gates |= kHeldGate;
  if (job.state == JobState::Held) job.planned = false;
  set_reason(job, holds(in.actor, job), in.reason);
  emit(EventKind::JobHeld, job, nullptr, now);
  update_queues(job);
  return waiting;
}

Result<std::uint64_t> Controller::State::release(Job& job, const Command& in, Now now) {
  if (job.reason == Reason::HeldByOperator && !in.actor.is_operator)
    return fail(Errc::Denied, job_text(job.id) + " was held by an operator", "ask an operator");
  std::uint64_t touched = 0;
  if (job.more != nullptr) {
    for (auto& [index, task] : job.more->tasks) {
      if (!task.is_held()) continue;
      if (task.record.reason == Reason::HeldByOperator && !in.actor.is_operator) continue;
      let_go(job, task);
      ++touched;
    }
  }
  if ((job.gates & kHeldGate) != 0) {
    touched = job.waiting();
    job.gates = Gates(job.gates & ~kHeldGate);
    move(job, JobEvent::Release);
    if (job.state == JobState::Inited)
      explain_wait(job);
    else
      set_reason(job, Reason::None);
  }
  if (touched > 0) emit(EventKind::JobReleased, job, nullptr, now);
  update_queues(job);
  return touched;
}

Result<std::uint64_t> Controller::State::hold_elements(Job& job, const Command& in, Now now) {
  const auto named = named_elements(job, in.target.elements);
  if (!named) return fail(named.error());
  std::uint64_t touched = 0;
  for (const std::uint32_t index : *named) {
    const Task* known = find_task(job, index);
    if (known == nullptr ? !is_untouched(job, index)
                         : known->record.state != TaskState::Waiting || known->is_held())
      continue;
    Task& task = materialise(job, index);
    task.record.reason = holds(in.actor, job);
    job.more->ready.erase(index);
    emit(EventKind::JobHeld, job, &task, now);
    ++touched;
  }
  update_queues(job);
  return touched;
}

Result<std::uint64_t> Controller::State::release_elements(Job& job, const Command& in, Now now) {
  const auto named = named_elements(job, in.target.elements);
  if (!named) return fail(named.error());
  std::uint64_t touched = 0;
  for (const std::uint32_t index : *named) {
    Task* task = find_task(job, index);
    if (task == nullptr || !task->is_held()) continue;
    if (task->record.reason == Reason::HeldByOperator && !in.actor.is_operator)
      return fail(Errc::Denied, "element " + std::to_string(index) + " was held by an operator",
                  "ask an operator", "elements");
    let_go(job, *task);
    emit(EventKind::JobReleased, job, task, now);
    ++touched;
  }
  update_queues(job);
  return touched;
}

// The attempts are ended and the tasks wait again; what is being cancelled stays so.
Result<std::uint64_t> Controller::State::requeue(Job& job, const Command& in) {
  const auto attempts = attempts_of(job, in.target);
  if (!attempts) return fail(attempts.error());
  if (attempts->empty())
    return fail(Errc::Conflict, job_text(job.id) + " is not running",
                "only what runs can be requeued");
  std::uint64_t touched = 0;
  for (const std::uint32_t index : *attempts) {
    Task& task = *find_task(job, index);
    if (task.record.state == TaskState::Ending) continue;
    kill(job, task, TaskEvent::Kill, Reason::None);
    ++touched;
  }
  return touched;
}

}  // namespace drover::sched
