// server/api_linkis_history.cpp - jobhistory/...: tasks of now and of the past, one or many.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "linkis/engine_name.hpp"
#include "linkis/export_name.hpp"
#include "linkis/state_name.hpp"
#include "server/advice.hpp"
#include "server/api_linkis.hpp"
#include "server/linkis_answer.hpp"
#include "server/linkis_desk.hpp"
#include "server/linkis_tasks.hpp"
#include "server/sheet_file.hpp"
#include "server/task_sheet.hpp"

namespace drover::server::api::linkis {
namespace {

using drover::linkis::Json;

constexpr std::int64_t kPageUsual = 20, kPageMax = 1'000, kDayMs = 86'400'000;
constexpr std::size_t kIdsMax = 30, kDownloadMax = 10'000;
constexpr std::size_t kCodeMax = 4'096;     // bytes of a list's executionCode
constexpr std::size_t kTextsMax = 8 << 20;  // of a list
constexpr std::size_t kCodesReadMax = 64 << 20;

struct Wanted {
  std::int64_t from_ms = 0, until_ms = INT64_MAX;
  std::uint64_t task = 0;  // 0 = any
  bool in_any_state = true;
  std::vector<sched::JobState> states;  // unless in_any_state
  std::string application, creator, user, run_type, engine_instance;
  bool elsewhere = false;  // of another gateway's tasks: none are here
  std::uint32_t uid = 0;
  bool everybody = false;
  std::size_t skip = 0, take = 0;
  bool longest_first = false;  // else the newest

  bool only_open() const {
    return !in_any_state && std::ranges::none_of(states, [](auto s) { return sched::is_final(s); });
  }

  bool fits(const sched::JobRecord& record, const sched::JobSpec& spec) const {
    if (!spec.statement || (!everybody && spec.owner.uid != uid)) return false;
    const std::int64_t at = record.submitted.us / 1000;
    if (at < from_ms || at > until_ms) return false;
    if (!in_any_state && std::ranges::find(states, record.state) == states.end()) return false;
    if (!user.empty() && spec.user != user) return false;
    if (!run_type.empty() && spec.statement->language != run_type) return false;
    if (!application.empty() && spec.statement->engine != application) return false;
    if (creator.empty()) return true;
    const auto label = spec.labels.find("creator");
    return label != spec.labels.end() && label->second == creator;
  }
};

bool ran_where_wanted(const store::Snapshot& snapshot, const Wanted& wanted, JobId id) {
  if (wanted.engine_instance.empty()) return true;
  const auto run = snapshot.task({id, TaskIndex{0}});
  const auto [name, job] = drover::linkis::parse_instance(wanted.engine_instance);
  return run && *run && (*run)->node == name && (job == 0 || raw((*run)->host) == job);
}

// Those that fit, the newest first. Counting needs all of them: at most `scan` jobs are looked at.
template <class Take>
Result<void> visit(const store::Snapshot& snapshot, const Wanted& wanted, std::size_t scan,
                   const Take& take) {
  if (wanted.elsewhere || (!wanted.in_any_state && wanted.states.empty())) return {};
  if (wanted.task != 0) {  // however old it is
    const JobId id{wanted.task};
    const auto spec = snapshot.spec(id, false);
    const auto record = snapshot.job(id);
    if (!spec && spec.error().code != Errc::NotFound) return fail(spec.error());
    if (!record && record.error().code != Errc::NotFound) return fail(record.error());
    if (spec && record && wanted.fits(*record, *spec) && ran_where_wanted(snapshot, wanted, id))
      take(*record, *spec);
    return {};
  }
  std::size_t scanned = 0;
  const auto see = [&](const sched::JobRecord& record, const sched::JobSpec& spec) {
    if (wanted.fits(record, spec) && ran_where_wanted(snapshot, wanted, record.id))
      take(record, spec);
    return ++scanned < scan;
  };
  if (wanted.everybody || wanted.only_open())
    return snapshot.visit_jobs(JobId{0}, wanted.only_open(), see);
  return snapshot.visit_statements(wanted.uid, JobId{0}, see);
}

// A page is held in memory as a whole, so that its texts are bounded: code is cut, and the rows
// after kTextsMax have neither code nor what was sent along with it.
struct Found {
  std::size_t total = 0;
  std::vector<LinkisTask> page;
  std::vector<std::string> codes;  // of the page, as the ends
  std::vector<TaskEnd> ends;
  std::vector<double> progress;
  Result<void> result;

  void read(const store::Store& store, const Wanted& wanted, std::size_t scan) {
    const auto snapshot = store.snapshot();
    if (!snapshot) {
      result = fail(snapshot.error());
      return;
    }
    if (wanted.longest_first)
      take_longest(*snapshot, wanted, scan);
    else
      result = visit(*snapshot, wanted, scan, [&](const auto& record, const auto& spec) {
        if (total++ >= wanted.skip && page.size() < wanted.take) add(record, spec);
      });
    std::size_t read = 0;
    for (LinkisTask& task : page) {
      set_engine(*snapshot, task);
      ends.push_back(end_of(*snapshot, task));
      std::string& code = codes.emplace_back();
      if (texts_ > kTextsMax || read > kCodesReadMax) continue;
      auto whole = snapshot->spec(task.record.id, true);
      if (!whole) continue;
      read += whole->script.size();
      cut(whole->script, kCodeMax);
      code = whole->script;  // a copy: the rest of it goes
      texts_ += code.size();
    }
  }

 private:
  void add(const sched::JobRecord& record, const sched::JobSpec& spec) {
    page.push_back({record, spec, {}, {}, {}});
    std::string& origin = page.back().spec.statement->origin;
    texts_ += origin.size();
    if (texts_ > kTextsMax) origin = {};
  }

  // Of all that fit, not of the newest alone: as many as the page ends with are remembered, by
  // their numbers. Of two that took as long the newer one is first.
  void take_longest(const store::Snapshot& snapshot, const Wanted& wanted, std::size_t scan) {
    const std::size_t most = wanted.skip + wanted.take;
    const Time now = net::Loop::now().wall;
    std::set<std::pair<Duration, JobId>> longest;
    result = visit(snapshot, wanted, scan, [&](const auto& record, const auto&) {
      ++total;
      longest.emplace(cost_of(record, now), record.id);
      if (longest.size() > most) longest.erase(longest.begin());
    });
    std::size_t at = 0;
    for (auto one = longest.rbegin(); result && one != longest.rend(); ++one) {
      if (at++ < wanted.skip) continue;
      const auto record = snapshot.job(one->second);
      const auto spec = snapshot.spec(one->second, false);
      if (record && spec) add(*record, *spec);
    }
  }

  std::size_t texts_ = 0;
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

enum class View { AsAsked, Widest };  // an operator's: his own, unless he asks for all, or all

Result<Wanted> read_wanted(Services& services, const Exchange& exchange,
                           std::string_view usual_states, View view = View::AsAsked) {
  Wanted wanted;
  std::string states = query_text(exchange, "status");
  if (states.empty()) states = usual_states;
  auto parsed = drover::linkis::parse_states(states);
  if (!parsed) return fail(parsed.error());
  wanted.states = *std::move(parsed);
  // A state of the contract that no task is ever in is not the same as no word at all.
  wanted.in_any_state = wanted.states.empty() && states.find_first_not_of(',') == std::string::npos;
  wanted.from_ms = query_number(exchange, "startDate", 0);
  wanted.until_ms = query_number(exchange, "endDate", INT64_MAX);
  wanted.task = std::uint64_t(std::max<std::int64_t>(query_number(exchange, "taskID", 0), 0));
  wanted.application = query_text(exchange, "executeApplicationName");
  if (wanted.application.empty()) wanted.application = query_text(exchange, "engineType");
  wanted.creator = query_text(exchange, "creator");
  wanted.engine_instance = query_text(exchange, "engineInstance");
  wanted.run_type = query_text(exchange, "runType");
  wanted.uid = exchange.caller.uid;
  const std::string instance = query_text(exchange, "instance");
  wanted.elsewhere = !instance.empty() && instance != services.linkis->instance();
  wanted.everybody =
      exchange.caller.is_operator &&
      (view == View::Widest || exchange.request.query_value("isAdminView") == "true");
  if (wanted.everybody) wanted.user = query_text(exchange, "proxyUser");
  // One user's are found by the index; a name that is none any more by looking at all.
  if (!wanted.user.empty())
    if (const auto account = services.users.find(wanted.user)) {
      wanted.uid = account->uid;
      wanted.everybody = false;
    }
  const std::int64_t page =
      std::clamp<std::int64_t>(query_number(exchange, "pageNow", 1), 1, 1 << 20);
  wanted.take = std::size_t(
      std::clamp<std::int64_t>(query_number(exchange, "pageSize", kPageUsual), 1, kPageMax));
  wanted.skip = std::size_t(page - 1) * wanted.take;
  return wanted;
}

using Answering = Json (*)(const std::string& instance, const Found&);
using Writing = std::function<net::HttpResponse(const Exchange&, const Found&)>;  // on the pool

// Only progress and engines are of the loop: looking and writing may take long.
void search(Services& services, ExchangePtr exchange, Wanted wanted, Writing write_it) {
  auto found = std::make_shared<Found>();
  const store::Store& store = services.store;
  const auto scan = std::size_t(services.config.page_scan);
  const auto write = [&services, exchange, found, write_it = std::move(write_it)] {
    if (!found->result) return exchange->refuse(found->result.error());
    for (std::size_t i = 0; i < found->page.size(); ++i) {
      LinkisTask& task = found->page[i];
      task.prints_result = prints_result(services, task.spec);
      if (found->ends[i].results == 0 && has_printed_result(task)) found->ends[i].results = 1;
      found->progress.push_back(progress_of(services, task));
    }
    auto response = std::make_shared<net::HttpResponse>();
    services.loop.offload(
        [exchange, found, write_it, response] { *response = write_it(*exchange, *found); },
        [exchange, response] { exchange->answer->send(std::move(*response)); });
  };
  services.loop.offload(
      [found, &store, wanted = std::move(wanted), scan] { found->read(store, wanted, scan); },
      write);
}

void search(Services& services, ExchangePtr exchange, Wanted wanted, Answering data_of) {
  search(
      services, std::move(exchange), std::move(wanted),
      [data_of, instance = services.linkis->instance()](const Exchange& asked, const Found& found) {
        return linkis_response(asked.linkis, drover::linkis::Status::Ok, "OK",
                               data_of(instance, found));
      });
}

Json row_of(const std::string& instance, const Found& found, std::size_t i) {
  return task_json(instance, found.progress[i], found.page[i], found.ends[i], found.codes[i],
                   false);
}

// totalPage is the number of rows, as in the original.
Json tasks_data(const std::string& instance, const Found& found) {
  Json data;
  data["tasks"] = Json::array();
  for (std::size_t i = 0; i < found.page.size(); ++i)
    data["tasks"].push_back(row_of(instance, found, i));
  data["totalPage"] = found.total;
  return data;
}

Json count_data(const std::string&, const Found& found) {
  Json data;
  data["totalPage"] = found.total;
  return data;
}

// At most so many are remembered while all are looked at.
constexpr std::size_t kLongestMax = 10'000;

Json longest_data(const std::string& instance, const Found& found) {
  Json data;
  data["tasks"] = Json::array();
  for (std::size_t i = 0; i < found.page.size(); ++i)
    data["tasks"].push_back(task_json(instance, found.progress[i], found.page[i], found.ends[i],
                                      found.codes[i], false));
  return data;
}

constexpr std::string_view kOpen = "Running,Inited,Scheduled";

void search_open(Services& services, ExchangePtr exchange, Answering data_of) {
  auto wanted = read_wanted(services, *exchange, kOpen);
  if (!wanted) return exchange->refuse(wanted.error());
  const std::int64_t now = net::Loop::now().wall.us / 1000;
  if (exchange->request.query_value("startDate").empty()) wanted->from_ms = now - kDayMs;
  search(services, std::move(exchange), *std::move(wanted), data_of);
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
  auto wanted = read_wanted(services, *exchange, {});
  if (!wanted) return exchange->refuse(wanted.error());
  search(services, std::move(exchange), *std::move(wanted), tasks_data);
}

void list_undone_tasks(Services& services, ExchangePtr exchange) {
  search_open(services, std::move(exchange), tasks_data);
}
void count_undone(Services& services, ExchangePtr exchange) {
  search_open(services, std::move(exchange), count_data);
}

void list_longest(Services& services, ExchangePtr exchange) {
  auto wanted = read_wanted(services, *exchange, {}, View::Widest);
  if (!wanted) return exchange->refuse(wanted.error());
  if (wanted->skip + wanted->take > kLongestMax)
    return exchange->refuse({Errc::Limit, "only the 10,000 longest can be listed",
                             "a smaller pageNow, or narrower dates", "pageNow"});
  wanted->longest_first = true;
  search(services, std::move(exchange), *std::move(wanted), longest_data);
}

// The newest that fit, whatever page is asked for.
void download_tasks(Services& services, ExchangePtr exchange) {
  auto wanted = read_wanted(services, *exchange, {});
  if (!wanted) return exchange->refuse(wanted.error());
  wanted->skip = 0;
  wanted->take = kDownloadMax;
  auto permit = services.linkis->large_answer();
  auto share = services.linkis->workbook(exchange->caller.uid);
  if (!permit || !share)
    return exchange->refuse(
        {Errc::Unavailable, "too many exports are being made", "try again in a moment", ""});
  const auto write = [permit, share, instance = services.linkis->instance(),
                      directory = services.linkis->exports()](const Exchange& asked,
                                                              const Found& found) {
    const bool is_english = asked.request.header("content-language").starts_with("en");
    auto bytes = write_task_sheet({directory, is_english, found.page.size(),
                                   [&](std::size_t i) { return row_of(instance, found, i); }});
    if (!bytes) return linkis_problem(asked.linkis, bytes.error());
    net::HttpResponse response;
    response.content_type = kWorkbook;
    response.headers.emplace_back(
        "Content-Disposition", drover::linkis::attachment(asked.caller.user + "_history", "xlsx"));
    response.body = *std::move(bytes);
    return response;
  };
  search(services, std::move(exchange), *std::move(wanted), Writing(write));
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
  if (!sched::is_final(task->record.state)) {
    const auto why = services.controller.why(task->record.id, std::nullopt, net::Loop::now());
    if (why && !why->text.empty()) text = why->text;
    for (const auto& advice : advice_on(services, task->record.id, task->spec, std::nullopt))
      text += "; " + advice.text + " (" + advice.hint + ")";
  }
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
  auto wanted = read_wanted(services, *exchange, {}, View::Widest);
  if (!wanted) return exchange->refuse(wanted.error());
  auto sums = std::make_shared<Tally>();
  const store::Store& store = services.store;
  const auto scan = std::size_t(services.config.page_scan);
  services.loop.offload(
      [sums, &store, wanted = *std::move(wanted), scan] {
        const auto snapshot = store.snapshot();
        if (!snapshot) {
          sums->result = fail(snapshot.error());
          return;
        }
        const auto take = [&](const sched::JobRecord& record, const sched::JobSpec&) {
          ++sums->all;
          sums->succeeded += record.state == sched::JobState::Succeeded;
          sums->cancelled += record.state == sched::JobState::Cancelled;
          sums->failed +=
              record.state == sched::JobState::Failed || record.state == sched::JobState::TimedOut;
        };
        sums->result = visit(*snapshot, wanted, scan, take);
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
