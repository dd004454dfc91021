// server/linkis_results.cpp - from a path to a task's stored results.
// SPDX-License-Identifier: Apache-2.0
#include "server/linkis_results.hpp"

#include <utility>

#include "server/linkis_answer.hpp"

namespace drover::server {
namespace {

using linkis::Json;
using Kind = linkis::ResultPath::Kind;

// Of one that is not there, and of somebody else's alike.
tl::unexpected<Error> no_such_path(const Caller& caller) {
  return fail(caller.is_operator ? Errc::NotFound : Errc::Denied, "there is no such path",
              "take it from resultLocation or logPath", "path");
}

StoredResult stored_result(const Json& item) {
  StoredResult result;
  result.type = linkis::result_type(linkis::text_of(item, "kind"));
  result.name = linkis::text_of(item, "name");
  result.file = linkis::text_of(item, "file");
  result.mime = linkis::text_of(item, "mime");
  if (const auto preview = item.find("preview"); preview != item.end() && preview->is_string())
    result.preview = preview->get<std::string>();
  result.rows = linkis::number_of(item, "rows", 0);
  result.bytes = linkis::number_of(item, "bytes", 0);
  if (const auto columns = item.find("columns"); columns != item.end() && columns->is_array())
    for (const Json& column : *columns)
      result.columns.push_back({linkis::text_of(column, "name"),
                                std::string(linkis::data_type(linkis::text_of(column, "type")))});
  return result;
}

StoredResult printed_result() {
  StoredResult result;
  result.type = linkis::ResultType::Text;
  result.is_log = true;
  return result;
}

// By index; a list that skips or repeats numbers was made by no engine of ours.
std::vector<StoredResult> stored_results(const Services& services, JobId job) {
  std::vector<StoredResult> found;
  const auto snapshot = services.store.snapshot();
  if (!snapshot) return found;
  const auto text = snapshot->results(job);
  if (!text || text->empty()) return found;
  const Json all = drover::linkis::parse_stored(*text);
  if (!all.is_object() || !all.contains("results") || !all["results"].is_array()) return found;
  for (const Json& item : all["results"]) {
    if (!item.is_object() || linkis::number_of(item, "index", -1) != std::int64_t(found.size()))
      break;
    found.push_back(stored_result(item));
  }
  return found;
}

}  // namespace

Result<LinkisPath> find_path(const Services& services, const Exchange& exchange,
                             std::string_view text) {
  auto path = linkis::parse_path(text);
  if (!path && path.error().code == Errc::NotFound) return no_such_path(exchange.caller);
  if (!path) return fail(path.error());
  LinkisPath found;
  found.path = *std::move(path);
  if (found.path.kind == Kind::Home) {
    if (found.path.user != exchange.caller.user) return no_such_path(exchange.caller);
    return found;
  }
  auto task = find_task(services, exchange, std::to_string(found.path.task));
  if (!task) {
    const Errc code = task.error().code;
    if (code == Errc::NotFound || code == Errc::Denied || code == Errc::BadInput)
      return no_such_path(exchange.caller);
    return fail(task.error());
  }
  if (task->spec.user != found.path.user) return no_such_path(exchange.caller);
  found.results = stored_results(services, task->record.id);
  if (found.results.empty() && has_printed_result(*task)) found.results = {printed_result()};
  found.task = *std::move(task);
  if (found.path.kind == Kind::Result && found.path.index >= found.results.size())
    return no_such_path(exchange.caller);
  return found;
}

int file_code(const Error& error) {
  if (error.field == "path") return error.code == Errc::BadInput ? 80004 : 80010;
  if (error.field == "pageSize") return 80034;
  if (error.field == "columnPage" || error.field == "columnPageSize") return 80036;
  if (error.code == Errc::NotFound || error.code == Errc::Denied) return 80010;
  if (error.code == Errc::Limit) return 80032;
  return error.code == Errc::Unsupported ? 80015 : 80012;
}

void refuse_file(const Exchange& exchange, const Error& error) {
  refuse_with(exchange, error, file_code(error));
}

Result<std::shared_ptr<ResultRows>> open_rows(Services& services, const LinkisTask& task,
                                              const StoredResult& result, std::int64_t first) {
  if (services.streams >= std::size_t(services.config.streams))
    return fail(Errc::Unavailable, "too many logs are being read", "try again in a moment");
  auto place = result_place(services, task.spec, task.record.id);
  if (!place) return fail(place.error());
  return std::make_shared<ResultRows>(services, sched::files_owner(task.spec), *std::move(place),
                                      result, first);
}

}  // namespace drover::server
