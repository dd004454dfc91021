// cli/group.cpp - `drover group ls`, and limits of single groups.
// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "base/units.hpp"
#include "cli/command.hpp"

namespace drover::cli {
namespace {

Column column(std::string_view title, std::string_view path, bool right = true) {
  Column made{title, path};
  made.right = right;
  return made;
}

// A limit of 0 is none.
std::string show_limit(const Json& row, std::string_view path) {
  const std::int64_t limit = number_of(row, path);
  return limit > 0 ? std::to_string(limit) : "none";
}

Result<int> run_groups(Context& context) {
  const Result<bool> words = context.at_most_words(0);
  if (!words) return fail(words.error());
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  std::vector<Json> groups;
  for (;;) {
    const Result<Json> answer =
        (*api)->read("/api/v1/groups?limit=1000&offset=" + std::to_string(groups.size()));
    if (!answer) return fail(answer.error());
    const Json& page = member(*answer, "groups");
    for (const Json& group : page) groups.push_back(group);
    if (!page.is_array() || page.size() < 1000) break;
  }
  std::vector<Column> columns{column("GROUP", "name", false),
                              column("OPEN", "open"),
                              column("QUEUED", "queued"),
                              column("ACTIVE", "active"),
                              column("RUNNING LIMIT", "running_limit"),
                              column("QUEUE LIMIT", "queue_limit")};
  for (const std::size_t i : {std::size_t(4), std::size_t(5)}) {
    columns[i].show = [path = columns[i].path](const Json& row, const Style&) {
      return show_limit(row, path);
    };
  }
  return context.print_rows(std::move(groups), columns, "groups", "name");
}

Result<Json> read_limits(const std::vector<std::string>& words) {
  Json limits = Json::object();
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::size_t sign = words[i].find('=');
    const std::string key = words[i].substr(0, sign);
    if (sign == std::string::npos || (key != "running" && key != "queued"))
      return fail(Errc::BadInput, "\"" + words[i] + "\" is no limit", "running=5, queued=100");
    const std::string value = words[i].substr(sign + 1);
    const auto most =
        value == "none"
            ? Result<std::int64_t>(0)
            : parse_integer(value, 0, key == "running" ? 4'294'967'295 : INT64_MAX, key);
    if (!most) return fail(most.error());
    limits[key + "_jobs"] = *most;
  }
  return limits;
}

Result<int> send(Context& context, const char* method, std::string body) {
  const Result<ApiClient*> api = context.api();
  if (!api) return fail(api.error());
  net::HttpClient::Call call;
  call.method = method;
  call.target = "/api/v1/groups/" + percent_encode(context.arguments().words.front());
  call.body = std::move(body);
  const Result<net::ClientResponse> response = (*api)->call(call);
  if (!response) return fail(response.error());
  const Result<Json> done = parse_json(response->body, "the answer");
  if (!done) return fail(done.error());
  if (context.globals().json())
    context.out(to_text(*done) + '\n');
  else if (!member(*done, "changed").get<bool>())
    context.note("nothing to change");
  return kOk;
}

Result<int> run_set(Context& context) {
  if (context.arguments().words.size() < 2)
    return fail(Errc::BadInput, "which group, and which limits?",
                "drover group set user=ann,creator=cli running=5");
  Result<Json> limits = read_limits(context.arguments().words);
  if (!limits) return fail(limits.error());
  return send(context, "PATCH", to_text(*limits));
}

Result<int> run_reset(Context& context) {
  if (context.arguments().words.size() != 1)
    return fail(Errc::BadInput, "which group?", "drover group reset user=ann,creator=cli");
  return send(context, "DELETE", {});
}

}  // namespace

const Command kGroupSet = {
    .noun = "group",
    .verb = "set",
    .operands = "NAME running=N|queued=N...",
    .summary = "give one group limits of its own (operators)",
    .about =
        "running: jobs of the group past the queue at once; queued: its open jobs. 0 or none is no "
        "limit. What is above a lowered limit goes on. It holds until `drover group reset`, also "
        "across restarts, and before the group has its first job.",
    .examples = "drover group set user=ann,creator=cli running=5 queued=1000",
    .run = run_set,
};

const Command kGroupReset = {
    .noun = "group",
    .verb = "reset",
    .operands = "NAME",
    .summary = "give a group the limits of all again (operators)",
    .examples = "drover group reset user=ann,creator=cli",
    .run = run_reset,
};

const Command kGroupLs = {
    .noun = "group",
    .verb = "ls",
    .summary = "list the queues: who waits and runs, and the limits",
    .examples = "drover group ls --sort -queued",
    .run = run_groups,
};

}  // namespace drover::cli
