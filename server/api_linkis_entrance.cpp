// server/api_linkis_entrance.cpp - entrance/{id}/...: state, progress, log and end of a task.
// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "linkis/log_text.hpp"
#include "linkis/state_name.hpp"
#include "server/api_linkis.hpp"
#include "server/linkis_answer.hpp"
#include "server/linkis_desk.hpp"
#include "server/linkis_log.hpp"
#include "server/linkis_tasks.hpp"

namespace drover::server::api::linkis {
namespace {

using drover::linkis::Json;
using drover::linkis::Status;

constexpr std::int64_t kLinesUsual = 100;

// The task of the path; whoever asks for it is still there.
Result<LinkisTask> asked_for(Services& services, const Exchange& exchange) {
  auto task = find_task(services, exchange, exchange.name);
  if (task) services.linkis->watch.heard_of(task->record.id);
  return task;
}

// Clients repeat the id that they gave, or else the long one.
std::string exec_id_for(const Services& services, const Exchange& exchange,
                        const LinkisTask& task) {
  return exchange.name.starts_with("exec_id") ? exchange.name : exec_id_of(services, task);
}

std::int64_t query_number(const Exchange& exchange, std::string_view name, std::int64_t fallback) {
  const std::string_view text = exchange.request.query_value(name);
  if (text.empty()) return fallback;
  const auto number = parse_integer(text, INT64_MIN, INT64_MAX, name);
  return number ? *number : fallback;
}

void answer_progress(Services& services, const Exchange& exchange, bool with_resource) {
  const auto task = asked_for(services, exchange);
  if (!task) return exchange.refuse(task.error());
  Json data;
  data["execID"] = exec_id_for(services, exchange, *task);
  data["progress"] = progress_of(services, *task);
  data["progressInfo"] = progress_info(services, *task);
  if (with_resource) data["yarnMetrics"]["yarnResource"] = nullptr;
  answer_linkis(exchange, data);
}

Error has_ended(const LinkisTask& task) {
  return {Errc::Conflict,
          "task " + std::to_string(raw(task.record.id)) +
              " has ended: " + std::string(drover::linkis::state_name(task.record.state)),
          "there is nothing left to kill", "id"};
}

// `done` hears whether the task is being ended.
void cancel(Services& services, const LinkisTask& task, const Caller& caller,
            std::function<void(const Result<void>&)> done) {
  if (sched::is_final(task.record.state)) return done(fail(has_ended(task)));
  if (services.turn.is_full())
    return done(fail(Errc::Unavailable, "too many requests wait", "try again in a moment"));
  sched::Command command;
  command.verb = sched::Verb::Cancel;
  command.actor = caller.actor();
  command.target.job = task.record.id;
  services.turn.command(std::move(command),
                        [done = std::move(done)](const Result<sched::Done>& result) {
                          // It ended between the look and the command: that is what was wanted.
                          if (!result && result.error().code != Errc::NotFound)
                            return done(fail(result.error()));
                          done({});
                        });
}

// killJobs: one envelope for each id, in the order of the ids, sent when the last one is there.
struct ManyKills {
  ExchangePtr exchange;
  std::vector<Json> messages;
  std::size_t open = 0;

  void set(std::size_t at, const std::string& id, Status status, std::string_view message) {
    Json one;
    one["method"] = "/api/entrance/" + id + "/kill";
    one["status"] = int(status);
    one["message"] = message;
    one["data"]["execID"] = id;
    messages[at] = std::move(one);
    if (--open > 0) return;
    Json data;
    data["messages"] = messages;
    answer_linkis(*exchange, data, "success");
  }
};

constexpr std::size_t kKillsMax = 1'000;

Result<std::vector<std::string>> ids_of(const Exchange& exchange) {
  const auto body = linkis_body(exchange);
  if (!body) return fail(body.error());
  std::vector<std::string> ids;
  std::size_t tasks = 0;
  if (const auto list = body->find("idList"); list != body->end() && list->is_array())
    for (const Json& id : *list)
      ids.push_back(id.is_string() ? id.get<std::string>() : drover::linkis::dump(id));
  if (const auto list = body->find("taskIDList"); list != body->end() && list->is_array())
    tasks = list->size();
  if (ids.empty() || ids.size() != tasks)
    return fail(Errc::BadInput, "idList and taskIDList must be of one length, and not empty",
                "\"idList\":[\"exec_id...\"],\"taskIDList\":[12]", "idList");
  if (ids.size() > kKillsMax)
    return fail(Errc::Limit, "more than 1,000 tasks at once", "send several calls", "idList");
  return ids;
}

}  // namespace

void show_status(Services& services, ExchangePtr exchange) {
  const auto task = asked_for(services, *exchange);
  if (!task) return exchange->refuse(task.error());
  Json data;
  data["execID"] = exec_id_for(services, *exchange, *task);
  data["taskID"] = raw(task->record.id);
  data["status"] = drover::linkis::state_name(task->record.state);
  answer_linkis(*exchange, data);
}

void show_progress(Services& services, ExchangePtr exchange) {
  answer_progress(services, *exchange, false);
}
void show_progress_with_resource(Services& services, ExchangePtr exchange) {
  answer_progress(services, *exchange, true);
}

void show_log(Services& services, ExchangePtr exchange) {
  auto task = asked_for(services, *exchange);
  if (!task) return exchange->refuse(task.error());
  const std::int64_t from = std::max<std::int64_t>(query_number(*exchange, "fromLine", 0), 0);
  std::int64_t size = query_number(*exchange, "size", kLinesUsual);
  if (size < 0) size = kLogLinesMax;
  const bool together = exchange->request.query_value("distinctLevel") == "false";
  const std::string exec_id = exec_id_for(services, *exchange, *task);
  read_task_log(services, *std::move(task), from, size,
                [exchange, exec_id, together](const Result<LogSlice>& slice) {
                  if (!slice) return exchange->refuse(slice.error());
                  const std::vector<std::string_view> lines(slice->lines.begin(),
                                                            slice->lines.end());
                  auto logs = drover::linkis::split_log(lines, false);
                  Json data;
                  data["execID"] = exec_id;
                  data["log"] = together ? Json(logs[3]) : Json(logs);
                  data["fromLine"] = slice->next;
                  answer_linkis(*exchange, data);
                });
}

void kill(Services& services, ExchangePtr exchange) {
  const auto task = find_task(services, *exchange, exchange->name);
  if (!task) return exchange->refuse(task.error());
  const std::string exec_id = exec_id_for(services, *exchange, *task);
  cancel(services, *task, exchange->caller, [exchange, exec_id](const Result<void>& done) {
    if (!done) return exchange->refuse(done.error());
    Json data;
    data["execID"] = exec_id;
    answer_linkis(*exchange, data);
  });
}

void kill_many(Services& services, ExchangePtr exchange) {
  auto ids = ids_of(*exchange);
  if (!ids) return exchange->refuse(ids.error());
  auto many = std::make_shared<ManyKills>();
  many->exchange = exchange;
  many->messages.resize(ids->size());
  many->open = ids->size();
  for (std::size_t i = 0; i < ids->size(); ++i) {
    const std::string& id = (*ids)[i];
    const auto task = find_task(services, *exchange, id);
    if (!task) {
      many->set(i, id, drover::linkis::status_of(task.error().code), task.error().message);
      continue;
    }
    // Those that have ended are what was wanted.
    if (sched::is_final(task->record.state)) {
      many->set(i, id, Status::Ok, "the task has ended already");
      continue;
    }
    cancel(services, *task, exchange->caller, [many, i, id](const Result<void>& done) {
      many->set(i, id, done ? Status::Ok : Status::Error,
                done ? std::string("Successfully killed the job") : done.error().message);
    });
  }
}

// Nothing is paused; clients expect to hear that all is well.
void pause(Services& services, ExchangePtr exchange) {
  const auto task = asked_for(services, *exchange);
  if (!task) return exchange->refuse(task.error());
  Json data;
  data["execID"] = exec_id_for(services, *exchange, *task);
  answer_linkis(*exchange, data, "success to pause job");
}

void refuse_tuning(Services&, ExchangePtr exchange) {
  exchange->refuse({Errc::Unsupported, "a running task cannot be tuned",
                    "give params.configuration.runtime with the submission", ""});
}

}  // namespace drover::server::api::linkis
