// server/api_commands.cpp - cancel, hold, release, requeue, suspend, resume: one job, many, all.
// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <utility>
#include <vector>

#include "base/index_set.hpp"
#include "server/api.hpp"
#include "server/command_json_in.hpp"
#include "server/json_writer.hpp"
#include "server/problem.hpp"

namespace drover::server::api {
namespace {

constexpr std::uint64_t kIdsMax = 1'000'000;  // of one call
constexpr std::size_t kErrorsShown = 1'000;

// The controller forgets jobs that have ended: cancelling one is no error, the rest is a conflict.
Result<sched::Done> settle(Services& services, sched::Verb verb, JobId id, const Caller& caller,
                           const Result<sched::Done>& result) {
  if (result) return result;
  const bool is_known = result.error().code != Errc::NotFound;
  if (is_known && result.error().code != Errc::Denied) return result;
  auto snapshot = services.store.snapshot();
  if (!snapshot) return result;
  const auto record = snapshot->job(id);
  const auto spec = snapshot->spec(id, false);
  if (!caller.is_operator && (!spec || spec->owner.uid != caller.uid))
    return fail(no_such_job(id, caller));
  if (is_known || !record || !spec || !sched::is_final(record->state)) return result;
  if (verb == sched::Verb::Cancel) return sched::Done{id, 0};
  return fail(Errc::Conflict,
              "job " + std::to_string(raw(id)) + " has ended (" +
                  std::string(to_string(record->state)) + ")",
              "submit it again");
}

void command_one(Services& services, ExchangePtr exchange, sched::Verb verb) {
  auto body = read_command(std::move(exchange->request.body), "elements reason signal");
  if (!body) return exchange->refuse(body.error());
  sched::Command command;
  command.verb = verb;
  command.actor = exchange->caller.actor();
  command.target.job = exchange->job;
  if (!body->elements.empty()) {
    auto elements = IndexSet::parse(body->elements);
    if (!elements) return exchange->refuse(elements.error());
    command.target.whole_job = false;
    command.target.elements = std::move(*elements);
  }
  if (body->signal != 0 && verb != sched::Verb::Cancel)
    return exchange->refuse({Errc::BadInput, "only cancel takes a signal", "", "signal"});
  command.reason = std::move(body->reason);
  command.signal = body->signal;
  if (services.turn.is_full())
    return exchange->refuse(
        {Errc::Unavailable, "too many requests wait", "try again in a moment", ""});
  services.turn.command(
      std::move(command), [&services, exchange, verb](const Result<sched::Done>& result) {
        const auto settled = settle(services, verb, exchange->job, exchange->caller, result);
        if (!settled) return exchange->refuse(settled.error());
        exchange->json("{\"v\":1,\"touched\":" + std::to_string(settled->touched) + "}");
      });
}

// Many commands, one answer. A bounded number is under way at once.
struct ManyCommands : std::enable_shared_from_this<ManyCommands> {
  ManyCommands(Services& s, ExchangePtr e, sched::Verb v, CommandBody b)
      : services(s), exchange(std::move(e)), verb(v), body(std::move(b)) {}

  void begin() { pump(); }

 private:
  static constexpr std::size_t kUnderWay = 10'000;

  // The callbacks are called by the turn, never from within command(): no recursion.
  void pump() {
    while (under_way < kUnderWay && next < ids.size()) {
      const JobId id = ids[next++];
      sched::Command command;
      command.verb = verb;
      command.actor = exchange->caller.actor();
      command.target.job = id;
      command.reason = body.reason;
      command.signal = body.signal;
      ++under_way;
      services.turn.command(std::move(command),
                            [self = shared_from_this(), id](const Result<sched::Done>& result) {
                              self->on_done(id, result);
                            });
    }
    if (under_way == 0 && next == ids.size()) finish();
  }
  void on_done(JobId id, const Result<sched::Done>& result) {
    --under_way;
    auto settled = settle(services, verb, id, exchange->caller, result);
    if (settled) {
      touched += settled->touched;
      ++jobs;
    } else if (!(all && settled.error().code == Errc::NotFound) && errors.size() < kErrorsShown) {
      errors.emplace_back(id, settled.error());  // of "all", one that ended meanwhile is none
    }
    if (under_way == 0 || under_way < kUnderWay / 2) pump();
  }
  void finish() {
    std::string text;
    JsonWriter out(text);
    out.begin_object();
    out.field("v", 1);
    out.field("touched", touched);
    out.field("jobs", jobs);
    out.key("errors");
    out.begin_array();
    for (const auto& [id, error] : errors) {
      out.begin_object();
      out.field("id", raw(id));
      out.key("error");
      append_error(out.raw(), error, exchange->request_id);
      out.end_object();
    }
    out.end_array();
    out.end_object();
    exchange->json(std::move(text));
  }

 public:
  Services& services;
  ExchangePtr exchange;
  sched::Verb verb;
  CommandBody body;
  std::vector<JobId> ids;
  bool all = false;

 private:
  std::size_t next = 0, under_way = 0;
  std::uint64_t touched = 0, jobs = 0;
  std::vector<std::pair<JobId, Error>> errors;
};

// The open jobs the caller may act on; those of `user` when given. Pool thread.
std::vector<JobId> open_jobs(const store::Store& store, const Caller& caller,
                             const std::string& user) {
  std::vector<JobId> ids;
  auto snapshot = store.snapshot();
  if (!snapshot) return ids;
  const auto visited = snapshot->visit_open_ascending(
      [&](const sched::JobRecord& record, const sched::JobSpec& spec) {
        const bool mine = caller.is_operator || spec.owner.uid == caller.uid;
        if (mine && (user.empty() || spec.user == user)) ids.push_back(record.id);
        return ids.size() < kIdsMax;
      });
  if (!visited) ids.clear();
  return ids;
}

Result<std::vector<JobId>> named_jobs(const std::string& text) {
  auto set = IndexSet::parse(text, kIdsMax);
  if (!set) {
    Error error = set.error();
    error.field = "ids";
    return fail(std::move(error));
  }
  std::vector<JobId> ids;
  for (auto id = set->first(); id; id = set->next_after(*id)) ids.push_back(JobId(*id));
  return ids;
}

void command_many(Services& services, ExchangePtr exchange, sched::Verb verb) {
  auto body = read_command(std::move(exchange->request.body), "ids user reason signal");
  if (!body) return exchange->refuse(body.error());
  if (body->signal != 0 && verb != sched::Verb::Cancel)
    return exchange->refuse({Errc::BadInput, "only cancel takes a signal", "", "signal"});
  if (body->ids.empty() && body->user.empty())
    return exchange->refuse({Errc::BadInput, "which jobs?",
                             "\"ids\":\"1,3-5\", \"ids\":\"all\" or \"user\":\"ann\"", "ids"});
  if (services.turn.is_full())
    return exchange->refuse(
        {Errc::Unavailable, "too many requests wait", "try again in a moment", ""});
  auto many = std::make_shared<ManyCommands>(services, exchange, verb, std::move(*body));
  if (!many->body.ids.empty() && many->body.ids != "all") {
    auto ids = named_jobs(many->body.ids);
    if (!ids) return exchange->refuse(ids.error());
    many->ids = std::move(*ids);
    return many->begin();
  }
  many->all = true;
  const store::Store& store = services.store;
  services.loop.offload(
      [many, &store] { many->ids = open_jobs(store, many->exchange->caller, many->body.user); },
      [many] { many->begin(); });
}

}  // namespace

void cancel_job(Services& s, ExchangePtr e) { command_one(s, std::move(e), sched::Verb::Cancel); }
void hold_job(Services& s, ExchangePtr e) { command_one(s, std::move(e), sched::Verb::Hold); }
void release_job(Services& s, ExchangePtr e) { command_one(s, std::move(e), sched::Verb::Release); }
void requeue_job(Services& s, ExchangePtr e) { command_one(s, std::move(e), sched::Verb::Requeue); }
void resume_job(Services& s, ExchangePtr e) { command_one(s, std::move(e), sched::Verb::Resume); }
void suspend_job(Services& s, ExchangePtr e) { command_one(s, std::move(e), sched::Verb::Suspend); }
void cancel_jobs(Services& s, ExchangePtr e) { command_many(s, std::move(e), sched::Verb::Cancel); }
void hold_jobs(Services& s, ExchangePtr e) { command_many(s, std::move(e), sched::Verb::Hold); }
void release_jobs(Services& s, ExchangePtr e) {
  command_many(s, std::move(e), sched::Verb::Release);
}
void resume_jobs(Services& s, ExchangePtr e) { command_many(s, std::move(e), sched::Verb::Resume); }
void suspend_jobs(Services& s, ExchangePtr e) {
  command_many(s, std::move(e), sched::Verb::Suspend);
}
void requeue_jobs(Services& s, ExchangePtr e) {
  command_many(s, std::move(e), sched::Verb::Requeue);
}

}  // namespace drover::server::api
