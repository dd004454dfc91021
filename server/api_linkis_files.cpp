// server/api_linkis_files.cpp - filesystem: what there is at a path. Nothing is written there.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>

#include "server/api_linkis.hpp"
#include "server/linkis_answer.hpp"
#include "server/linkis_results.hpp"

namespace drover::server::api::linkis {
namespace {

using drover::linkis::Json;
using Kind = drover::linkis::ResultPath::Kind;

std::string name_in(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// Sizes and times are texts, as the original has them.
Json leaf(const std::string& path, std::int64_t bytes, Time modified) {
  Json node;
  node["name"] = name_in(path);
  node["path"] = path;
  node["isLeaf"] = true;
  node["properties"]["size"] = std::to_string(bytes);
  node["properties"]["modifytime"] = std::to_string(modified.us / 1000);
  node["parentPath"] = folder_of(path);
  return node;
}

std::int64_t bytes_of(const StoredResult& result) {
  return result.has_file() ? result.bytes : std::int64_t(result.preview.size());
}

Json tree_of(const LinkisPath& found) {
  const std::string path = to_text(found.path);
  Json tree;
  if (found.path.kind == Kind::Log) return leaf(path, 0, found.task->record.ended);
  if (found.path.kind == Kind::Result)
    return leaf(path, bytes_of(found.result()), found.task->record.ended);
  tree["name"] = name_in(path);
  tree["path"] = path;
  Json children = Json::array();
  for (std::uint32_t i = 0; i < found.results.size(); ++i)
    children.push_back(leaf(drover::linkis::result_path(found.path.user, found.path.task, i),
                            bytes_of(found.results[i]), found.task->record.ended));
  tree["children"] = std::move(children);
  return tree;
}

// Clients list the results of every task, and one without results has an empty resultLocation:
// what is at "path=" is nothing. Without any path it is an error, as everywhere.
bool asks_for_nothing(const net::HttpRequest& request) {
  return std::ranges::any_of(request.query, [](const auto& parameter) {
    return parameter.first == "path" && parameter.second.empty();
  });
}

}  // namespace

void show_file_tree(Services& services, ExchangePtr exchange) {
  Json data;
  data["dirFileTrees"] = nullptr;
  if (asks_for_nothing(exchange->request)) return answer_linkis(*exchange, data);
  const auto found = find_path(services, *exchange, exchange->request.query_value("path"));
  if (!found) return refuse_file(*exchange, found.error());
  // A folder comes to be with the first thing in it: until then the original answers null, too.
  if (found->path.kind != Kind::Results || !found->results.empty())
    data["dirFileTrees"] = tree_of(*found);
  answer_linkis(*exchange, data);
}

void show_is_exist(Services& services, ExchangePtr exchange) {
  const auto found = find_path(services, *exchange, exchange->request.query_value("path"));
  const bool is_none =
      !found && (found.error().code == Errc::NotFound || found.error().code == Errc::Denied);
  if (!found && !is_none) return refuse_file(*exchange, found.error());
  Json data;
  data["isExist"] = found.has_value();
  answer_linkis(*exchange, data);
}

// Rows are known of tables alone: of the others nobody has counted lines yet.
void show_file_info(Services& services, ExchangePtr exchange) {
  const auto found = find_path(services, *exchange, exchange->request.query_value("path"));
  if (!found) return refuse_file(*exchange, found.error());
  if (found->path.kind != Kind::Result)
    return refuse_file(*exchange, {Errc::Unsupported, "only of a result set there is more to know",
                                   "a path that ends in .dolphin", ""});
  const StoredResult& result = found->result();
  Json data;
  data["path"] = to_text(found->path);
  data["type"] = std::to_string(int(result.type));
  data["colNumber"] = result.columns.empty() ? 1 : std::int64_t(result.columns.size());
  data["rowNumber"] =
      result.type == drover::linkis::ResultType::Table ? Json(result.rows) : Json(nullptr);
  data["size"] = bytes_of(result);
  answer_linkis(*exchange, data);
}

// Whatever storage a client asks for, there is one home.
void show_root_path(Services&, ExchangePtr exchange) {
  const std::string_view kind = exchange->request.query_value("pathType");
  const char* const name = kind == "file"                 ? "userLocalRootPath"
                           : kind == "s3" || kind == "S3" ? "userS3RootPath"
                                                          : "userHDFSRootPath";
  drover::linkis::ResultPath home;
  home.user = exchange->caller.user;
  Json data;
  data[name] = to_text(home);
  answer_linkis(*exchange, data);
}

void refuse_to_write(Services&, ExchangePtr exchange) {
  const std::string name = name_in(exchange->request.path);
  refuse_file(*exchange, {Errc::Unsupported,
                          name + " is not served: Drover keeps results and logs of tasks, "
                                 "and no files of users",
                          "send code with entrance/submit; write files from the code", "path"});
}

}  // namespace drover::server::api::linkis
