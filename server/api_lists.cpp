// server/api_lists.cpp - pages of jobs and tasks, scanned on the pool by a bounded amount.
// SPDX-License-Identifier: Apache-2.0
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "server/api.hpp"
#include "server/job_filter.hpp"
#include "server/job_rows.hpp"

namespace drover::server::api {
namespace {

struct Page {
  JobFilter filter;
  JobId before{};
  std::size_t limit = 0, scan = 0;
  std::vector<std::string> group_by;

  std::vector<JobRow> rows;
  std::optional<JobId> next;
  Result<void> result;

  void read(const store::Store& store) {
    auto snapshot = store.snapshot();
    if (!snapshot) {
      result = fail(snapshot.error());
      return;
    }
    if (filter.ids && filter.ids->count() <= scan)
      read_named(*snapshot);
    else
      read_scan(*snapshot);
    for (JobRow& row : rows) fill_node(*snapshot, row);
  }

 private:
  void read_scan(const store::Snapshot& snapshot) {
    std::size_t scanned = 0;
    result = snapshot.visit_jobs(before, filter.only_open(),
                                 [&](const sched::JobRecord& record, const sched::JobSpec& spec) {
                                   if (filter.fits(record, spec, group_by))
                                     rows.push_back({record, spec, {}});
                                   if (rows.size() < limit && ++scanned < scan) return true;
                                   next = record.id;
                                   return false;
                                 });
  }
  void read_named(const store::Snapshot& snapshot) {
    std::vector<std::uint32_t> ids;
    for (auto id = filter.ids->first(); id; id = filter.ids->next_after(*id))
      if (raw(before) == 0 || *id < raw(before)) ids.push_back(*id);
    for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
      auto record = snapshot.job(JobId{*id});
      auto spec =
          record ? snapshot.spec(JobId{*id}, false) : Result<sched::JobSpec>(fail(record.error()));
      if (!spec && spec.error().code != Errc::NotFound) {
        result = fail(spec.error());
        return;
      }
      if (!spec || !filter.fits(*record, *spec, group_by)) continue;
      rows.push_back({std::move(*record), std::move(*spec), {}});
      if (rows.size() < limit) continue;
      if (std::next(id) != ids.rend()) next = JobId{*id};
      return;
    }
  }
};

void answer_page(const Services& services, const Exchange& exchange, const Page& page) {
  if (!page.result) return exchange.refuse(page.result.error());
  const Time now = net::Loop::now().wall;
  std::string body;
  body.reserve(page.rows.size() * 600 + 64);
  JsonWriter out(body);
  out.begin_object();
  out.field("v", 1);
  out.key("jobs");
  out.begin_array();
  for (const JobRow& row : page.rows) {
    const auto why = why_waiting(services, row);
    append_job(out, {row, services.config.group_by, now, why ? &*why : nullptr});
  }
  out.end_array();
  if (page.next)
    out.field("next", std::to_string(raw(*page.next)));
  else
    out.null_field("next");
  out.end_object();
  exchange.json(std::move(body));
}

struct TaskPage {
  std::uint32_t from = 0;
  std::size_t limit = 0, scan = 0;
  std::optional<sched::TaskState> state;
  std::vector<sched::TaskRecord> tasks;
  std::optional<std::uint32_t> next;
  Result<void> result;

  void read(const store::Store& store, JobId job) {
    auto snapshot = store.snapshot();
    if (!snapshot) {
      result = fail(snapshot.error());
      return;
    }
    for (std::size_t scanned = 0; scanned < scan && !next;) {
      auto batch = snapshot->tasks(job, from, 1000);
      if (!batch) {
        result = fail(batch.error());
        return;
      }
      for (sched::TaskRecord& task : *batch) {
        if (tasks.size() >= limit) {
          next = raw(task.id.index);
          return;
        }
        from = raw(task.id.index) + 1;
        ++scanned;
        if (!state || task.state == *state) tasks.push_back(std::move(task));
      }
      if (batch->size() < 1000) return;
    }
    next = from;
  }
};

}  // namespace

void list_jobs(Services& services, ExchangePtr exchange) {
  auto filter = read_filter(*exchange);
  if (!filter) return exchange->refuse(filter.error());
  const auto limit = exchange->number("limit", 1, 1000, 100);
  if (!limit) return exchange->refuse(limit.error());
  const auto before = exchange->number("cursor", 0, INT64_MAX, 0);
  if (!before) return exchange->refuse(before.error());
  auto page = std::make_shared<Page>();
  page->filter = std::move(*filter);
  page->limit = std::size_t(*limit);
  page->before = JobId(std::uint64_t(*before));
  page->scan = std::size_t(services.config.page_scan);
  page->group_by = services.config.group_by;
  const store::Store& store = services.store;
  services.loop.offload([page, &store] { page->read(store); },
                        [page, exchange, &services] { answer_page(services, *exchange, *page); });
}

void list_tasks(Services& services, ExchangePtr exchange) {
  const auto from = exchange->number("from", 0, UINT32_MAX, 0);
  if (!from) return exchange->refuse(from.error());
  const auto limit = exchange->number("limit", 1, 1000, 100);
  if (!limit) return exchange->refuse(limit.error());
  auto page = std::make_shared<TaskPage>();
  page->from = std::uint32_t(*from);
  page->limit = std::size_t(*limit);
  page->scan = std::size_t(services.config.page_scan);
  if (const std::string_view word = exchange->request.query_value("state"); !word.empty()) {
    page->state = sched::task_state_from(word);
    if (!page->state)
      return exchange->refuse(
          {Errc::BadInput, "unknown state " + std::string(word.substr(0, 60)),
           "waiting, placed, running, suspended, ending, succeeded, failed, cancelled or timed_out",
           "state"});
  }
  const store::Store& store = services.store;
  services.loop.offload([page, exchange, &store] { page->read(store, exchange->job); },
                        [page, exchange] {
                          if (!page->result) return exchange->refuse(page->result.error());
                          const Time now = net::Loop::now().wall;
                          std::string body;
                          JsonWriter out(body);
                          out.begin_object();
                          out.field("v", 1);
                          out.key("tasks");
                          out.begin_array();
                          for (const auto& task : page->tasks)
                            append_task(out, *exchange->spec, task, now);
                          out.end_array();
                          if (page->next)
                            out.field("next", *page->next);
                          else
                            out.null_field("next");
                          out.end_object();
                          exchange->json(std::move(body));
                        });
}

}  // namespace drover::server::api
