// server/api_linkis_history.cpp - jobhistory/...: tasks of now and of the past, one or many.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "linkis/state_name.hpp"
#include "server/api_linkis.hpp"
#include "server/linkis_answer.hpp"
#include "server/linkis_desk.hpp"
#include "server/linkis_tasks.hpp"

namespace drover::server::api::linkis {
namespace {

using drover::linkis::Json;

constexpr std::int64_t kPageUsual = 20, kPageMax = 1'000, kDayMs = 86'400'000;
constexpr std::size_t kIdsMax = 30;

struct Wanted {
  std::int64_t from_ms = 0, until_ms = INT64_MAX;
  std::uint64_t task = 0;               // 0 = any
  std::vector<sched::JobState> states;  // none = any
  std::string application, creator, user, run_type, engine_instance;
  std::uint32_t uid = 0;
  bool everybody = false;
  std::size_t skip = 0, take = 0;

  bool fits(const sched::JobRecord& record, const sched::JobSpec& spec) const {
    if (!spec.statement || (!everybody && spec.owner.uid != uid)) return false;
    const std::int64_t at = record.submitted.us / 1000;
    if (at < from_ms || at > until_ms || (task != 0 && raw(record.id) != task)) return false;
    if (!states.empty() && std::ranges::find(states, record.state) == states.end()) return false;
    if (!user.empty() && spec.user != user) return false;
    if (!run_type.empty() && spec.statement->language != run_type) return false;
    if (!application.empty() && spec.statement->engine != application) return false;
    if (creator.empty()) return true;
    const auto label = spec.labels.find("creator");
    return label != spec.labels.end() && label->second == creator;
  }
};

// Counting needs all of them: at most `scan` jobs are looked at, the newest first.
struct Found {
  std::size_t total = 0;
  std::vector<LinkisTask> page;
  std::vector<std::string> codes;  // of the page, as the ends
  std::vector<TaskEnd> ends;
  Result<void> result;

  void read(const store::Store& store, const Wanted& wanted, std::size_t scan, bool only_open) {
    auto snapshot = store.snapshot();
    if (!snapshot) {
      result = fail(snapshot.error());
      return;
    }
    std::size_t scanned = 0;
    result = snapshot->visit_jobs(JobId{0}, only_open,
                                  [&](const sched::JobRecord& record, const sched::JobSpec& spec) {
                                    if (wanted.fits(record, spec)) {
                                      if (total >= wanted.skip && page.size() < wanted.take)
                                        page.push_back({record, spec, {}});
                                      ++total;
                                    }
                                    return ++scanned < scan;
                                  });
    for (LinkisTask& task : page) {
      if (const auto run = snapshot->task({task.record.id, TaskIndex{0}}); run && *run)
        task.node = (*run)->node;
      auto whole = snapshot->spec(task.record.id, true);
      ends.push_back(end_of(*snapshot, task));
      codes.push_back(whole ? std::move(whole->script) : std::string());
    }
  }
};

std::string query_text(const Exchange& exchange, const char* name) {
  std::string text(exchange.request.query_value(name));
  return text == "null" || text == "undefined" ? std::string() : text;  // of careless web pages
}

std::int64_t query_number(const Exchange& exchange, const char* name, std::int64_t fallback) {
  const std::string text = query_text(exchange, name);
  if (text.empty()) return fallback;
  const auto number = parse_integer(text, INT64_MIN, INT64_MAX, name);
  return number ? *number : fallback;
}

Result<Wanted> read_wanted(const Exchange& exchange, std::string_view usual_states) {
  Wanted wanted;
  std::string states = query_text(exchange, "status");
  if (states.empty()) states = usual_states;
  auto parsed = drover::linkis::parse_states(states);
  if (!parsed) return fail(parsed.error());
  wanted.states = *std::move(parsed);
  wanted.from_ms = query_number(exchange, "startDate", 0);
  wanted.until_ms = query_number(exchange, "endDate", INT64_MAX);
  wanted.task = std::uint64_t(std::max<std::int64_t>(query_number(exchange, "taskID", 0), 0));
  wanted.application = query_text(exchange, "executeApplicationName");
  if (wanted.application.empty()) wanted.application = query_text(exchange, "engineType");
  wanted.creator = query_text(exchange, "creator");
  wanted.run_type = query_text(exchange, "runType");
  wanted.uid = exchange.caller.uid;
  wanted.everybody =
      exchange.caller.is_operator && exchange.request.query_value("isAdminView") == "true";
  if (wanted.everybody) wanted.user = query_text(exchange, "proxyUser");
  const std::int64_t page =
      std::clamp<std::int64_t>(query_number(exchange, "pageNow", 1), 1, 1 << 20);
  wanted.take = std::size_t(
      std::clamp<std::int64_t>(query_number(exchange, "pageSize", kPageUsual), 1, kPageMax));
  wanted.skip = std::size_t(page - 1) * wanted.take;
  return wanted;
}

using Answering = void (*)(const Services&, const Exchange&, const Found&);

void search(Services& services, ExchangePtr exchange, Wanted wanted, bool only_open,
            Answering answer) {
  auto found = std::make_shared<Found>();
  const store::Store& store = services.store;
  const auto scan = std::size_t(services.config.page_scan);
  services.loop.offload([found, &store, wanted = std::move(wanted), scan,
                         only_open] { found->read(store, wanted, scan, only_open); },
                        [&services, exchange, found, answer] {
                          if (!found->result) return exchange->refuse(found->result.error());
                          answer(services, *exchange, *found);
                        });
}

// totalPage is the number of rows, as in the original.
void answer_tasks(const Services& services, const Exchange& exchange, const Found& found) {
  Json data;
  data["tasks"] = Json::array();
  for (std::size_t i = 0; i < found.page.size(); ++i)
    data["tasks"].push_back(
        task_json(services, found.page[i], found.ends[i], found.codes[i], false));
  data["totalPage"] = found.total;
  answer_linkis(exchange, data);
}

void answer_count(const Services&, const Exchange& exchange, const Found& found) {
  Json data;
  data["totalPage"] = found.total;
  answer_linkis(exchange, data);
}

bool took_longer(const Json& a, const Json& b) {
  return a["costTime"].get<std::int64_t>() > b["costTime"].get<std::int64_t>();
}

void answer_longest(const Services& services, const Exchange& exchange, const Found& found) {
  std::vector<Json> tasks;
  for (std::size_t i = 0; i < found.page.size(); ++i)
    tasks.push_back(task_json(services, found.page[i], found.ends[i], {}, true));
  std::stable_sort(tasks.begin(), tasks.end(), took_longer);
  Json data;
  data["tasks"] = tasks;
  answer_linkis(exchange, data);
}

constexpr std::string_view kOpen = "Running,Inited,Scheduled";

void search_open(Services& services, ExchangePtr exchange, Answering answer) {
  auto wanted = read_wanted(*exchange, kOpen);
  if (!wanted) return exchange->refuse(wanted.error());
  const std::int64_t now = net::Loop::now().wall.us / 1000;
  if (exchange->request.query_value("startDate").empty()) wanted->from_ms = now - kDayMs;
  search(services, std::move(exchange), *std::move(wanted), false, answer);
}

}  // namespace

void show_task(Services& services, ExchangePtr exchange) {
  const auto task = find_task(services, *exchange, exchange->name);
  if (!task) return exchange->refuse(task.error());
  services.linkis->watch.heard_of(task->record.id);
  const auto snapshot = services.store.snapshot();
  if (!snapshot) return exchange->refuse(snapshot.error());
  const bool brief = exchange->request.query_value("brief") == "true";
  std::string code;
  if (!brief)
    if (const auto spec = services.specs.find(task->record.id)) code = (*spec)->script;
  Json data;
  data["task"] = task_json(services, *task, end_of(*snapshot, *task), code, brief);
  answer_linkis(*exchange, data);
}

void list_tasks(Services& services, ExchangePtr exchange) {
  auto wanted = read_wanted(*exchange, {});
  if (!wanted) return exchange->refuse(wanted.error());
  search(services, std::move(exchange), *std::move(wanted), false, answer_tasks);
}

void list_undone_tasks(Services& services, ExchangePtr exchange) {
  search_open(services, std::move(exchange), answer_tasks);
}
void count_undone(Services& services, ExchangePtr exchange) {
  search_open(services, std::move(exchange), answer_count);
}

void list_longest(Services& services, ExchangePtr exchange) {
  auto wanted = read_wanted(*exchange, {});
  if (!wanted) return exchange->refuse(wanted.error());
  search(services, std::move(exchange), *std::move(wanted), false, answer_longest);
}

void list_by_ids(Services& services, ExchangePtr exchange) {
  std::string_view rest = exchange->request.query_value("taskID");
  if (rest.empty())
    return exchange->refuse({Errc::BadInput, "which tasks?", "taskID=12,13", "taskID"});
  const auto snapshot = services.store.snapshot();
  if (!snapshot) return exchange->refuse(snapshot.error());
  Json data;
  data["jobHistoryList"] = Json::array();
  for (std::size_t count = 0; !rest.empty(); ++count) {
    if (count == kIdsMax)
      return exchange->refuse(
          {Errc::Limit, "more than 30 tasks", "ask in several calls", "taskID"});
    const std::size_t comma = rest.find(',');
    // What does not exist is left out, as it is in a list.
    if (const auto task = find_task(services, *exchange, rest.substr(0, comma)))
      data["jobHistoryList"].push_back(
          task_json(services, *task, end_of(*snapshot, *task), {}, true));
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  answer_linkis(*exchange, data);
}

void show_extra(Services& services, ExchangePtr exchange) {
  const auto task = find_task(services, *exchange, exchange->request.query_value("jobId"));
  if (!task) return exchange->refuse(task.error());
  const auto snapshot = services.store.snapshot();
  if (!snapshot) return exchange->refuse(snapshot.error());
  const Json row = task_json(services, *task, end_of(*snapshot, *task), {}, true);
  Json data;
  data["metricsMap"] = Json::parse(row["metrics"].get<std::string>(), nullptr, false);
  data["metricsMap"]["executionCode"] = "";
  if (const auto spec = services.specs.find(task->record.id))
    data["metricsMap"]["executionCode"] = (*spec)->script;
  data["metricsMap"]["runtime"] = std::to_string(row["costTime"].get<std::int64_t>());
  answer_linkis(*exchange, data);
}

// Why it waits, or how it ended: in Drover's words.
void diagnose(Services& services, ExchangePtr exchange) {
  const auto task = find_task(services, *exchange, exchange->request.query_value("taskID"));
  if (!task) return exchange->refuse(task.error());
  std::string text = "the task has " + std::string(to_string(task->record.state));
  const auto snapshot = services.store.snapshot();
  if (snapshot)
    if (const TaskEnd end = end_of(*snapshot, *task); !end.failure.empty()) text = end.failure;
  if (!sched::is_final(task->record.state))
    if (const auto why = services.controller.why(task->record.id, std::nullopt, net::Loop::now()))
      if (!why->text.empty()) text = why->text;
  Json data;
  data["diagnosisMsg"] = text;
  answer_linkis(*exchange, data);
}

void show_station_admin(Services&, ExchangePtr exchange) {
  Json data;
  data["admin"] = exchange->caller.is_operator;
  data["historyAdmin"] = exchange->caller.is_operator;
  data["deptAdmin"] = false;
  data["canResultSet"] = true;
  data["errorMsgTip"] = "";
  answer_linkis(*exchange, data);
}

namespace {

struct Tally {
  std::size_t all = 0, succeeded = 0, failed = 0, cancelled = 0;
  Result<void> result;
};

template <class Answer>
void tally(Services& services, ExchangePtr exchange, const Answer& answer) {
  auto wanted = read_wanted(*exchange, {});
  if (!wanted) return exchange->refuse(wanted.error());
  wanted->skip = SIZE_MAX;
  auto sums = std::make_shared<Tally>();
  const store::Store& store = services.store;
  const auto scan = std::size_t(services.config.page_scan);
  services.loop.offload(
      [sums, &store, wanted = *std::move(wanted), scan] {
        const auto snapshot = store.snapshot();
        if (!snapshot) return;
        std::size_t scanned = 0;
        sums->result = snapshot->visit_jobs(
            JobId{0}, false, [&](const sched::JobRecord& record, const sched::JobSpec& spec) {
              if (wanted.fits(record, spec)) {
                ++sums->all;
                sums->succeeded += record.state == sched::JobState::Succeeded;
                sums->cancelled += record.state == sched::JobState::Cancelled;
                sums->failed += record.state == sched::JobState::Failed ||
                                record.state == sched::JobState::TimedOut;
              }
              return ++scanned < scan;
            });
      },
      [exchange, sums, answer] {
        if (!sums->result) return exchange->refuse(sums->result.error());
        answer_linkis(*exchange, answer(*sums));
      });
}

}  // namespace

void count_tasks(Services& services, ExchangePtr exchange) {
  tally(services, std::move(exchange), [](const Tally& sums) {
    Json data;
    data["sumCount"] = sums.all;
    data["succeedCount"] = sums.succeeded;
    data["failedCount"] = sums.failed;
    data["cancelledCount"] = sums.cancelled;
    return data;
  });
}

// Engines are not counted by the jobs they served: each task had one.
void count_engines(Services& services, ExchangePtr exchange) {
  tally(services, std::move(exchange), [](const Tally& sums) {
    Json data;
    data["countEngine"] = sums.all;
    data["countEngineSucceed"] = sums.succeeded;
    data["countEngineFailed"] = sums.failed;
    data["countEngineShutting"] = sums.cancelled;
    return data;
  });
}

}  // namespace drover::server::api::linkis
