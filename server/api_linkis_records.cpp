// server/api_linkis_records.cpp - linkisManager/ecinfo: records of engines, also of ended ones.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <ctime>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "server/api_linkis.hpp"
#include "server/linkis_answer.hpp"
#include "server/linkis_engines.hpp"

namespace drover::server::api::linkis {
namespace {

using drover::linkis::Json;

std::string status_word(const LinkisEngine& engine) { return std::string(node_status(engine)); }

Json record_of(const sched::JobRecord& job, const LinkisEngine& engine) {
  const auto millis_or_null = [](Time at) {
    return at.is_set() ? Json(at.us / 1000) : Json(nullptr);
  };
  const Json held = load_resource(1, engine.mem_mib, engine.cpus), none = load_resource(0, 0, 0);
  Json record;
  record["id"] = raw(job.id);
  record["labelValue"] = engine.view.user + "-*," + engine.view.type + "-" + engine.version;
  record["createUser"] = engine.view.user;
  record["engineType"] = engine.view.type;
  record["serviceInstance"] = engine.instance();
  record["ticketId"] = std::to_string(raw(job.id));
  record["ecmInstance"] = engine.node;
  record["requestTimes"] = 1;
  record["requestResource"] = held;
  record["usedTimes"] = job.started.is_set() ? 1 : 0;
  record["usedResource"] = job.started.is_set() ? held : none;
  record["releaseTimes"] = job.ended.is_set() ? 1 : 0;
  record["releasedResource"] = job.ended.is_set() ? held : none;
  record["usedTime"] = millis_or_null(job.started);
  record["releaseTime"] = millis_or_null(job.ended);
  record["createTime"] = millis_or_null(job.submitted);
  record["status"] = status_word(engine);
  record["logDirSuffix"] = drover::linkis::engine_log_folder(std::to_string(raw(job.id)));
  record["metrics"] = "{}";
  return record;
}

// A record by itself has its amounts as texts, or null.
void make_texts(Json& record, const sched::JobRecord& job, const LinkisEngine& engine) {
  const auto text_or_null = [&](bool is_there) {
    return is_there ? Json(resource_text(1, engine.mem_mib, engine.cpus)) : Json(nullptr);
  };
  record["requestResource"] = text_or_null(true);
  record["usedResource"] = text_or_null(job.started.is_set());
  record["releasedResource"] = text_or_null(job.ended.is_set());
}

// "2026-12-24 08:00:00" in the time zone of the server, or milliseconds. Else none: what is no
// date filters nothing.
std::optional<std::int64_t> millis_of(std::string_view date) {
  if (const auto number = parse_integer(date, 0, INT64_MAX, "date")) return *number;
  const std::string text(date);
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%d %H:%M:%S", &parts);
  if (end != text.data() + text.size()) return std::nullopt;
  parts.tm_isdst = -1;
  return std::int64_t(std::mktime(&parts)) * 1000;
}

struct RecordFilter {
  drover::linkis::EngineName instance;
  std::string engine_type, status, user;
  std::int64_t from_ms = 0, until_ms = INT64_MAX;
};

// A page of records, the newest first; at most `scan` jobs are looked at.
struct RecordPage {
  RecordFilter filter;
  Caller caller;
  EngineBook book;
  std::int64_t scan = 0;
  std::size_t skip = 0, take = 0;
  Result<net::HttpResponse> response;

  bool fits(const sched::JobRecord& job, const sched::JobSpec& spec) const {
    const std::int64_t created = job.submitted.us / 1000;
    return spec.engine && (caller.is_operator || spec.owner.uid == caller.uid) &&
           created >= filter.from_ms && created <= filter.until_ms &&
           (filter.instance.name.empty() || spec.engine->name == filter.instance.name) &&
           (filter.instance.job == 0 || raw(job.id) == filter.instance.job) &&
           (filter.engine_type.empty() || spec.engine->type == filter.engine_type) &&
           (filter.user.empty() || spec.user == filter.user);
  }

  // Any thread: there may be many jobs, and rows.
  Result<Json> read(const store::Store& store) const {
    const auto snapshot = store.snapshot();
    if (!snapshot) return fail(snapshot.error());
    std::vector<std::pair<sched::JobRecord, LinkisEngine>> found;
    std::size_t total = 0;
    std::int64_t looked_at = 0;
    // One that is named by its number is found however old it is.
    const std::uint64_t one = filter.instance.job;
    const std::int64_t most = one != 0 ? 1 : scan;
    const auto good =
        snapshot->visit_jobs(JobId{one != 0 ? one + 1 : 0}, false,
                             [&](const sched::JobRecord& job, const sched::JobSpec& spec) {
                               if (fits(job, spec)) {
                                 LinkisEngine engine = engine_of(book, job, spec);
                                 if (filter.status.empty() || status_word(engine) == filter.status)
                                   if (total++ >= skip && found.size() < take)
                                     found.emplace_back(job, std::move(engine));
                               }
                               return ++looked_at < most;
                             });
    if (!good) return fail(good.error());
    Json data;
    data["engineList"] = Json::array();
    for (auto& [job, engine] : found) {
      if (const auto run = snapshot->task({job.id, TaskIndex{0}}); run && *run)
        engine.node = (*run)->node;
      data["engineList"].push_back(record_of(job, engine));
    }
    data["totalPage"] = total;
    return data;
  }
};

}  // namespace

void show_engine_record(Services& services, ExchangePtr exchange) {
  const std::string_view ticket = exchange->request.query_value("ticketid");
  const auto engine = find_engine(services, *exchange, "", ticket.empty() ? "0" : ticket);
  if (!engine) return exchange->refuse(engine.error());
  const auto snapshot = services.store.snapshot();
  if (!snapshot) return exchange->refuse(snapshot.error());
  const auto job = snapshot->job(engine->view.job);
  if (!job) return exchange->refuse(job.error());
  Json data;
  data["ecResourceInfoRecord"] = record_of(*job, *engine);
  make_texts(data["ecResourceInfoRecord"], *job, *engine);
  answer_linkis(*exchange, data);
}

void list_engine_records(Services& services, ExchangePtr exchange) {
  const net::HttpRequest& request = exchange->request;
  const auto page = exchange->number("pageNow", 1, 1'000'000, 1);
  const auto size = exchange->number("pageSize", 1, 1'000, 20);
  if (!page) return exchange->refuse(page.error());
  if (!size) return exchange->refuse(size.error());
  auto records = std::make_shared<RecordPage>();
  RecordFilter& filter = records->filter;
  filter.instance = drover::linkis::parse_instance(request.query_value("instance"));
  filter.engine_type = request.query_value("engineType");
  filter.engine_type.resize(std::min(filter.engine_type.find('-'), filter.engine_type.size()));
  filter.status = request.query_value("status");
  filter.user = request.query_value("creator");
  filter.from_ms = millis_of(request.query_value("startDate")).value_or(0);
  const std::string_view until = request.query_value("endDate");
  filter.until_ms = millis_of(until).value_or(INT64_MAX);
  // A text says the second, all of which is meant.
  if (until.find(':') != until.npos && filter.until_ms < INT64_MAX) filter.until_ms += 999;
  records->caller = exchange->caller;
  records->book = engine_book(services);
  records->scan = services.config.page_scan;
  records->skip = std::size_t(*page - 1) * std::size_t(*size);
  records->take = std::size_t(*size);
  const store::Store& store = services.store;
  services.loop.offload(
      [records, exchange, &store] {
        const auto data = records->read(store);
        if (data)
          records->response =
              linkis_response(exchange->linkis, drover::linkis::Status::Ok, "OK", *data);
        else
          records->response = fail(data.error());
      },
      [records, exchange] {
        if (!records->response) return exchange->refuse(records->response.error());
        exchange->answer->send(*std::move(records->response));
      });
}

void list_open_records(Services& services, ExchangePtr exchange) {
  const auto body = linkis_body(*exchange);
  if (!body) return exchange->refuse(body.error());
  Json rows = Json::array();
  for (const LinkisEngine& engine : engines_for(services, *exchange))
    rows.push_back(engine_row(engine));
  Json data;
  data["ecList"] = std::move(rows);
  answer_linkis(*exchange, data);
}

void refuse_record_removal(Services&, ExchangePtr exchange) {
  exchange->refuse({Errc::Unsupported, "records of engines are kept as those of jobs are",
                    "retention.* says how long", ""});
}

}  // namespace drover::server::api::linkis
