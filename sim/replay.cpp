// sim/replay.cpp - the event loop. Nothing here decides: the controller is told what happened.
// SPDX-License-Identifier: Apache-2.0
#include "sim/replay.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "base/check.hpp"
#include "base/counted_words.hpp"
#include "base/heap_push.hpp"

namespace drover::sim {
namespace {

constexpr Time kOrigin{1'000'000'000};  // time 0 of the trace; the controller's 0 means "not yet"
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

Now now_at(std::int64_t t) { return {kOrigin + Duration{t}, kOrigin + Duration{t}}; }

class Replayer {
 public:
  Replayer(const Workload& workload, const Cluster& cluster, const ReplayOptions& options)
      : work_(workload),
        jobs_(workload.jobs),
        count_(workload.jobs.size()),
        keep_series_(options.series),
        controller_(options.config) {
    result_.outcomes.resize(jobs_.size());
    specs_.resize(workload.specs.size());
    if (!workload.edges.empty()) ids_.resize(jobs_.size());
    if (keep_series_) result_.series.reserve(jobs_.size() * 2);
    at_.reserve(jobs_.size() + 1);
    at_.push_back(0);  // job ids begin with 1
    for (const rm::NodeSpec& node : cluster.nodes) {
      sched::NodeUp up;
      up.spec = node;
      up.boot_id = "sim";
      up.session = SessionId{1};
      controller_.apply(std::move(up), now_at(0));
    }
  }

  Result<Replay> run() {
    take(controller_.finish(now_at(0)), 0);
    while (const auto t = next_event()) {
      end_due(*t);
      submit_due(*t);
      pass(*t);
    }
    result_.stats = controller_.stats();
    const std::uint64_t left = result_.submitted - result_.ended;
    if (left > 0)
      return fail(Errc::Conflict,
                  counted(std::int64_t(left), "job") + (left == 1 ? " waits" : " wait") +
                      " and nothing is to come" + first_left(),
                  "the policy or a limit starves them");
    return std::move(result_);
  }

 private:
  std::string first_left() const {
    for (std::size_t id = 1; id < at_.size(); ++id)
      if (const auto why = controller_.why(JobId{id}, std::nullopt, now_at(last_)))
        return ", the first is " + work_.name_of(at_[id]) + ": " + why->text;
    return {};
  }

  struct Held {  // by a running job; there are few, so that they stay in the cache
    AttemptId attempt;
    NodeId node{};
    std::uint32_t job = 0;
  };
  struct End {
    std::int64_t at = 0;
    std::uint64_t epoch = 0;
    std::uint32_t slot = 0;    // into held_
    std::uint32_t killed = 0;  // or 1; no bool: a gap makes copies wait for each other
    friend bool operator<(const End& a, const End& b) {  // the heap's top is the earliest
      return a.at != b.at ? a.at > b.at : a.epoch > b.epoch;
    }
  };

  std::optional<std::int64_t> next_event() {
    std::int64_t t = kNever;
    if (!ends_.empty()) t = ends_.front().at;
    if (next_ < count_) t = std::min(t, jobs_[next_].submit.us);
    // What was due up to now has had its pass; if it still is, it waits for something else.
    const Time due = controller_.next_due(now_at(last_));
    if (due != rm::kEver && due > kOrigin + last()) t = std::min(t, (due - kOrigin).us);
    if (t == kNever) return std::nullopt;
    return last_ = t;
  }

  void end_due(std::int64_t t) {
    while (!ends_.empty() && ends_.front().at == t) {
      std::pop_heap(ends_.begin(), ends_.end());
      const End end = ends_.back();
      ends_.pop_back();
      const Held held = held_[end.slot];
      if (raw(held.attempt.epoch) != end.epoch) continue;  // was killed before
      held_[end.slot].attempt = {};
      free_slots_.push_back(end.slot);
      sched::Input input(std::in_place_type<sched::TaskEnded>);
      auto& in = std::get<sched::TaskEnded>(input);
      in.node = held.node;
      in.session = SessionId{1};
      in.id = held.attempt;
      in.cause = end.killed != 0 ? sched::EndCause::Killed : sched::EndCause::Exited;
      in.started = now_at(result_.outcomes[held.job].start.us).wall;
      in.ended = now_at(t).wall;
      controller_.apply(std::move(input), now_at(t));
      count_end(held, end.killed != 0, t);
    }
  }

  void count_end(const Held& held, bool killed, std::int64_t t) {
    count_running(held.job, -1);
    if (killed && controller_.job(held.attempt.task.job)) {  // to run again
      ++result_.restarted;
      count_queued(held.job, 1);
      first_waiting_ = std::min(first_waiting_, held.job);
      started_[held.job] = false;
      return;
    }
    Outcome& outcome = result_.outcomes[held.job];
    outcome.end = Duration{t};
    outcome.ending = Ending::Done;
    ++result_.ended;
  }

  void submit_due(std::int64_t t) {
    for (; next_ < count_ && jobs_[next_].submit.us == t; ++next_) {
      started_.push_back(false);
      sched::Input input(std::in_place_type<sched::Submit>);
      auto& in = std::get<sched::Submit>(input);
      in.reply = ReplyToken{next_ + 1};
      in.spec = spec_of(jobs_[next_]);
      if (edge_ < work_.edges.size() && work_.edges[edge_].job == next_) add_edges(in);
      controller_.apply(std::move(input), now_at(t));
      if (!work_.edges.empty()) foresee_id();
      ++result_.submitted;
      count_queued(std::uint32_t(next_), 1);
    }
  }

  // With this job's limit. As a rule nobody keeps it past the submission, so that one copy serves
  // all jobs that differ in nothing else, and stays in the cache.
  std::shared_ptr<const sched::JobSpec> spec_of(const WorkJob& job) {
    std::shared_ptr<sched::JobSpec>& spec = specs_[job.spec];
    if (spec.use_count() != 1) spec = std::make_shared<sched::JobSpec>(*work_.specs[job.spec]);
    spec->time_limit = job.estimate;
    return spec;
  }

  // A job that waits for this one may come at the same moment, before the reply with the id. Ids
  // are given in order to what is accepted; `answer` checks it.
  void foresee_id() {
    if (const std::uint64_t accepted = controller_.stats().submitted; accepted > accepted_) {
      accepted_ = accepted;
      ids_[next_] = JobId{accepted};
    }
  }

  // A spec of its own, since ids of jobs are part of it. Ends that the controller may have
  // forgotten are told.
  void add_edges(sched::Submit& in) {
    auto spec = std::make_shared<sched::JobSpec>(*in.spec);
    for (; edge_ < work_.edges.size() && work_.edges[edge_].job == next_; ++edge_) {
      const std::uint32_t before = work_.edges[edge_].before;
      const JobId id = ids_[before];
      spec->dependencies.push_back({sched::DependencyKind::AfterOk, id});
      if (result_.outcomes[before].ending == Ending::Done)
        in.known_ends.push_back({id, sched::JobState::Succeeded});
    }
    in.spec = std::move(spec);
  }

  void pass(std::int64_t t) {
    controller_.finish(now_at(t), out_);
    take(out_, t);
    ++result_.passes;
    while (first_waiting_ < next_ && started_[first_waiting_]) ++first_waiting_;
    for (const std::uint32_t job : launched_) {
      if (job <= first_waiting_ || first_waiting_ >= next_) continue;
      result_.outcomes[job].overtook = true;
      ++result_.overtook;
    }
    launched_.clear();
    if (!keep_series_) return;
    sample_.at = Duration{t};
    result_.series.push_back(sample_);
  }

  void take(const sched::TurnOutput& out, std::int64_t t) {
    for (const sched::Reply& reply : out.replies) answer(reply);
    for (const sched::Action& action : out.actions) {
      if (const auto* launch = std::get_if<sched::Launch>(&action)) {
        start(*launch, t);
      } else if (const auto* kill = std::get_if<sched::Kill>(&action)) {
        if (kill->signal == 0) kill_attempt(kill->id, t);
      }
    }
  }

  void answer(const sched::Reply& reply) {
    const std::uint32_t job = std::uint32_t(raw(reply.token) - 1);
    if (reply.result) {
      DROVER_CHECK(ids_.empty() || ids_[job] == reply.result->job, "an id was skipped");
      at_.resize(std::max<std::size_t>(at_.size(), raw(reply.result->job) + 1));
      at_[raw(reply.result->job)] = job;
      return;
    }
    if (result_.refused++ == 0) {
      result_.first_refused = job;
      result_.first_refusal = reply.result.error().message;
    }
    ++result_.ended;
    result_.outcomes[job].ending = Ending::Refused;
    started_[job] = true;
    count_queued(job, -1);
  }

  void start(const sched::Launch& launch, std::int64_t t) {
    const std::uint32_t job = job_of(launch.id);
    std::uint32_t slot = std::uint32_t(held_.size());
    if (free_slots_.empty()) {
      held_.emplace_back();
    } else {
      slot = free_slots_.back();
      free_slots_.pop_back();
    }
    held_[slot] = {launch.id, launch.node, job};
    started_[job] = true;
    launched_.push_back(job);
    result_.outcomes[job].start = Duration{t};
    result_.outcomes[job].node = raw(launch.node);
    if (!launch.nodes.empty()) result_.gangs[job] = launch.nodes;
    ++result_.started;
    count_queued(job, -1);
    count_running(job, 1);
    push_end({t + jobs_[job].run.us, raw(launch.id.epoch), slot, 0});
    controller_.apply(sched::TaskStarted{launch.node, launch.session, launch.id, now_at(t).wall},
                      now_at(t));
  }

  void push_end(const End& end) { heap_push(ends_, end, std::less<>{}); }

  void kill_attempt(const AttemptId& id, std::int64_t t) {
    for (std::uint32_t slot = 0; slot < held_.size(); ++slot)
      if (held_[slot].attempt == id) push_end({t, raw(id.epoch), slot, 1});
  }

  void count_running(std::uint32_t at, std::int32_t change) {
    if (!keep_series_) return;
    sample_.used_cpus += change * std::int64_t(jobs_[at].cpus);
    sample_.used_gpu_milli += change * rm::gpu_milli_of(work_.specs[jobs_[at].spec]->request);
    sample_.running += std::uint32_t(change);
  }
  void count_queued(std::uint32_t at, std::int32_t change) {
    if (!keep_series_) return;
    sample_.queued_cpus += change * std::int64_t(jobs_[at].cpus);
    sample_.queued += std::uint32_t(change);
  }
  Duration last() const { return Duration{last_}; }

  std::uint32_t job_of(const AttemptId& id) const { return at_[raw(id.task.job)]; }

  const Workload& work_;
  const std::vector<WorkJob>& jobs_;
  const std::size_t count_;  // of them
  const bool keep_series_;
  sched::Controller controller_;
  sched::TurnOutput out_;
  Replay result_;
  std::vector<std::shared_ptr<sched::JobSpec>> specs_;  // as Workload::specs, made when needed
  std::vector<Held> held_;
  std::vector<std::uint32_t> free_slots_;  // of held_
  std::vector<JobId> ids_;                 // by position; only when jobs wait for others
  std::vector<std::uint32_t> at_;          // position by job id
  std::vector<End> ends_;                  // a heap
  std::vector<std::uint32_t> launched_;    // of this pass
  std::vector<bool> started_;
  std::uint32_t first_waiting_ = 0;
  std::size_t next_ = 0, edge_ = 0;  // to be submitted
  std::int64_t last_ = 0;
  std::uint64_t accepted_ = 0;
  Sample sample_;
};

}  // namespace

Result<Replay> replay(const Workload& workload, const Cluster& cluster,
                      const ReplayOptions& options) {
  return Replayer(workload, cluster, options).run();
}

}  // namespace drover::sim
